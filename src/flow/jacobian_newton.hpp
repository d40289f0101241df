#pragma once

#include <memory>

#include "flow/newton_matrix.hpp"
#include "flow/system.hpp"
#include "numerics/types.hpp"

/// Newton matrices made of a system's Jacobian-vector products alone: for systems without a
/// structure of their own, and to check those that have one.
namespace gradflow {

/// I - gamma J as a dense matrix, n products a linearisation and a pivoted LU a factorisation.
/// Exact; memory 24 n^2 bytes. `product_flops`: of one product, 0 where it is not known.
std::unique_ptr<NewtonMatrix> make_dense_newton_matrix(System& system, double product_flops = 0);
NewtonOffer dense_newton_offer(Index n, double product_flops = 0);

/// An approximation P of I - gamma J, for GMRES from the right.
class Preconditioner {
 public:
  virtual ~Preconditioner() = default;
  virtual void linearise(double t, ConstVectorRef y) = 0;
  virtual bool factorise(double gamma) = 0;
  /// b <- P^{-1} b.
  virtual void solve(VectorRef b) = 0;
  virtual NewtonCost cost() const = 0;
  virtual std::string name() const = 0;
};

/// GMRES on I - gamma J with the preconditioner on the right, so that its residual is the true one;
/// restarted after `basis` vectors, at most 4 cycles. One product and one P^{-1} an iteration. The
/// system is the matrix's own, so that what it keeps of the point of linearisation is not displaced
/// by right-hand sides elsewhere.
std::unique_ptr<NewtonMatrix> make_gmres_newton_matrix(std::unique_ptr<System> system,
                                                       std::unique_ptr<Preconditioner> p,
                                                       double product_flops, Index basis = 40);
NewtonOffer gmres_newton_offer(Index n, double product_flops, const NewtonCost& preconditioner,
                               Index basis = 40);

/// The extreme eigenvalues of J at y, for a system whose J is symmetric in its metric: Lanczos with
/// full reorthogonalisation in <., .>_G, exact for systems of at most `iterations` unknowns. NaN
/// where J is not finite.
struct SpectrumEnds {
  double lowest = nan;         ///< the most negative: the stiffest decay
  double second_lowest = nan;  ///< the next; the ratio is the spectral gap of the fast direction
  double highest = nan;        ///< the most positive: the growth rate of an unstable mode
};
SpectrumEnds spectrum_ends(System& system, double t, ConstVectorRef y, Index iterations = 120);

}  // namespace gradflow
