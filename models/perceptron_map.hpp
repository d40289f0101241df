#pragma once

#include <memory>
#include <vector>

#include "flow/output_map.hpp"
#include "numerics/activation.hpp"

namespace gradflow {

/// f(x) = c (W_L sigma(... sigma(W_1 x + b_1) ...) + b_L), the outputs sample by sample; `inputs`
/// is (n, d). Parameters W_1, b_1, W_2, ..., the matrices row by row, b_l where there are biases.
std::unique_ptr<OutputMap> make_perceptron_map(std::shared_ptr<const Matrix> inputs,
                                               std::vector<Index> widths, Activation activation,
                                               bool bias, double output_scale);

}  // namespace gradflow
