
#include "experiment/measurement.hpp"
#include "measure/two_phases.hpp"

namespace gradflow {
namespace {

const NumberInfo slow_error{"slow_error", "sup over the slow window of |w(tau/lambda) - w°(tau)|"};
const NumberInfo fast_error{"fast_error", "sup over the fast window of |w(t) - w^GF(t)|"};
const NumberInfo composite_error{"composite_error",
                                 "sup over all t of |w(t) - (w^GF(t) + w°(lambda t) - Phi(w0))|"};

bool two_phase_applies(const Setup& setup) {
  return setup.measure.two_phases && setup.flow.traits().descent && setup.flow.weight_decay > 0;
}

MeasuredNumbers take_two_phase(const MeasuredRun& run) try {
  Model& model = *run.setup.model;
  const MeasureSettings& measure = run.setup.measure;
  const PhaseWindows windows{measure.fast_end, measure.slow_window[0], measure.slow_window[1]};
  FlowSettings fast = run.flow, slow = run.flow;
  fast.weight_decay = 0;
  slow.kind = slow_limit_kind();
  // The reference is that of all runs, also where this one is repeated at smaller tolerances.
  SolverSettings shared_solver = run.setup.solver, own_solver = run.solver;
  shared_solver.method = own_solver.method = "auto";
  const Vector start = model.initial_state(run.flow);
  // Of systems of its own, so that those below are the same whichever run of a study made it.
  const std::shared_ptr<const PhaseReference> shared =
      run.references.get(run.setup.without_decay, [&] {
        return phase_reference(*model.system(fast), *model.system(slow), start, shared_solver,
                               windows, run.runs);
      });
  const PhaseReference& reference = *shared;
  if (!reference.missing.empty()) {
    MeasuredNumbers none;
    none.warnings = reference.warning;
    none.message = "two-phase measurement: " + reference.missing;
    for (const NumberInfo& info : {slow_error, fast_error, composite_error})
      none.numbers.push_back(measured(info, nan));
    return none;
  }
  const TwoPhaseErrors errors =
      two_phase_errors(*model.system(run.flow), *model.system(fast), *model.system(slow), start,
                       run.flow.weight_decay, reference, windows, own_solver, run.runs);
  MeasuredNumbers out;
  out.numbers = {
      measured(slow_error, errors.slow),
      measured(fast_error, errors.fast),
      measured(composite_error, errors.composite),
      {"fast_distance",
       "|w(t) - w^GF(t)|",
       {{"fast_window", reference.fast_times, "time t", false}},
       errors.fast_distance},
      {"slow_distance",
       "|w(tau/lambda) - w°(tau)|",
       {{"slow_window", reference.slow_times, "slow time tau", false}},
       errors.slow_distance},
  };
  return out;
} catch (const SolverError& error) {
  MeasuredNumbers out;
  out.status = error.status();
  out.message = std::string("two-phase measurement: ") + error.what();
  return out;
}

}  // namespace

MeasurementInfo two_phase_measurement() {
  return {"two_phases",
          "distances of the run to its two limits as lambda -> 0",
          {"measure.two_phases", "measure.fast_end", "measure.slow_window"},
          {},
          {slow_limit_kind()},
          {slow_error, fast_error, composite_error},
          two_phase_applies,
          take_two_phase};
}

}  // namespace gradflow
