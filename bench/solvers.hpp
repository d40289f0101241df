#pragma once

#include <string>
#include <vector>

#include "bench/problems.hpp"

/// The solvers of the benchmark: ours, as `gradflow run` calls them, and peers written plainly.
namespace gradflow::bench {

/// How a run went. Times are processor seconds of the thread: what else runs on the machine does
/// not count. Of solvers with " xN" they are wall seconds, and the machine should be idle.
struct Run {
  double seconds = 0;
  std::int64_t steps = 0, rhs = 0, factorisations = 0;
  double t_end = 0;  ///< below the problem's end where the cap cut the run
  bool finished = false;
  std::string note;            ///< what went wrong, or the Newton matrix that was used
  std::vector<Vector> states;  ///< at problem.times
};

double cpu_seconds();
double wall_seconds();

constexpr const char* without_condition = " without condition";

/// `solver`: ours as "method" or "method+linear" ("auto", "cvode+structured", "rodas", "rock4"),
/// with " x2" for two threads; peers "cvode_dense", "cvode_gmres" (CVODE with SUNDIALS' own linear
/// solvers and its default settings), "dopri5", "rosenbrock4" (odeint, bare loop),
/// "method:dopri5" and "method:rosenbrock4": the same as `gradflow run` calls them, with guard and
/// condition; "descent", "descent_tuned" (gradient descent of step 1e-2, matrix completion alone),
/// "descent_stable" (gradient descent on our right-hand side, of 1.9/sharpness, the largest along
/// the run; its seconds are extrapolated). "each:" and the name of a solver: the points of a
/// product one after another. Ours and `without_condition`: with solver.condition = false. `cap`:
/// processor seconds after which the run is cut.
Run solve(const Problem& problem, const std::string& solver, double rtol, double cap);

/// CVODE as its manual's examples call it: BDF, SUNLinSol_Dense on the analytic Jacobian (a product
/// for each column) or SPGMR with the analytic product, output by CVodeGetDky, default settings
/// otherwise.
Run cvode_own(const Problem& problem, bool dense, double rtol, double atol, double cap);

/// w <- w - step (grad F(w) + lambda w) for the completion problem of figure 2, sizes known to the
/// compiler, residuals and gradients fused in one pass over the entries; `tuned`: with rows padded
/// to whole vectors and kept in registers. States at the iterates nearest to problem.times.
Run gradient_descent(const Problem& problem, bool tuned, double step, std::int64_t steps,
                     double cap);

/// max over the samples of |y - reference| / |reference| in the 2-norm.
/// Of a product: the largest among its factors.
double largest_error(const Problem& problem, const Run& run, const std::vector<Vector>& reference);

}  // namespace gradflow::bench
