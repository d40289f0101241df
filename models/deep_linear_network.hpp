#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F = 1/2 |W_L ... W_1 - A|_F^2, or 1/(2n) sum_i |W_L ... W_1 x_i - y_i|^2. Ersoy and Wiesner,
/// arXiv 2505.06597; Ziyin, Li and Meng, arXiv 2202.04777.
ModelInfo deep_linear_network();

}  // namespace gradflow
