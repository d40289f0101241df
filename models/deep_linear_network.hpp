#pragma once

#include "flow/model.hpp"
#include "flow/output_map.hpp"

namespace gradflow {

/// f = W_L ... W_1 R as a vector, column by column; parameters W_1, ..., W_L, each row by row. W_l
/// is (widths[l], widths[l-1]), R is (widths[0], k).
std::unique_ptr<OutputMap> make_deep_linear_map(std::vector<Index> widths,
                                                std::shared_ptr<const Matrix> right);

/// F = 1/2 |W_L ... W_1 - A|_F^2, or 1/(2n) sum_i |W_L ... W_1 x_i - y_i|^2. Ersoy and Wiesner,
/// arXiv 2505.06597; Ziyin, Li and Meng, arXiv 2202.04777.
ModelInfo deep_linear_network();

}  // namespace gradflow
