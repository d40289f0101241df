#pragma once

#include "flow/output_map.hpp"

namespace gradflow::testing {

/// f_i(w) = sin(a_i . w): no structure at all, so that the defaults of OutputMap are what is used.
class SineMap final : public OutputMap {
 public:
  explicit SineMap(Matrix a) : a_(std::move(a)), phase_(a_.rows()) {}
  std::unique_ptr<OutputMap> clone() const override { return std::make_unique<SineMap>(a_); }
  Index parameters() const override { return a_.cols(); }
  Index outputs() const override { return a_.rows(); }
  void evaluate(ConstVectorRef w, VectorRef f) override {
    phase_ = a_ * w;
    f = phase_.array().sin();
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    jv = phase_.array().cos() * (a_ * v).array();
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    jtu = a_.transpose() * (phase_.array().cos() * u.array()).matrix();
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    out = -a_.transpose() * (phase_.array().sin() * u.array() * (a_ * v).array()).matrix();
  }
  double evaluate_flops() const override { return 2.0 * static_cast<double>(a_.size()); }

 private:
  Matrix a_;
  Vector phase_;
};

}  // namespace gradflow::testing
