#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// d grad phi(beta) = -grad L(beta) dt, L(beta) = sum_i l(y_i <x_i, beta>), l exponential-tailed.
/// The direction of beta tends to the phi_inf-maximum margin (Pesme, Dragomir, Flammarion, arXiv
/// 2406.12763). Energy identities: dL/dt = -|beta'|^2 in the metric phi''; in accelerated time the
/// same for the logarithm of log L (src/flow/mirror_flow.hpp).
ModelInfo separable_classification();

}  // namespace gradflow
