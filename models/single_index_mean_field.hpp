#pragma once

#include "flow/model.hpp"
#include "models/single_index.hpp"
#include "models/single_index_packs.hpp"

namespace gradflow {

/// The reduced system, d -> infinity and then many neurons: state a (m) then s (m), dimension 2m.
///
///   epsilon a_i' = P(s_i),  s_i' = a_i (1 - s_i^2) P'(s_i),
///   P(s) = sum_k sigma_k (phi_k - sigma_k M_k) s^k,  M_k = (1/m) sum_j a_j s_j^k.
///
/// It descends m R, R = 1/2 sum_k (phi_k - sigma_k M_k)^2, in the metric epsilon on a and
/// 1/(1 - s^2) on s. Right-hand side: O(mK). Newton matrix: 2x2 blocks plus rank K + 1, solved
/// exactly, O(mK + K^3) a set-up and O(mK) a solve.
class MeanFieldFlow final : public System {
 public:
  explicit MeanFieldFlow(SingleIndexProblem problem);

  Index dimension() const override { return 2 * problem_.width; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;
  std::string preferred_method() const override;

 private:
  /// Of a product with the Jacobian.
  double product_flops() const;
  /// sigma_k (phi_k - sigma_k M_k): the coefficients of P.
  void residual_coefficients(ConstVectorRef y);

  SingleIndexProblem problem_;
  Vector moments_, g_, dg_;
  packs::PowerSums sums_, slope_sums_;
  Matrix parts_;  ///< of a sum, one a lane and chunk of neurons
};

ModelInfo single_index_mean_field();

}  // namespace gradflow
