#pragma once

#include <functional>
#include <vector>

#include "flow/system.hpp"
#include "solve/checkpoint.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

/// What a run wants to know and when it ends.
struct IntegrationControl {
  /// Increasing; the first is the start. States in between come from dense output.
  std::vector<double> times;
  /// Called once for each time reached, in order: index, t, state.
  std::function<void(std::size_t, double, ConstVectorRef)> sample;
  /// Asked after each accepted step; true ends the run there, as a success.
  std::function<bool(double, ConstVectorRef)> stop;
  /// The run ends, as a success, where the first of these falls to 0: located within its step on
  /// the dense output, and seen where the step ends below.
  std::vector<std::function<double(double, ConstVectorRef)>> level;
  /// Asked before each step; true ends the run as interrupted.
  std::function<bool()> interrupted;
  /// Times that a step ends at, besides the last, and where the run goes on as one that was cut
  /// there would: in order.
  std::vector<double> landings = {};
  /// Told before each step how far the run has come.
  std::function<void(double t, std::int64_t steps)> progress = {};
  /// Where the run's state is kept, and what it goes on from.
  Checkpoints* checkpoints = nullptr;
  /// What goes with that state: it is kept as it is after the same step.
  std::vector<Resumable*> beside = {};
  /// What `sample` has made of the times before index `next`; of what it appends to, that may be
  /// less than there is.
  std::function<void(Archive& archive, std::size_t next)> recorded;
};

/// The tolerances a run from y0 is made with: atol is lowered to 1e-6 of the root mean square of y0
/// where it is not, because errors near a small start (a saddle at the origin) must stay small
/// beside the deviation that is to grow; and to 1e-3 of the smallest entry that is 1e-8 of that or
/// less, down to 1e-16 of it.
SolverSettings tightened(SolverSettings settings, ConstVectorRef y0);
/// The same for a start of any size that holds little of the fastest growing mode: also to 1e-3 of
/// that mode's largest entry in it, where that is more than rounding. At most 24 Jacobian products.
SolverSettings tightened(System& system, SolverSettings settings, ConstVectorRef y0);

/// Integrates from y0 through control.times: sampling, stop conditions, budgets, the saddle guard
/// and the energy identity, for every stepper alike. Does not throw on numerical failure: that is
/// the outcome's status. A run that goes on from a checkpoint has the bits of one that was never
/// cut, all but its seconds. Errors: ArchiveError for a checkpoint that is not of this run.
Outcome integrate(System& system, Stepper& stepper, const SolverSettings& settings,
                  ConstVectorRef y0, const IntegrationControl& control);
/// The same by the stepper that the settings ask for, with tightened tolerances.
Outcome integrate(System& system, const SolverSettings& settings, ConstVectorRef y0,
                  const IntegrationControl& control);

}  // namespace gradflow
