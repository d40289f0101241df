#pragma once

#include <memory>
#include <optional>

#include "continuation/point_modes.hpp"
#include "flow/system.hpp"
#include "numerics/symmetric_factorisation.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// Stationary points of F + lambda/2 |w|^2 over (w, lambda): G(w, lambda) = grad F(w) + lambda w.
///
/// The Jacobian by w, A = H + lambda I with the Hessian H of F, is symmetric, and singular along
/// the orbits of symmetries (rotations of hidden layers) at every point. Newton systems are solved
/// with A + eta I, eta = the flat tolerance times the largest curvature: G and dG/d lambda = w are
/// orthogonal to orbits, so that nothing is amplified along them, and other modes converge by
/// eta / |mu| a step. p Hessian-vector products and p^3/3 flops a factorisation, 2p^2 a solve.
class StationaryProblem {
 public:
  /// `undecayed`: the flow w' = -grad F(w), smooth, Euclidean.
  StationaryProblem(System& undecayed, double flat_tolerance);

  Index dimension() const { return system_.dimension(); }
  double flat_tolerance() const { return flat_tolerance_; }

  double loss(ConstVectorRef w) { return system_.energy(w); }  ///< F
  void gradient(ConstVectorRef w, double lambda, VectorRef out);
  /// H at w, shape (p, p); p products.
  const Matrix& hessian(ConstVectorRef w);
  /// Factors A + eta I at (w, lambda); false where that is singular.
  bool factorise(ConstVectorRef w, double lambda);
  /// x <- (A + eta I)^{-1} x with the last factorisation.
  void solve(VectorRef x);

  Statistics& statistics() { return statistics_; }

 private:
  System& system_;
  double flat_tolerance_;
  Matrix hessian_;
  Vector point_;
  SymmetricFactorisation factors_;
  Statistics statistics_;
};

/// The modes of A = H + lambda I at a stationary point.
PointModes point_modes(StationaryProblem& problem, ConstVectorRef w, double lambda);

/// A plane c . (w - w0) + d (lambda - lambda0) = 0 that a solution is looked for in.
struct Plane {
  Vector w;
  double lambda;
};

/// What a Newton iteration came to.
struct Corrected {
  Vector w;
  double lambda = 0;
  bool converged = false;
  int iterations = 0;
  double moved = 0;  ///< distance in (w, lambda) from where it began
};

/// Newton's iteration for G = 0 from (w, lambda) within the plane through it, to |G| <= tolerance
/// max(1, |w|): by elimination, two solves with A + eta I a step. The matrix is factored anew only
/// where the last one contracts by less than ten.
Corrected correct(StationaryProblem& problem, ConstVectorRef w, double lambda, const Plane& plane,
                  double tolerance);
/// The same at a fixed lambda.
Corrected correct_at(StationaryProblem& problem, ConstVectorRef w, double lambda, double tolerance);

}  // namespace gradflow
