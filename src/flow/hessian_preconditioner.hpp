#pragma once

#include <memory>
#include <optional>

#include "flow/shifted_hessian_parts.hpp"

/// What conjugate gradients on a shifted Hessian are preconditioned by.
namespace gradflow {

/// A symmetric positive definite approximation of diag(shift) + scale J^T D J.
class HessianPreconditioner {
 public:
  virtual ~HessianPreconditioner() = default;
  /// At the loss's last point, where it stays until the next call.
  virtual void linearise(Loss& loss) = 0;
  virtual void factorise(const Loss& loss, const Shift& shift, double scale) = 0;
  /// z = (the approximation)^{-1} r, both of shape (p).
  virtual void solve(const Vector& r, Vector& z) = 0;
  /// Residuals are asked for beside the right-hand side to this accuracy at least, however large
  /// the tolerance is.
  virtual double loosest() const = 0;
  /// Residuals are settled (ShiftedHessian::settle_residuals) to this accuracy; 0: to rounding.
  virtual double settled_accuracy() const = 0;
};

/// A randomised Nystrom approximation of J^T D J (Frangella, Tropp, Udell 2023, "Randomized Nystrom
/// preconditioning"): `rank` Gauss-Newton products a linearisation. Memory 24 p rank bytes.
std::unique_ptr<HessianPreconditioner> make_nystrom_preconditioner(const Loss& loss, Index rank);
/// Of one linearisation, one factorisation and one solve.
NewtonCost nystrom_preconditioner_cost(const Loss& loss, Index rank);

/// Diagonal blocks (flow/gauss_newton_blocks.hpp), each with its Cholesky factor; null where the
/// loss's map offers none, not with this loss, or their factors take more than 2 GB.
/// Of the stiff directions of a network they hold those that many outputs share.
std::unique_ptr<HessianPreconditioner> make_block_preconditioner(const Loss& loss);
std::optional<NewtonCost> block_preconditioner_cost(const Loss& loss);
/// Are the blocks that an output depends on so few that conjugate gradients end after some twenty
/// iterations, however stiff the loss is?
bool few_blocks_an_output(const Loss& loss);

}  // namespace gradflow
