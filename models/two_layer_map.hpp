#pragma once

#include <memory>

#include "flow/output_map.hpp"
#include "numerics/activation.hpp"

namespace gradflow {

/// f(x_i) = c sum_k a_k sigma(w_k . x_i + b_k) for the rows x_i of `inputs`; parameters W (m, d)
/// row by row, b (m) where there are biases, a (m). Its curvature is block diagonal, one block a
/// neuron (w_k, b_k, a_k).
std::unique_ptr<OutputMap> make_two_layer_map(std::shared_ptr<const Matrix> inputs, Index width,
                                              Activation activation, bool bias,
                                              double output_scale);

}  // namespace gradflow
