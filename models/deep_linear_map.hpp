#pragma once

#include <memory>
#include <vector>

#include "flow/output_map.hpp"

namespace gradflow {

/// f = W_L ... W_1 R as a vector, column by column; parameters W_1, ..., W_L, each row by row. W_l
/// is (widths[l], widths[l-1]), R is (widths[0], k). Where R's
/// columns are samples the map can be taken on a mini-batch of them.
std::unique_ptr<OutputMap> make_deep_linear_map(std::vector<Index> widths,
                                                std::shared_ptr<const Matrix> right,
                                                bool columns_are_samples = false);

}  // namespace gradflow
