#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F(u, v) = 1/(2n) |X beta - y|^2 with beta = u^2 - v^2 ("difference") or u * v ("product").
/// Invariants of the flow with weight decay: u_i v_i e^{2 lambda t} ("difference"),
/// (u_i^2 - v_i^2) e^{2 lambda t} ("product").
ModelInfo diagonal_linear_network();

}  // namespace gradflow
