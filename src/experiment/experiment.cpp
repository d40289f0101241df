#include "experiment/experiment.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <list>

#include "experiment/branch_experiment.hpp"
#include "experiment/journal_checkpoints.hpp"
#include "experiment/measurement.hpp"
#include "experiment/sweep.hpp"
#include "numerics/short_number.hpp"
#include "numerics/types.hpp"
#include "solve/integrate.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

const NumberInfo energy_defect_max{
    "energy_defect_max", "largest relative defect of the energy identity over a decade of time"};
const NumberInfo largest_amplification{
    "amplification", "largest growth of a disturbance between any two times; at most 1e300"};
const NumberInfo amplification_time{"amplification_time", "the later one of these two times"};
const NumberInfo end_amplification{
    "end_amplification", "largest growth of a disturbance from any earlier time to the end"};
const NumberInfo end_time{"end_time", "time at which the run ended"};

/// Which run of a point it is (solver.retries), and what came before it.
struct Attempt {
  std::int64_t number = 1;
  std::string failures;
  double wall_seconds = 0;

  /// The name in the journal of a part of this attempt.
  std::string part(const std::string& name) const {
    return number == 1 ? name : name + "_" + std::to_string(number);
  }
};

/// A run that is over, on its way into a dataset.
struct Finished {
  const Setup& setup;
  const FlowSettings& flow;      ///< as it was followed
  const SolverSettings& solver;  ///< likewise
  const TimeSettings& time;      ///< with the end that it found
  PhaseReferences& references;
  const std::function<bool()>& interrupted;
  TrajectoryRun& run;
  Dataset& data;
  Journal* journal;
  const Attempt& attempt;
  bool failed = false;

  Model& model() const { return *setup.model; }

  /// All observables of a recording, or their differences to those of another.
  void record(const Recording& recording, const std::string& along, const std::string& suffix = "",
              const std::string& prefix = "", const Recording* minus = nullptr) {
    for (std::size_t k = 0; k < recording.observables().size(); ++k) {
      const Observable& observable = recording.observables()[k];
      std::vector<std::string> dimensions{along};
      for (const std::string& name : axis_names(data, observable.axes)) dimensions.push_back(name);
      std::string name = observable.name + suffix;
      if (data.find(name) != nullptr) name += "_snapshot";
      data.add({name, dimensions,
                minus == nullptr ? recording.values(k) : observed_error(recording, *minus, k),
                attributes(prefix + observable.long_name, observable.units)});
    }
  }

  void say(const std::string& message) {
    if (message.empty()) return;
    std::string& all = run.outcome.message;
    all += (all.empty() ? "" : "; ") + message;
  }
};

NumberInfo final_number(const Observable& observable) {
  return {final_name(observable.name), observable.long_name + ", at the last time",
          observable.units};
}

/// output.trajectories = false: what is left of observables over time. A model may have a number of
/// that name, which is the same.
void record_final_values(Finished& e) {
  if (e.setup.output.trajectories) return;
  const Recording& samples = e.run.samples;
  for (std::size_t k = 0; k < samples.observables().size(); ++k) {
    const Observable& observable = samples.observables()[k];
    const NumberInfo info = final_number(observable);
    if (e.data.find(info.name) != nullptr) continue;
    const std::vector<double>& values = samples.values(k);
    e.data.add({info.name, axis_names(e.data, observable.axes),
                std::vector<double>(values.end() - observable.size(), values.end()),
                attributes(info.long_name, info.units)});
  }
}

void record_times(Finished& e) {
  if (!e.setup.output.trajectories) return;
  const std::vector<double>& times = e.run.samples.coordinate();
  e.data.add_coordinate(
      "time", times,
      attributes(e.flow.accelerated ? "accelerated time log10(1 + s), ds = L dt" : "time t", "1"));
  if (e.flow.weight_decay <= 0 || e.flow.traits().slow_limit) return;
  std::vector<double> slow = times;
  for (double& t : slow) t *= e.flow.weight_decay;
  e.data.add({"slow_time", {"time"}, std::move(slow), attributes("slow time tau = lambda t", "1")});
}

void record_observables(Finished& e) {
  if (e.setup.output.trajectories) e.record(e.run.samples, "time");
  if (e.run.snapshots.coordinate().empty()) return;
  e.data.add_coordinate("snapshot_time", e.run.snapshots.coordinate(),
                        attributes("time t of a snapshot", "1"));
  e.record(e.run.snapshots, "snapshot_time");
}

void record_states(Finished& e) {
  const Vector& end = e.run.outcome.final_state;
  add_axis(e.data, counting_axis("parameter", end.size(), "entry of the state"));
  if (e.setup.output.parameters)
    e.data.add({"parameters",
                {"time", "parameter"},
                e.run.samples.states(),
                attributes("state of the flow", "1")});
  e.data.add({"final_state",
              {"parameter"},
              std::vector<double>(end.begin(), end.end()),
              attributes("state at end_time", "1")});
}

