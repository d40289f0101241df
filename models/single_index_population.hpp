#pragma once

#include "flow/system.hpp"
#include "models/single_index.hpp"
#include "models/single_index_overlaps.hpp"
#include "models/single_index_sphere.hpp"

namespace gradflow {

/// The population flow of the weights: epsilon a_i' = -m dR/da_i, u_i' = -m (I - u_i u_i^T) dR/du_i
/// with R of the overlaps in closed form. State: a (m), U (m, d) row by row, |u_i| = 1, which the
/// flow keeps. Descends m R in the metric epsilon on a and 1 on u. Two m x m x d products a
/// right-hand side. Newton: GMRES with the exact block of a and its coupling to u.
class NetworkFlow final : public System, public sphere::Spheres {
 public:
  explicit NetworkFlow(SingleIndexProblem problem);

  Index dimension() const override { return m_ + m_ * d_; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;

  /// (1/m) U(r), the matrix K of epsilon a' = V(s) - K a, and d(epsilon a') by a move of u alone.
  void second_layer_matrix(ConstVectorRef y, Matrix& k);
  void second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out);

 private:
  /// Of a product with the Jacobian.
  double product_flops() const;
  struct Point {
    Vector y;
    Matrix r, u, u1, u2, w;
    Vector s, v, v1, v2;
    Vector square;                ///< |u_i|^2; r has 1 on its diagonal
    RowMatrix wu;                 ///< W U
    Vector radial, force, along;  ///< <u_i, force_i>, a bound of |force_i|, and what u_i loses
  };
  const Point& at(ConstVectorRef y, bool derivatives);
  void overlap_change(ConstVectorRef y, ConstVectorRef v);

  SingleIndexProblem problem_;
  Index m_, d_;
  TargetOverlap target_;
  OverlapKernel kernel_;
  Point point_;
  bool filled_ = false, with_derivatives_ = false;
  Matrix dr_, dw_, product_;
  RowMatrix dwu_;
  Vector dv1_, dalong_;
};

}  // namespace gradflow
