#pragma once

#include <memory>

#include "flow/mini_batch.hpp"

namespace gradflow {

/// f = X w, X (N, p).
class LinearMap final : public OutputMap {
 public:
  explicit LinearMap(std::shared_ptr<const Matrix> inputs) : inputs_(std::move(inputs)) {}
  std::unique_ptr<OutputMap> clone() const override { return std::make_unique<LinearMap>(inputs_); }
  Index parameters() const override { return inputs_->cols(); }
  Index outputs() const override { return inputs_->rows(); }
  void evaluate(ConstVectorRef w, VectorRef f) override { f.noalias() = *inputs_ * w; }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override { jv.noalias() = *inputs_ * v; }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    jtu.noalias() = inputs_->transpose() * u;
  }
  void curvature_times(ConstVectorRef, ConstVectorRef, VectorRef out) override { out.setZero(); }
  void transposed_jacobian(MatrixRef jt) override { jt = inputs_->transpose(); }
  double evaluate_flops() const override { return 2.0 * static_cast<double>(inputs_->size()); }
  bool affine() const override { return true; }
  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_row_batch_map(inputs_,
                              [](const auto& rows) { return std::make_unique<LinearMap>(rows); });
  }

 private:
  std::shared_ptr<const Matrix> inputs_;
};

}  // namespace gradflow