/// solver.verify: the run once more at a tenth of the tolerances.
void record_verification(Finished& e) {
  const SolverSettings& solver = e.solver;
  if (!solver.verify || e.failed) return;
  Outcome& outcome = e.run.outcome;
  const Recording& samples = e.run.samples;
  const SolverSettings tight = with_tolerances_times(
      tightened(*e.model().system(e.flow), solver, e.model().initial_state(e.flow)), 0.1);
  const TrajectoryRun second =
      run_trajectory(e.setup, e.flow, tight, e.time, e.setup.output, e.interrupted, e.journal,
                     e.attempt.part("verification"));
  if (second.outcome.status == Status::interrupted) {
    outcome.status = Status::interrupted;
    outcome.message = second.outcome.message;
  } else if (second.outcome.status != Status::ok) {
    outcome.status = Status::verify_failed;
    outcome.message = "the run at a tenth of the tolerances failed: " + second.outcome.message;
  } else {
    if (e.setup.output.trajectories)
      e.record(samples, "time", "_observed_error",
               "difference to a run at a tenth of the tolerances: ", &second.samples);
    // Doubtful where an observable is off by more than a hundredth of its range.
    for (std::size_t k = 0; k < samples.observables().size(); ++k) {
      const std::vector<double>& tight_values = second.samples.values(k);
      if (tight_values.empty()) continue;
      double low = infinity, high = -infinity;
      for (const double value : tight_values)
        if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
      double worst = 0;
      for (const double error : observed_error(samples, second.samples, k))
        if (std::isfinite(error)) worst = std::max(worst, error);
      const double range = std::max(0.0, high - low);
      if (worst > 0.01 * range && worst > 1000 * tight.atol && outcome.status == Status::ok) {
        outcome.status = Status::verify_failed;
        outcome.message = samples.observables()[k].name +
                          " changes by more than a hundredth of its range at a tenth of the "
                          "tolerances; lower solver.rtol and solver.atol";
      }
    }
  }
}

/// The model's own numbers, and what it has to say.
void record_model(Finished& e) {
  add_measurements(e.data, e.model().constants(e.flow));
  if (e.failed) return;
  const RecordedTrajectory trajectory(e.run);
  add_measurements(e.data, e.model().measure(e.flow, trajectory));
  const RunNotes notes = e.model().notes(e.setup.flow, trajectory);
  e.run.outcome.warnings |= notes.warnings;
  for (const std::string& message : notes.messages) e.say(message);
}

/// A measurement, with the states of its runs in the journal.
MeasuredNumbers take(const MeasurementInfo& info, Finished& e) {
  std::list<JournalCheckpoints> kept;
  const auto interrupted = [&] {
    if (e.journal != nullptr && e.journal->wants_place())
      e.journal->reach({info.name, nan, nan, nan, 0});
    return e.interrupted();
  };
  RunsControl runs{interrupted, nullptr};
  const double seconds = e.setup.output.checkpoint_seconds;
  if (e.journal != nullptr && seconds > 0)
    runs.checkpoints = [&](const std::string& name) {
      return &kept.emplace_back(*e.journal, e.attempt.part(info.name + "_" + name), seconds);
    };
  const MeasuredRun run{e.setup, e.flow, e.solver, e.run, e.references, runs};
  try {
    return info.take(run);
  } catch (const ArchiveError& error) {
    kept.back().give_up(error.what());
    runs.checkpoints = nullptr;
    return info.take(run);
  }
}

void record_measurements(Finished& e) {
  if (e.failed) return;
  for (const MeasurementInfo& info : measurements()) {
    if (!info.applies(e.setup)) continue;
    const MeasuredNumbers taken = take(info, e);
    add_measurements(e.data, taken.numbers);
    Outcome& outcome = e.run.outcome;
    outcome.warnings |= taken.warnings;
    if (outcome.status == Status::ok) outcome.status = taken.status;
    e.say(taken.message);
  }
}

void record_energy(Finished& e) {
  const Outcome& outcome = e.run.outcome;
  Dataset& data = e.data;
  if (outcome.energy.empty()) return;
  Axis decade{"decade", {}, "log10 of the time at which a decade begins", true};
  std::vector<double> drop, dissipation, defect;
  for (const EnergyDecade& d : outcome.energy) {
    decade.coordinate.push_back(d.log10_start);
    drop.push_back(d.drop);
    dissipation.push_back(d.dissipation);
    defect.push_back(d.defect);
  }
  add_axis(data, decade);
  data.add({"energy_drop", {"decade"}, drop, attributes("drop of the energy", "1")});
  data.add({"energy_dissipation",
            {"decade"},
            dissipation,
            attributes("integral of the squared speed", "1")});
  data.add({"energy_defect",
            {"decade"},
            defect,
            attributes("relative defect of the energy identity", "1")});
  add_number(data, energy_defect_max, outcome.worst_energy_defect);
}

