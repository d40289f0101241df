#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/loss.hpp"
#include "flow/newton_matrix.hpp"
#include "numerics/symmetric_factorisation.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// Solves (diag(shift) + scale H) x = b with H the Hessian of a loss, or an approximation of it:
/// what remains of every flow of a loss (gradient, heavy ball, learning rates by layer) once the
/// flow's own terms are eliminated. shift > 0, scale > 0.
class ShiftedHessian {
 public:
  explicit ShiftedHessian(NewtonOffer offer) : offer_(std::move(offer)) {}
  virtual ~ShiftedHessian() = default;
  virtual void linearise(ConstVectorRef w) = 0;
  /// `shift` has p entries, or one that stands for all.
  virtual bool factorise(ConstVectorRef shift, double scale) = 0;
  virtual bool solve(VectorRef b, double tolerance) = 0;
  virtual std::optional<Index> negative_eigenvalues() const { return std::nullopt; }
  const NewtonOffer& offer() const { return offer_; }
  std::string name() const { return linear_kind_name(offer_.kind); }

  /// From here on the outputs' curvature, sum_i u_i hess f_i, is taken with the gradient of the
  /// output loss that a Gauss-Newton step of this length leaves, u = l'(f) - D J delta,
  /// (diag(shift) + scale J^T D J) delta = scale (J^T l'(f) + Lambda w), not with l'(f) at the
  /// point; Lambda = `decay`, of size 1 or p.
  ///
  /// On a slow manifold of interpolating minimisers l' is of the order of lambda, but at a
  /// prediction that is off by the tolerance it is of the order of the tolerance: times scale ~
  /// 1/lambda that makes directions along the manifold look stiff, or unstable, by a factor
  /// tolerance/lambda, and Newton's iteration takes its small corrections for convergence (lambda =
  /// 1e-12, rtol = 1e-4: the norm grew under weight decay). The step takes away what is not in
  /// balance with the decay; it leaves all of l' early on, and the residuals of a fit that does not
  /// interpolate. One more set-up of the Gauss-Newton part; no effect on the Gauss-Newton matrix.
  virtual void settle_residuals(ConstVectorRef /*decay*/) {}

 private:
  NewtonOffer offer_;
};

/// Those that a loss has, and one of them. Their costs leave out the outputs at the point, which
/// the right-hand side there takes as well.
std::vector<NewtonOffer> newton_offers_of(const Loss& loss);
/// \throws std::invalid_argument for a kind that is not offered.
std::unique_ptr<ShiftedHessian> make_shifted_hessian(const Loss& loss, LinearKind kind);

/// The full Hessian as a dense matrix, LL^T or pivoted LDL^T. p Hessian-vector products and p^3/3
/// flops; exact; counts negative eigenvalues.
std::unique_ptr<ShiftedHessian> make_dense_hessian(const Loss& loss);
NewtonOffer dense_hessian_offer(const Loss& loss);

/// The Gauss-Newton part J^T D J alone, solved through the N x N matrix I + scale S^T J
/// diag(1/shift) J^T S (D = S S^T). Exact only for affine outputs. Cost: one Gram matrix and N^3/3
/// flops, memory N^2; nothing of size p x p or, where the model has a Gram matrix of its own, p x
/// N. The part left out is as small as the residual, so in the slow phase (residual = O(lambda))
/// the number of Newton iterations does not depend on lambda.
std::unique_ptr<ShiftedHessian> make_gauss_newton_hessian(const Loss& loss);
NewtonOffer gauss_newton_hessian_offer(const Loss& loss);

/// Exact Hessian of models whose residual curvature is block diagonal (two-layer and diagonal
/// networks): block inverses and the same N x N Woodbury matrix. Memory 2pN; N^2 p flops; counts
/// negative eigenvalues: n(B + U U^T) = n(B) - n(I + U^T B^{-1} U).
std::unique_ptr<ShiftedHessian> make_block_hessian(const Loss& loss);
NewtonOffer block_hessian_offer(const Loss& loss);

/// Matrix-free: conjugate gradients on the exact Hessian, preconditioned by diagonal blocks of the
/// Gauss-Newton part where the map offers them, else by its Nystrom approximation of that rank
/// (flow/hessian_preconditioner.hpp); where negative curvature shows, on the Gauss-Newton part
/// alone. Memory: that of the blocks, or O(p x rank).
std::unique_ptr<ShiftedHessian> make_krylov_hessian(const Loss& loss, Index rank = 40);
NewtonOffer krylov_hessian_offer(const Loss& loss, Index rank = 40);

}  // namespace gradflow
