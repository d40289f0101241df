#pragma once

#include <vector>

#include "numerics/factorisations.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// Where a hidden layer's weights lie in the parameter vector: (width, inputs) row by row.
struct HiddenLayer {
  Index inputs, width;
  Index matrix;       ///< of W_l
  Index offset = -1;  ///< of b_l; negative: no biases

  bool has_bias() const { return offset >= 0; }
  /// W_l within the parameter vector.
  Eigen::Map<const RowMatrix> weights(ConstVectorRef w) const {
    return {w.data() + matrix, width, inputs};
  }
  Eigen::Map<RowMatrix> weights(VectorRef& w) const { return {w.data() + matrix, width, inputs}; }
};

/// The pre-activation z_ki of a neuron at a sample.
struct Kink {
  Index layer, neuron, sample;
  bool operator==(const Kink&) const = default;
};

/// What layers of neurons hold at a network's last point.
class LayeredNetwork {
 public:
  virtual ~LayeredNetwork() = default;
  virtual void move_to(ConstVectorRef w) = 0;
  virtual const Matrix& layer_input(Index l) const = 0;    ///< h_l, shape (inputs, n)
  virtual const Matrix& preactivation(Index l) const = 0;  ///< z_l = W_l h_l + b_l, (width, n)
  /// The loss's gradient by all parameters, u being that by the outputs; no decay, no projection.
  virtual void loss_gradient(ConstVectorRef u, VectorRef g) = 0;
  /// dF/d sigma(z_l), (width, n), as the last loss_gradient left it.
  virtual const Matrix& activation_gradient(Index l) const = 0;
};

/// The surfaces z_s = 0 at a point, s some kinks, and their normals n_s = dz_s/dw. In layer l of
/// kink s the normal is (h_l, 1) in the neuron's row; below it is an outer product of (h, 1) with
/// derivatives that are kept here. In the first layer normals do not depend on w.
class SlidingSurface {
 public:
  explicit SlidingSurface(std::vector<HiddenLayer> layers) : layers_(std::move(layers)) {}

  /// |kinks|^2 inner products of the layers' widths, one pass backwards a kink.
  void build(const std::vector<Kink>& kinks, const std::vector<Matrix>& slopes,
             const LayeredNetwork& network, ConstVectorRef w);
  Index size() const { return static_cast<Index>(kinks_.size()); }
  /// True where normals depend on w.
  bool curved() const { return curved_; }

  /// n_s . v.
  double overlap(Index s, ConstVectorRef v) const;
  /// v += c n_s.
  void add(Index s, double c, VectorRef v) const;
  /// (N^T N)^{-1} c, N = (n_1, n_2, ...); in place.
  void solve(VectorRef c) const {
    if (size() > 0) c = gram_.solve(c);
  }
  /// N^T v.
  const Vector& overlaps(ConstVectorRef v);
  /// v -> P v = v - N (N^T N)^{-1} N^T v.
  void project(VectorRef v);
  /// n_s . n_r.
  double product(Index s, Index r) const { return products_(s, r); }
  /// dz_s/d sigma(z_r) for a kink r below s at its sample.
  double through(Index s, const Kink& r, ConstVectorRef w) const;
  /// The share of n_s, squared, that is not in the span of those before it.
  double independence(Index s) const;
  /// out -= N (N^T N)^{-1} (v . (hess z_s) q): what the turning of the normals adds to the
  /// derivative along v of a field P X whose value is q.
  void turn(ConstVectorRef w, ConstVectorRef v, ConstVectorRef q, VectorRef out);

 private:
  std::vector<HiddenLayer> layers_;
  std::vector<Kink> kinks_;
  const std::vector<Matrix>* slopes_ = nullptr;
  const LayeredNetwork* network_ = nullptr;
  std::vector<Matrix> below_;  ///< dz_s/dz_l of a kink's sample, (width, kinks)
  Matrix products_;
  Eigen::LDLT<Matrix> gram_;
  Vector overlap_, turned_;
  bool curved_ = false;
};

}  // namespace gradflow
