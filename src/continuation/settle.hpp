#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "flow/system.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"

namespace gradflow {

/// How following a flow to its rest ended.
enum class Rest : std::int32_t {
  settled = 0,
  not_settled = 1,
  /// At rest but for flat modes in which symmetries leave no gradient, as at a transition.
  marginal = 2
};

/// How a flow is followed to its rest.
struct SettleSettings {
  SolverSettings solver;
  double tolerance = 1e-8;  ///< of the Newton step, in units of max(1, |w|)
  double longest = 1e9;     ///< time t up to which the flow is followed
};

/// Where a gradient flow has come to rest, and what tells that it has.
struct Settled {
  Vector state;
  Rest rest = Rest::not_settled;
  double time = 0;           ///< of the flow, to where it was found to be at rest
  double rest_distance = 0;  ///< the Newton step at `state`, flat modes left out, over max(1, |w|)
  double lowest_eigenvalue = 0;  ///< of the energy's Hessian, flat modes apart
  Index unstable_modes = 0;
  Index flat_modes = 0;     ///< -1: not known (more than HessianModes::largest_dense parameters)
  double inverse_form = 0;  ///< w A^+ w: half of -d|w|^2 / d lambda along the branch
  Statistics statistics;
  std::string method, linear;   ///< the stepper's
  Status failure = Status::ok;  ///< why it is not settled, where the solver says
  std::string message;
};

/// Follows the flow from y0 until it is settled: no growing mode, and a Newton step (flat modes
/// left out) below the tolerance; then Newton steps to |rhs| <= 1e-12 max(1, |w|) as far as they
/// stay within it. Neither a time nor the gradient would do: a gradient of 1e-8 is met at saddles
/// whose mode grows slower than 1e-2, and past a fold at distance d the flow lingers for a time of
/// order d^(-1/2) where the gradient is of order d. What is left of the gradient in flat modes must
/// be below 1e-12 max(1, |w|) too: a ghost's is not, and the flow goes on.
///
/// `solver.method = "auto"` is the Rosenbrock method with an exact Newton matrix where one fits: it
/// is at rest in some tens of steps, where BDF's predictions keep a gradient of the tolerance.
Settled settle(System& system, const SettleSettings& settings, ConstVectorRef y0,
               const std::function<bool()>& interrupted = {});

}  // namespace gradflow
