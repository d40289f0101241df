#pragma once

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "numerics/types.hpp"

/// The one seam for Newton systems (I - gamma J) x = b. A system offers the structures it has;
/// every implicit method uses them through this interface and knows none by name.
namespace gradflow {

/// What one set-up and one solve cost, as counts from the formulas (not measured).
struct NewtonCost {
  double linearise_flops = 0;
  double factorise_flops = 0;
  double solve_flops = 0;
  double memory_bytes = 0;
};

class NewtonMatrix {
 public:
  virtual ~NewtonMatrix() = default;

  /// J at (t, y). The point is kept, so factorise may follow several times with other gammas.
  virtual void linearise(double t, ConstVectorRef y) = 0;
  /// Factors I - gamma J; false where it is numerically singular.
  virtual bool factorise(double gamma) = 0;
  /// x = (I - gamma J)^{-1} b, in place. Iterative solvers stop at a residual of `tolerance` in
  /// the 2-norm; direct ones ignore it. False where an iteration did not get there.
  virtual bool solve(VectorRef b, double tolerance) = 0;

  virtual std::string name() const = 0;
  /// True where J is the exact Jacobian (Rosenbrock methods then keep their full order).
  virtual bool exact() const = 0;
  /// Negative eigenvalues of I - gamma J in the system's metric, where the factorisation counts
  /// them.
  virtual std::optional<Index> negative_eigenvalues() const { return std::nullopt; }
  virtual NewtonCost cost() const = 0;

  /// For Newton's iterations, which linearise at predictions: those are off a slow manifold by the
  /// tolerance, and what that adds to J, times gamma, can be far beyond the slow flow's own rate
  /// (see ShiftedHessian). Afterwards J is one that such an error does not reach: the solution of
  /// the iteration is the same, and its limit. Not for methods that have their order by the exact
  /// Jacobian, nor for what counts eigenvalues.
  virtual void linearise_at_predictions() {}
};

/// The structures a config can ask for (`solver.linear`).
enum class LinearKind { automatic, dense, structured, gauss_newton, krylov };
const char* linear_kind_name(LinearKind kind);

}  // namespace gradflow
