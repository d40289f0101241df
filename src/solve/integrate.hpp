#pragma once

#include "flow/system.hpp"
#include "solve/integration_control.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

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
