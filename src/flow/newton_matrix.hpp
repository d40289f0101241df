#pragma once

#include <optional>
#include <string>

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
  double set_up_flops() const { return linearise_flops + factorise_flops; }
};

/// The structures a config can ask for (`solver.linear`).
enum class LinearKind { automatic, dense, structured, gauss_newton, krylov };
const char* linear_kind_name(LinearKind kind);

/// A Newton matrix that a system has, as it is known before it is made. Which is taken is decided
/// in flow/newton_choice.hpp and nowhere else.
struct NewtonOffer {
  /// How `linear = "auto"` comes to it.
  enum class Taken {
    first,                  ///< whatever it costs
    by_cost,                ///< where its set-up has the fewest flops
    beside_large_matrices,  ///< where none of them fits, or a dense one takes longer
    after_explicit,         ///< as that, once explicit methods have done what they can
    where_none_fits,
    if_asked
  };

  LinearKind kind = LinearKind::dense;
  bool exact = true;            ///< J is the exact Jacobian
  bool counts_inertia = false;  ///< of I - gamma J, see NewtonMatrix::negative_eigenvalues
  NewtonCost cost = {};
  Taken taken = Taken::by_cost;
  std::string about = "";  ///< why it is taken, or the sizes that its cost comes from
};

class NewtonMatrix {
 public:
  explicit NewtonMatrix(NewtonOffer offer) : offer_(std::move(offer)) {}
  virtual ~NewtonMatrix() = default;

  /// J at (t, y). The point is kept, so factorise may follow several times with other gammas.
  virtual void linearise(double t, ConstVectorRef y) = 0;
  /// Factors I - gamma J; false where it is numerically singular.
  virtual bool factorise(double gamma) = 0;
  /// x = (I - gamma J)^{-1} b, in place. Iterative solvers stop at a residual of `tolerance` in
  /// the 2-norm; direct ones ignore it. False where an iteration did not get there.
  virtual bool solve(VectorRef b, double tolerance) = 0;

  virtual std::string name() const = 0;
  /// What it was made for.
  const NewtonOffer& offer() const { return offer_; }
  /// True where J is the exact Jacobian (Rosenbrock methods then keep their full order).
  bool exact() const { return offer_.exact; }
  const NewtonCost& cost() const { return offer_.cost; }
  /// Negative eigenvalues of I - gamma J in the system's metric, where the factorisation counts
  /// them (NewtonOffer::counts_inertia).
  virtual std::optional<Index> negative_eigenvalues() const { return std::nullopt; }

  /// For Newton's iterations, which linearise at predictions: those are off a slow manifold by the
  /// tolerance, and what that adds to J, times gamma, can be far beyond the slow flow's own rate
  /// (see ShiftedHessian). Afterwards J is one that such an error does not reach: the solution of
  /// the iteration is the same, and its limit. Not for methods that have their order by the exact
  /// Jacobian, nor for what counts eigenvalues.
  virtual void linearise_at_predictions() {}

 private:
  NewtonOffer offer_;
};

}  // namespace gradflow
