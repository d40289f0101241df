#pragma once

#include <utility>
#include <vector>

#include "numerics/activation.hpp"
#include "numerics/random.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// Where a perceptron's layers lie in its parameter vector: W_1, b_1, W_2, ..., the matrices row by
/// row, b_l where there are biases.
struct PerceptronLayout {
  std::vector<Index> widths;  ///< inputs, hidden layers, outputs
  bool bias = true;
  std::vector<Index> matrix, offset;  ///< of W_l and b_l
  Index parameters = 0;

  PerceptronLayout(std::vector<Index> all_widths, bool with_bias)
      : widths(std::move(all_widths)), bias(with_bias) {
    for (std::size_t l = 0; l < layers(); ++l) {
      matrix.push_back(parameters);
      parameters += widths[l] * widths[l + 1];
      offset.push_back(parameters);
      if (bias) parameters += widths[l + 1];
    }
  }
  std::size_t layers() const { return widths.size() - 1; }
  Eigen::Map<const RowMatrix> W(ConstVectorRef w, std::size_t l) const {
    return {w.data() + matrix[l], widths[l + 1], widths[l]};
  }
  Eigen::Map<RowMatrix> W(VectorRef& w, std::size_t l) const {
    return {w.data() + matrix[l], widths[l + 1], widths[l]};
  }
  auto b(ConstVectorRef w, std::size_t l) const { return w.segment(offset[l], widths[l + 1]); }
};

/// Outputs for the rows of x, (outputs, k), times `scale`.
Matrix perceptron_outputs(const PerceptronLayout& layout, Activation activation, double scale,
                          const Matrix& x, ConstVectorRef w);

/// Matrices N(0, variance / fan-in), no biases.
Vector draw_perceptron(RandomStream& stream, const PerceptronLayout& layout, double variance);

}  // namespace gradflow
