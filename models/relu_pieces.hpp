#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// The smooth pieces of a hidden layer of ReLU or leaky ReLU neurons, z_ik = w_k . x_i + b_k.
///
/// A piece fixes the slope of each neuron at each sample; its boundary is made of the surfaces
/// z_ik = 0. There the flow of a loss either goes through or, if it is driven back from the other
/// side too, slides: Filippov's solution, the gradient flow of Clarke's subdifferential. A sliding
/// neuron keeps z_ik = 0, so that (w_k, b_k) moves at right angles to (x_i, 1).
///
/// Vectors like w hold W (m, d) row by row, b (m) where there are biases, and further entries,
/// which are left alone. u is the loss's gradient by the outputs f(x_i) = c sum_k a_k sigma(z_ik).
class ReluPieces {
 public:
  /// Slope `low` for z < 0, 1 for z > 0. A surface is met at `tolerance` beyond it, in units of
  /// |(w_k, b_k)| |(x_i, 1)|, and left when the force that would hold the neuron is so far out of
  /// its range, in units of the largest |u_i|: a neuron that leaves along a tangent does not come
  /// back for an error of the integration.
  ReluPieces(std::shared_ptr<const Matrix> inputs, Index width, bool bias, double low,
             double tolerance);

  bool entered() const { return slope_.size() > 0; }
  /// How many pieces have been entered.
  std::uint64_t revision() const { return revision_; }
  /// sigma'_ik, shape (m, n). Where a neuron slides it multiplies z = 0 and is 0.
  const Matrix& slopes() const { return slope_; }

  /// Negative beyond the boundary of the piece, and where a neuron would leave the surface in which
  /// it slides. z is (m, n).
  double margin(ConstVectorRef w, const Matrix& z, ConstVectorRef a, ConstVectorRef u);
  /// The piece of a point, without sliding.
  void enter_afresh(const Matrix& z);
  /// The piece in which the flow goes on from w, at the boundary of the one before; a neuron that
  /// begins to slide is moved on to its surface.
  void enter_next(VectorRef w, const Matrix& z, ConstVectorRef a, ConstVectorRef u);

  /// Neurons that slide.
  const std::vector<Index>& sliders() const { return sliders_; }
  /// An orthonormal basis of the span of the (x_i, 1) in whose surfaces neuron k slides.
  const Matrix& normals(Index k) const { return normals_[static_cast<std::size_t>(k)]; }
  /// Takes the normals of the sliding neurons out of a vector like w.
  void project(VectorRef v);

 private:
  Index d() const { return inputs_->cols(); }
  Index extended() const { return d() + (bias_ ? 1 : 0); }
  Index samples() const { return inputs_->rows(); }
  std::vector<Index>& surfaces(Index k) { return surfaces_[static_cast<std::size_t>(k)]; }
  bool slides_at(Index k, Index i) const;
  void extend(Index i, Vector& x) const;
  void gather(ConstVectorRef w, Index k);
  void scatter(VectorRef w, Index k) const;
  void measure(ConstVectorRef w);
  double distance(const Matrix& z, Index k, Index i) const;
  void pull(Index k, ConstVectorRef u);
  void holding_forces(Index k, ConstVectorRef u);
  bool driven_back(Index k, Index i, ConstVectorRef a, ConstVectorRef u);
  void release(Index k, ConstVectorRef a, ConstVectorRef u);
  void make_normals(Index k);
  void project_neuron(VectorRef v, Index k);

  std::shared_ptr<const Matrix> inputs_;
  Index m_;
  bool bias_;
  double low_, tolerance_;
  std::uint64_t revision_ = 0;
  Vector length_;  ///< |(x_i, 1)|
  Matrix slope_;
  std::vector<std::vector<Index>> surfaces_;  ///< samples at which a neuron slides
  std::vector<Matrix> normals_;
  std::vector<Index> sliders_, crossed_;
  Vector size_;  ///< |(w_k, b_k)|, not less than a small part of the largest
  Vector neuron_, point_, pulled_, force_;
};

}  // namespace gradflow
