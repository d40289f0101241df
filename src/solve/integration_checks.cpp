#include <algorithm>
#include <cmath>

#include "numerics/short_number.hpp"
#include "solve/integration.hpp"
#include "solve/saddle.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {
namespace {

/// A decade's defect above this is reported. Quadrature and interpolation leave less than 1e-2 of
/// it at rtol = 1e-4 on the smooth models.
constexpr double reported_defect = 0.05;

/// In units of the tolerances, what the estimated errors of all steps may add up to.
constexpr double most_accumulated = 1000;

/// An error of this share of the state is one that the result shows.
constexpr double spoiled = 0.1;

}  // namespace

void Integration::check_energy() {
  if (!watch_energy_ || !(elapsed() > 0)) return;
  energy_.finish();
  outcome_.energy = energy_.decades();
  outcome_.worst_energy_defect = energy_.worst_defect();
  if (!is_ok()) return;
  if (energy_.rise() > 0)
    fail(Status::energy_rise,
         "the energy rose by " + short_number(energy_.rise()) + " of its range at t = " +
             short_number(energy_.rise_time()) + ", which no gradient flow does",
         "lower solver.rtol and solver.atol");
  else if (outcome_.worst_energy_defect > reported_defect)
    warn(energy_defect_high,
         "the energy identity is off by " + short_number(outcome_.worst_energy_defect) +
             " of the drop in one decade of t; lower solver.rtol and solver.atol");
}

void Integration::check_accumulated_errors() {
  const double accumulated = started_ ? stepper_.accumulated_error() : 0;
  if (!is_ok() || !(accumulated > most_accumulated)) return;
  // What the flow itself makes of an error is not the method's. An inertial flow is not watched on
  // its way: what it leaves a saddle by at its start is an estimate from above.
  double amplified = outcome_.amplification ? outcome_.amplification->largest : 1;
  if (inertial_ != nullptr)
    amplified =
        std::exp(fastest_growing_mode(system_, control_.times.front(), y0_).rate * elapsed());
  if (!(accumulated > most_accumulated * amplified)) return;
  const std::string text =
      "the estimated errors of its steps, each within the tolerance, add up to " +
      short_number(accumulated * settings_.rtol) +
      " of the state: the slow flow is beyond this method's range";
  if (accumulated * settings_.rtol > spoiled)
    fail(Status::no_convergence, text, "take solver.method = \"cvode\"");
  else
    warn(sensitive, text + "; take solver.method = \"cvode\"");
}

void Integration::check_start() {
  hidden_ = hidden_deviation(y0_);
  unresolved_ = hidden_ > 0 && hidden_ < 100 * settings_.atol;
  if (!unresolved_ || !is_ok()) return;
  if (inertial_ != nullptr)
    grew_ = fastest_growing_mode(system_, control_.times.front(), y0_).rate > 0;
  if (grew_)
    warn(tolerance_coarse_for_saddle,
         "the start has entries of " + short_number(hidden_) +
             ", which atol = " + short_number(settings_.atol) +
             " does not resolve: a saddle that they leave is left late, early, or to the wrong "
             "side; start from larger ones");
}

void Integration::check_saddle() {
  if (!is_ok() || !knows_saddles(system_) || descent_ || !(elapsed() > 0)) return;
  // At rest although a mode would have grown by many orders within the run: a saddle. Of a mode of
  // which the state holds no more than rounding, the exact flow has none either, and stays; one
  // below the tolerance, or without the guard, may have been damped.
  const GrowingMode mode = fastest_growing_mode(system_, outcome_.t_end, outcome_.final_state);
  const double size = outcome_.final_state.norm();
  const bool holds_nothing =
      settings_.saddle_guard && !unresolved_ && mode.amplitude <= rounding_of_mode * size;
  // From rounding to the size of the state; where the growth is not known, and a symmetry keeps the
  // run where it is, within the run's own time.
  const bool kept = holds_nothing && inertial_ != nullptr && stepper_.subspace();
  const bool grown = mode.rate * elapsed() > (kept ? 1 : -std::log(rounding_of_mode)) ||
                     (mode.rate > 0 && outcome_.amplification &&
                      outcome_.amplification->to_end > 1 / rounding_of_mode);
  if (!grown || !(mode.rate > resolved_growth * mode.fastest) ||
      !(mode.amplitude <= std::max(settings_.atol, rounding_of_mode * size)))
    return;
  const std::string where =
      "the run ends at a saddle with a growth rate of " + short_number(mode.rate);
  if (holds_nothing)
    warn(stays_on_saddle, where +
                              ", of whose mode the state holds nothing: the exact flow stays there "
                              "too; other initial values leave it");
  else
    fail(Status::saddle_unresolved,
         where + (settings_.saddle_guard
                      ? ", of whose mode the state holds " + short_number(mode.amplitude) +
                            ", less than the tolerance"
                      : " and solver.saddle_guard is off"),
         settings_.saddle_guard ? "lower solver.atol" : "switch it on, or lower solver.atol");
}

void Integration::check_rounding_of_inertial_flow() {
  // It has no condition; of one whose start rests on a saddle this is known.
  if (is_ok() && inertial_ != nullptr && settings_.condition &&
      (outcome_.warnings & stays_on_saddle) == 0 &&
      rounding_leaves(*inertial_, y0_, elapsed(), rounding_of_mode))
    fail(Status::rounding_decides,
         "the start rests on a saddle, up to rounding: rounding errors decide when and to which "
         "side it is left",
         "other initial values do not leave it to rounding");
}

void Integration::check_condition() {
  // On a saddle of whose mode the state holds nothing rounding has decided nothing.
  if (!condition_ || !started_ || !is_ok() || (outcome_.warnings & stays_on_saddle) != 0) return;
  const GrownError& rounded = condition_->rounding();
  const GrownError &relative = condition_->relative_tolerance(),
                   &absolute = condition_->absolute_tolerance();
  const GrownError& tolerated = absolute.size > relative.size ? absolute : relative;
  const std::string amplifies =
      " (the flow amplifies disturbances by " + short_number(outcome_.amplification->largest) + ")";
  if (rounded.size > spoiled)
    fail(Status::rounding_decides,
         "at t = " + short_number(rounded.time) +
             " rounding errors have grown to the size of the state" + amplifies +
             ": they decide where the run ends",
         "other initial values, farther from what the flow leaves there, do not leave it to "
         "rounding");
  else if (tolerated.size > spoiled)
    warn(sensitive, "errors of the tolerances may have grown to " + short_number(tolerated.size) +
                        " of the state at t = " + short_number(tolerated.time) + amplifies +
                        "; lower " +
                        (&tolerated == &absolute ? "solver.atol" : "solver.rtol and solver.atol"));
}

}  // namespace gradflow
