#include "models/perceptron_layout.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/parallel.hpp"

namespace gradflow {

Matrix perceptron_outputs(const PerceptronLayout& layout, Activation activation, double scale,
                          const Matrix& x, ConstVectorRef w) {
  // Samples whose activations stay in the second-level cache.
  const Index widest = *std::max_element(layout.widths.begin(), layout.widths.end());
  const Index chunk = std::max<Index>(16, 16384 / widest);
  Matrix outputs(layout.widths.back(), x.rows());
  for_each_stretch(x.rows(), chunk, [&](Index, Index first, Index count) {
    Matrix h = x.middleRows(first, count).transpose();
    for (std::size_t l = 0; l < layout.layers(); ++l) {
      h = (layout.W(w, l) * h).eval();
      if (layout.bias) h.colwise() += layout.b(w, l);
      if (l + 1 < layout.layers()) activation.evaluate(h.data(), h.size(), h.data());
    }
    outputs.middleCols(first, count) = scale * h;
  });
  return outputs;
}

Vector draw_perceptron(RandomStream& stream, const PerceptronLayout& layout, double variance) {
  Vector w = Vector::Zero(layout.parameters);
  for (std::size_t l = 0; l < layout.layers(); ++l)
    stream.fill_normal(w.segment(layout.matrix[l], layout.widths[l] * layout.widths[l + 1]),
                       std::sqrt(variance / static_cast<double>(layout.widths[l])));
  return w;
}

}  // namespace gradflow
