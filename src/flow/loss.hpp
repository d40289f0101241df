#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "flow/output_map.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// A convex function l(f) of the outputs f in R^N, with its Hessian D(f) = S S^T. Stateless: the
/// point is an argument, so that one object serves the flow and its Newton matrices.
class OutputLoss {
 public:
  virtual ~OutputLoss() = default;
  virtual double value(ConstVectorRef f) const = 0;
  /// f - y, whose zeros are the minimisers. \throws std::logic_error for a loss without finite ones
  virtual void residual(ConstVectorRef f, VectorRef r) const;
  virtual bool has_residual() const { return false; }
  /// l(f); gradient dl/df, shape (N).
  virtual double gradient(ConstVectorRef f, VectorRef g) const = 0;
  /// The entries of dl/df that are those of some samples; f and g are theirs, one sample after
  /// another. \throws std::logic_error for a loss that is no sum over samples
  virtual void batch_gradient(ConstVectorRef f, const std::vector<Index>& samples,
                              VectorRef g) const;
  /// D(f) v.
  virtual void hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const = 0;
  /// S^T v and S v for the factor S of D(f); in place.
  virtual void root_transposed_times(ConstVectorRef f, VectorRef v) const = 0;
  virtual void root_times(ConstVectorRef f, VectorRef v) const = 0;
  /// S^T V, V of shape (N, any), in place. By default column by column; a loss whose S is dear to
  /// make overrides it.
  virtual void root_transposed_times_columns(ConstVectorRef f, MatrixRef v) const;
  /// c where S = c I at every f: matrices are then scaled instead of multiplied.
  virtual std::optional<double> uniform_root() const { return std::nullopt; }
};

/// l(f) = c ||f - y||^2 + constant.
class SquaredLoss final : public OutputLoss {
 public:
  SquaredLoss(double c, Vector targets, double constant = 0)
      : c_(c), targets_(std::move(targets)), constant_(constant) {}
  double value(ConstVectorRef f) const override;
  void residual(ConstVectorRef f, VectorRef r) const override { r = f - targets_; }
  bool has_residual() const override { return true; }
  double gradient(ConstVectorRef f, VectorRef g) const override;
  void batch_gradient(ConstVectorRef f, const std::vector<Index>& samples,
                      VectorRef g) const override;
  void hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const override;
  void root_transposed_times(ConstVectorRef f, VectorRef v) const override;
  void root_times(ConstVectorRef f, VectorRef v) const override;
  std::optional<double> uniform_root() const override;
  const Vector& targets() const { return targets_; }

 private:
  double c_;
  Vector targets_;
  double constant_;
};

/// l(f) = (1/n) sum_i [log sum_k exp f_ik - f_{i, label_i}], outputs sample by sample: f_ik at
/// i * classes + k. To full relative accuracy however well the samples are fitted: what would be 1
/// - p_label, or the logarithm of a sum that is nearly 1, is made of the other classes alone.
class CrossEntropyLoss final : public OutputLoss {
 public:
  CrossEntropyLoss(std::vector<Index> labels, Index classes);
  double value(ConstVectorRef f) const override;
  double gradient(ConstVectorRef f, VectorRef g) const override;
  void batch_gradient(ConstVectorRef f, const std::vector<Index>& samples,
                      VectorRef g) const override;
  void hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const override;
  void root_transposed_times(ConstVectorRef f, VectorRef v) const override;
  void root_times(ConstVectorRef f, VectorRef v) const override;
  void root_transposed_times_columns(ConstVectorRef f, MatrixRef v) const override;

 private:
  /// p_k = exp(f_k)/sum of one sample, and what the others have, 1 - p_label.
  struct Softmax {
    Vector p;
    double others = 0;
    double loss = 0;  ///< -log p_label
  };
  /// Of the sample at place i of f, which has this label, in memory of the thread's own that the
  /// next call uses again.
  Softmax& softmax(ConstVectorRef f, Index i, Index label) const;
  Softmax& softmax(ConstVectorRef f, Index i) const {
    return softmax(f, i, labels_[static_cast<std::size_t>(i)]);
  }
  /// g at place i; the loss of that sample.
  double sample_gradient(ConstVectorRef f, Index i, Index label, VectorRef g) const;
  std::vector<Index> labels_;
  Index classes_;
};

/// F(w) = l(f(w)): value, exact gradient J^T l', exact Hessian-vector product
/// J^T D J v + sum_i l'_i (hess f_i) v. A second call at the same point does not evaluate the map
/// again: guard, energy and Lanczos iterations ask for many products at one w.
class Loss {
 public:
  Loss(std::unique_ptr<OutputMap> map, std::shared_ptr<const OutputLoss> output_loss);
  Loss(const Loss& other);
  Loss(Loss&& other) noexcept = default;

  Index dimension() const { return map_->parameters(); }
  Index outputs() const { return map_->outputs(); }

  double value(ConstVectorRef w);
  /// F(w); gradient, shape (p). Moves the point to w.
  double gradient(ConstVectorRef w, VectorRef g);
  /// Moves the point to w without a gradient.
  void linearise(ConstVectorRef w);
  /// (hess F) v at the last point.
  void hessian_times(ConstVectorRef v, VectorRef out);
  /// The same with another vector u, shape (N), in the place of l'(f) in sum_i l'_i (hess f_i) v.
  void hessian_times(ConstVectorRef v, VectorRef out, ConstVectorRef u);
  /// Its Gauss-Newton part J^T D J v.
  void gauss_newton_times(ConstVectorRef v, VectorRef out);

  /// v -> P v where the map slides in surfaces of its pieces; elsewhere v stays.
  void project(VectorRef v);

  OutputMap& map() { return *map_; }
  const OutputMap& map() const { return *map_; }
  const OutputLoss& output_loss() const { return *output_loss_; }
  /// f and l'(f) at the last point.
  const Vector& last_outputs() const { return f_; }
  const Vector& last_output_gradient() const { return g_; }

 private:
  std::unique_ptr<OutputMap> map_;
  std::shared_ptr<const OutputLoss> output_loss_;
  /// Evaluates f at w unless that is where it was evaluated last, and the map is still the same.
  void move_to(ConstVectorRef w);
  Vector point_, f_, g_, jv_, djv_, curved_;
  double value_ = 0;
  std::uint64_t revision_ = 0;  ///< of the map's pieces
  bool have_point_ = false, have_gradient_ = false;
};

}  // namespace gradflow
