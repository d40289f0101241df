#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F = 1/(2n) sum_i (f(x_i) - y_i)^2. Boursier, Pesme, Dragomir, arXiv 2505.20172, figure 3.
ModelInfo two_layer_network();

}  // namespace gradflow
