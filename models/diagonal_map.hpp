#pragma once

#include <memory>

#include "flow/output_map.hpp"

namespace gradflow {

/// beta = u^2 - v^2, u v or u^2, entry by entry.
enum class Parametrisation { difference, product, square };

/// How many vectors of the length of beta the parameters are: u and v, or u alone.
constexpr Index factors_of(Parametrisation kind) {
  return kind == Parametrisation::square ? 1 : 2;
}

/// f = X beta(u, v); state (u, v), p = 2d, or u, p = d.
class DiagonalMap final : public OutputMap {
 public:
  DiagonalMap(std::shared_ptr<const Matrix> inputs, Parametrisation kind);
  std::unique_ptr<OutputMap> clone() const override;
  Index parameters() const override { return factors_of(kind_) * d(); }
  Index outputs() const override { return inputs_->rows(); }

  void evaluate(ConstVectorRef w, VectorRef f) override;
  void jacobian_times(ConstVectorRef v, VectorRef jv) override;
  void transpose_times(ConstVectorRef u, VectorRef jtu) override;
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override;
  void transposed_jacobian(MatrixRef jt) override;
  const BlockStructure* curvature_blocks() const override { return &blocks_; }
  void curvature(ConstVectorRef u, VectorRef blocks) override;
  double evaluate_flops() const override { return 2.0 * static_cast<double>(inputs_->size()); }
  /// K = X diag(s) X^T with s the squared slopes of beta: N^2 d flops instead of N^2 p.
  void gram(ConstVectorRef weight, MatrixRef k) override;
  double gram_flops() const override {
    return 2.0 * static_cast<double>(outputs() * outputs() * d());
  }

  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override;

  void effective(ConstVectorRef w, VectorRef beta) const;

 private:
  Index d() const { return inputs_->cols(); }
  /// The slope of beta by the first and by the last of the factors, in `back_`.
  void slope_by_first();
  void slope_by_last();
  std::shared_ptr<const Matrix> inputs_;
  Parametrisation kind_;
  Vector w_, beta_, back_;
  Matrix scaled_;
  BlockStructure blocks_;
};

}  // namespace gradflow
