#pragma once

#include "flow/loss.hpp"
#include "flow/system.hpp"
#include "numerics/factorisations.hpp"

namespace gradflow {

/// The pseudo-inverse (J J^T)^+ on residual space at a point: J^T (J J^T)^+ J is the projection on
/// the row space of J. Residuals x residuals; nothing of size p x p.
class TangentProjection {
 public:
  explicit TangentProjection(const Loss& loss);

  /// Moves to w: one Gram matrix and N^3/3 flops (an eigendecomposition, 9 N^3, where the rank is
  /// not full).
  void linearise(ConstVectorRef w);
  /// v - J^T (J J^T)^+ J v: the part of v in ker J; in place.
  void project(VectorRef v);
  /// J^T (J J^T)^+ r for r in residual space: the least step that changes the outputs by r.
  void least_step(ConstVectorRef r, VectorRef step);

  Index rank() const { return rank_; }
  /// Smallest over largest eigenvalue of J J^T, of those counted in the rank at the first point; at
  /// full rank an upper bound, from the pivots of the Cholesky factor.
  double reciprocal_condition() const { return reciprocal_condition_; }
  Loss& loss() { return loss_; }
  const Loss& loss() const { return loss_; }

 private:
  Loss loss_;
  Matrix gram_, inverse_;
  Cholesky cholesky_;
  bool full_rank_ = false;
  Index rank_ = 0, first_rank_ = -1;
  double reciprocal_condition_ = 1;
  Vector small_, solved_, large_;
};

/// The slow limit of w' = -grad F - lambda w in tau = lambda t (arXiv 2505.20172): on the manifold
/// of minimisers,
///
///   w°' = -P w°,  P the projection on ker hess F(w°) = ker J(w°) where the outputs fit the
///   targets,
///
/// the Riemannian gradient flow of |w|^2/2. State: w, shape (p); time: tau. A Gauss-Newton pull
/// with rate `pull` keeps the trajectory on the manifold; it vanishes there, and is not stiff.
class RiemannianFlow final : public System {
 public:
  explicit RiemannianFlow(const Loss& loss, double pull = 5);

  Index dimension() const override { return projection_.loss().dimension(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  /// By central differences of rhs: only for diagnostics, no solver of this flow is implicit.
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  bool has_saddles() const override { return false; }
  double energy(ConstVectorRef y) override { return 0.5 * y.squaredNorm(); }
  /// Gauss-Newton steps back to the manifold, until the residuals are at rounding.
  void correct(double t, VectorRef y) override;
  /// |residuals| over |outputs| + |residuals|; 0 for affine outputs, whose kernel is the same
  /// everywhere.
  double misfit(ConstVectorRef y) override;
  /// The rank of J has fallen: sparse vectors, low-rank matrices.
  bool at_singular_point() const override { return singular_; }

 private:
  TangentProjection projection_;
  double pull_;
  bool singular_ = false;
  Vector residual_, step_, ahead_, moved_;
};

}  // namespace gradflow
