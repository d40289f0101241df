#pragma once

#include "flow/loss.hpp"

namespace gradflow {

/// l(z) = e^{-z} or log(1 + e^{-z}).
enum class MarginLossKind { exponential, logistic };

/// l(f) = sum_i l(f_i) for margins f_i = y_i <x_i, beta>: decreasing, tail e^{-z}.
class MarginLoss final : public OutputLoss {
 public:
  explicit MarginLoss(MarginLossKind kind) : kind_(kind) {}
  double value(ConstVectorRef f) const override;
  double gradient(ConstVectorRef f, VectorRef g) const override;
  void hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const override;
  void root_transposed_times(ConstVectorRef f, VectorRef v) const override;
  void root_times(ConstVectorRef f, VectorRef v) const override;

 private:
  MarginLossKind kind_;
};

/// log sum_i l(z_i), for margins of any size.
double log_margin_loss(MarginLossKind kind, ConstVectorRef z);

/// q_i = -l'(z_i)/L, by log-sum-exp; returns log L. For the exponential loss q = softmax(-z).
double margin_weights(MarginLossKind kind, ConstVectorRef z, VectorRef q);

}  // namespace gradflow
