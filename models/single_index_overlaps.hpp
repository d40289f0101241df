#pragma once

#include "flow/model.hpp"
#include "models/single_index.hpp"
#include "models/single_index_kernel.hpp"

namespace gradflow {

/// Polynomials of one variable, values and derivatives for a vector of arguments: V(s) = sum_k
/// phi_k sigma_k s^k.
class TargetOverlap {
 public:
  explicit TargetOverlap(const SingleIndexProblem& problem)
      : c_(problem.phi.cwiseProduct(problem.sigma)) {}
  /// V, V' and V'' at s.
  void evaluate(ConstVectorRef s, Vector& v, Vector& v1, Vector& v2) const;

 private:
  Vector c_;
};

OverlapKernel overlap_kernel(const SingleIndexProblem& problem);

/// The overlaps s_i = <u_i, u*>, r_ij = <u_i, u_j> of m neurons in any dimension, in closed form:
///
///   epsilon a_i' = V(s_i) - (1/m) sum_j a_j U(r_ij)
///   s_i' = a_i [V'(s_i)(1 - s_i^2) - (1/m) sum_j a_j U'(r_ij)(s_j - r_ij s_i)]
///   r_ij' = G_ij + G_ji,
///   G_ij = a_i [V'(s_i)(s_j - s_i r_ij) - (1/m) sum_p a_p U'(r_ip)(r_pj - r_ip r_ij)].
///
/// State: a (m), s (m), r_ij for i < j row by row; r_ii = 1. Dimension m(m + 3)/2. One m x m x m
/// product a right-hand side, two more a Jacobian-vector product. Newton: GMRES with the exact
/// (a, s) block and its coupling to r, one LU of 2m x 2m a set-up; what is left to GMRES is
/// not stiff, as epsilon divides only the rows of a.
class OverlapFlow final : public System {
 public:
  explicit OverlapFlow(SingleIndexProblem problem);

  Index dimension() const override { return 2 * m_ + m_ * (m_ - 1) / 2; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;

  /// R = |phi|^2/2 - (1/m) sum a_i V(s_i) + 1/(2 m^2) sum a_i a_j U(r_ij).
  double risk(ConstVectorRef y);
  /// Full r, shape (m, m), from a state.
  static void unpack(ConstVectorRef upper, double diagonal, Matrix& r);
  static void pack(const Matrix& r, VectorRef upper);

  /// Everything that depends on the point alone; kept while the point stays.
  struct Point {
    Vector y;
    Matrix r, u, u1, u2, w,
        wr;  ///< overlaps, U, U', U'' (0 on the diagonal), W = U' diag(a)/m, W R
    Vector v, v1, v2, ws, c, drive;
  };
  const Point& at(ConstVectorRef y, bool derivatives);

 private:
  /// Of a product with the Jacobian.
  double product_flops() const;
  SingleIndexProblem problem_;
  Index m_;
  TargetOverlap target_;
  OverlapKernel kernel_;
  Point point_;
  bool filled_ = false, with_derivatives_ = false;
  Matrix g_, dr_, dw_, product_;
  Vector dc_, ddrive_, diagonal_, ddiagonal_;
};

ModelInfo single_index_overlaps();

}  // namespace gradflow