void record_condition(Finished& e) {
  const std::optional<Amplification>& amplification = e.run.outcome.amplification;
  if (!amplification) return;
  Dataset& data = e.data;
  add_number(data, largest_amplification, amplification->largest);
  add_number(data, amplification_time, amplification->time);
  add_number(data, end_amplification, amplification->to_end);
}

void record_outcome(Finished& e) {
  if (e.attempt.number > 1) {
    Outcome& outcome = e.run.outcome;
    outcome.attempts = e.attempt.number;
    outcome.wall_seconds += e.attempt.wall_seconds;
    e.say("attempt " + std::to_string(e.attempt.number) +
          ", at rtol = " + short_number(e.solver.rtol) +
          " and atol = " + short_number(e.solver.atol) + ", after " + e.attempt.failures);
  }
  add_number(e.data, end_time, e.run.outcome.t_end);
  add_count(e.data, "stopped_early", e.run.outcome.stopped_early ? 1 : 0,
            "1 where a condition ended the run before its last time");
  add_outcome(e.data, e.run.outcome);
}

/// In the order of the result's variables.
constexpr void (*recorders[])(Finished&) = {
    record_times,        record_observables,  record_states, record_verification, record_model,
    record_final_values, record_measurements, record_energy, record_condition,    record_outcome};

}  // namespace

std::string final_name(const std::string& observable) {
  return "final_" + observable;
}

std::vector<NumberInfo> numbers_of(const Setup& setup,
                                   const std::vector<NumberInfo>& model_numbers) {
  if (setup.sweep) return sweep_numbers(*setup.sweep);
  if (setup.continuation) return {};
  std::vector<NumberInfo> all = model_numbers;
  for (const MeasurementInfo& info : measurements())
    if (info.applies(setup)) all.insert(all.end(), info.numbers.begin(), info.numbers.end());
  for (const NumberInfo& info : {energy_defect_max, largest_amplification, amplification_time,
                                 end_amplification, end_time, wall_seconds})
    all.push_back(info);
  if (!setup.output.trajectories)
    for (const Observable& observable :
         chosen_observables(setup.model->observables(setup.flow), setup.output))
      if (observable.axes.empty()) all.push_back(final_number(observable));
  return all;
}

namespace {

/// Failures that a tenth of the tolerances may mend. What rounding becomes is followed along the
/// computed path: of one with large errors it is not the flow's own.
bool is_of_tolerances(Status status) {
  return status == Status::rounding_decides || status == Status::verify_failed ||
         status == Status::saddle_unresolved || status == Status::no_convergence ||
         status == Status::step_underflow || status == Status::energy_rise;
}

Experiment run_once(const Setup& setup, const SolverSettings& solver, PhaseReferences& references,
                    const std::function<bool()>& interrupted, Journal* journal,
                    const Attempt& attempt) {
  FlowSettings flow = setup.flow;
  TimeSettings time = setup.time;
  if (flow.until_settled) {
    // Where the run ends is found by a first one, so that the samples can be spread over it.
    flow.until_settled = false;
    FlowSettings search = flow;
    search.until_settled = true;
    time.end = setup.model->default_end(search).value_or(0);
    TimeSettings ends = time;
    ends.samples = 1;
    OutputSettings nothing;
    nothing.checkpoint_seconds = setup.output.checkpoint_seconds;
    const TrajectoryRun first = run_trajectory(setup, search, solver, ends, nothing, interrupted,
                                               journal, attempt.part("search"));
    if (first.outcome.status == Status::ok) time.end = first.outcome.t_end;
    // Without its end the run is not the one whose states are kept.
    if (first.outcome.status == Status::interrupted) journal = nullptr;
    if (time.spacing == "log") time.first = std::min(time.first, 1e-3 * time.end);
  }
  TrajectoryRun run = run_trajectory(setup, flow, solver, time, setup.output, interrupted, journal,
                                     attempt.part("run"));
  Experiment experiment;
  Finished finished{setup,
                    flow,
                    solver,
                    time,
                    references,
                    interrupted,
                    run,
                    experiment.data,
                    journal,
                    attempt,
                    run.outcome.status != Status::ok};
  for (const auto record : recorders) record(finished);
  experiment.outcome = std::move(run.outcome);
  return experiment;
}

}  // namespace

Experiment run_experiment(const Setup& setup, PhaseReferences& references,
                          const std::function<bool()>& interrupted, Journal* journal) {
  if (setup.sweep) return run_sweep(setup, interrupted, journal);
  if (setup.continuation) return run_continuation(setup, interrupted);
  SolverSettings solver = setup.solver;
  Attempt attempt;
  while (true) {
    Experiment experiment = run_once(setup, solver, references, interrupted, journal, attempt);
    const Outcome& outcome = experiment.outcome;
    if (!is_of_tolerances(outcome.status) || attempt.number > setup.solver.retries)
      return experiment;
    attempt.failures +=
        (attempt.failures.empty() ? "" : ", ") + std::string(status_name(outcome.status));
    attempt.wall_seconds = outcome.wall_seconds;
    ++attempt.number;
    solver = with_tolerances_times(solver, 0.1);
  }
}

}  // namespace gradflow
