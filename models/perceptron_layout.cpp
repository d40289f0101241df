#include "models/perceptron_layout.hpp"

#include <cmath>

namespace gradflow {

Matrix perceptron_outputs(const PerceptronLayout& layout, Activation activation, double scale,
                          const Matrix& x, ConstVectorRef w) {
  Matrix h = x.transpose();
  for (std::size_t l = 0; l < layout.layers(); ++l) {
    h = (layout.W(w, l) * h).eval();
    if (layout.bias) h.colwise() += layout.b(w, l);
    if (l + 1 < layout.layers()) activation.evaluate(h.data(), h.size(), h.data());
  }
  return scale * h;
}

Vector draw_perceptron(RandomStream& stream, const PerceptronLayout& layout, double variance) {
  Vector w = Vector::Zero(layout.parameters);
  for (std::size_t l = 0; l < layout.layers(); ++l)
    stream.fill_normal(w.segment(layout.matrix[l], layout.widths[l] * layout.widths[l + 1]),
                       std::sqrt(variance / static_cast<double>(layout.widths[l])));
  return w;
}

}  // namespace gradflow
