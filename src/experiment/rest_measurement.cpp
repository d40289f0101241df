
#include "experiment/measurement.hpp"
#include "solve/saddle.hpp"
#include "solve/stationary_point.hpp"

namespace gradflow {
namespace {

const NumberInfo rest_speed{"rest_speed", "speed |w'| at the end of the run"};
const NumberInfo rest_distance{
    "rest_distance", "distance of the end of the run to rest, relative to |w|: a Newton step"};
const NumberInfo rest_growth_rate{
    "rest_growth_rate",
    "growth rate of the fastest growing mode at the end of the run; <= 0 at a minimum"};
const NumberInfo rest_unstable_modes{
    "rest_unstable_modes",
    "number of growing modes at the end of the run, by inertia; NaN where not computed"};

bool rest_applies(const Setup& setup) {
  return setup.time.stop_gradient_norm > 0 && setup.flow.traits().descent;
}

MeasuredNumbers take_rest(const MeasuredRun& run) {
  const Outcome& outcome = run.run.outcome;
  const Certificate rest =
      certify(*run.setup.model->system(run.flow), outcome.t_end, outcome.final_state);
  MeasuredNumbers out;
  out.numbers = {measured(rest_speed, rest.speed), measured(rest_distance, rest.distance),
                 measured(rest_growth_rate, rest.growth_rate),
                 measured(rest_unstable_modes,
                          rest.unstable_modes ? static_cast<double>(*rest.unstable_modes) : nan)};
  if (rest.stable() || !outcome.stopped_early || rest.speed > run.setup.time.stop_gradient_norm)
    return out;
  out.message = "time.stop_gradient_norm is met at a saddle, not at a minimum";
  // A mode that the state does not hold is one that the exact flow does not follow either.
  if (rest.growing_amplitude <= rounding_of_mode * outcome.final_state.norm()) {
    out.warnings = stays_on_saddle;
  } else {
    out.status = Status::saddle_unresolved;
    out.message += ": the flow leaves it; lower time.stop_gradient_norm";
  }
  return out;
}

}  // namespace

MeasurementInfo rest_measurement() {
  return {"rest",
          "how near the end of the run is to rest, and whether that is a minimum",
          {"time.stop_gradient_norm"},
          {"gradient_norm"},
          {descent_kind()},
          {rest_speed, rest_distance, rest_growth_rate, rest_unstable_modes},
          rest_applies,
          take_rest};
}

}  // namespace gradflow
