#include "experiment/trajectory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "experiment/journal_checkpoints.hpp"
#include "numerics/types.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stationary_point.hpp"
#include "solve/stepper.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The given times in the system's own time, in order, each once.
std::vector<double> system_times(const TimeSettings& time, const FlowSettings& flow,
                                 std::vector<double> times) {
  std::sort(times.begin(), times.end());
  if (time.variable == "slow" && !flow.traits().slow_limit)
    for (double& t : times) t /= flow.weight_decay;
  // Each once: a fine grid may have neighbours that round to one number.
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

/// Times on the grid of iterates k step, each once.
std::vector<double> snapped(const std::vector<double>& times, double step) {
  std::vector<double> out;
  for (const double t : times) {
    const double on_grid = std::round(t / step) * step;
    if (out.empty() || on_grid > out.back()) out.push_back(on_grid);
  }
  return out;
}

std::vector<Observable> named(const std::vector<Observable>& all,
                              const std::vector<std::string>& names) {
  std::vector<Observable> out;
  for (const Observable& observable : all)
    if (observable.named_in(names)) out.push_back(observable);
  return out;
}

/// What falls to 0 where a bound is crossed, for each bound that is given. The observables of these
/// names are what the keys speak of; a logarithm is nearly linear in t.
std::vector<std::function<double(double, ConstVectorRef)>> stop_levels(
    const TimeSettings& time, const std::vector<Observable>& all) {
  struct Bound {
    const char* observable;
    double value, sign;  ///< sign 1: stop below; -1: above
  };
  std::vector<std::function<double(double, ConstVectorRef)>> levels;
  for (const Bound& bound : {Bound{"gradient_norm", time.stop_gradient_norm, 1},
                             Bound{"train_loss", time.stop_train_loss, 1},
                             Bound{"train_loss", time.stop_train_loss_above, -1}})
    for (const Observable& observable : all)
      if (observable.name == bound.observable && bound.value > 0)
        levels.emplace_back([observable, bound](double t, ConstVectorRef y) {
          double value = nan;
          observable.evaluate(State{t, y, next_serial()}, &value);
          return bound.sign *
                 std::log(std::max(value, std::numeric_limits<double>::min()) / bound.value);
        });
  return levels;
}

/// Where the run starts: the model's initial state, or its limit Phi(w0) under the flow without
/// weight decay for the slow limit of that flow.
Vector start_of_run(Model& model, const FlowSettings& flow, const SolverSettings& settings,
                    const std::function<bool()>& interrupted, Checkpoints* checkpoints) {
  Vector start = model.initial_state(flow);
  if (!flow.traits().slow_limit) return start;
  FlowSettings fast = flow;
  fast.kind = descent_kind();
  fast.weight_decay = 0;
  SolverSettings tight = no_looser_than(settings, 1e-10, 1e-13);
  tight.method = "auto";
  InterpolatingLimit limit;
  try {
    limit = interpolating_limit(*model.system(fast), *model.system(flow), tight, start, 1e-12,
                                interrupted, checkpoints);
  } catch (const SolverError& error) {
    throw SolverError(error.status(), std::string("on the way to Phi(w0): ") + error.what(), "");
  }
  if (limit.saddle)
    throw SolverError(
        Status::saddle_unresolved,
        "the flow without weight decay ends at a saddle, from which there is no slow flow",
        "other initial values leave it");
  using Missing = InterpolatingLimit::Missing;
  if (limit.missing != Missing::nothing)
    throw SolverError(Status::no_convergence, limit.reason,
                      limit.missing == Missing::limit
                          ? "the slow flow starts there"
                          : "the slow flow is that on a manifold of interpolating minimisers");
  return limit.y;
}

/// Where among the samples a run is at t, from 0 to 1: samples are spread as the config wants it,
/// by decades or evenly.
double share_of(const std::vector<double>& times, double t) {
  const auto next = std::upper_bound(times.begin(), times.end(), t);
  if (next == times.begin()) return 0;
  if (next == times.end()) return 1;
  const double from = *(next - 1), to = *next;
  return (static_cast<double>(next - times.begin() - 1) + (t - from) / (to - from)) /
         static_cast<double>(times.size() - 1);
}

/// Where the states of a run, and of the way to its start, are kept.
struct StatesOfRun {
  JournalCheckpoints run, start;
};

TrajectoryRun follow(const Setup& setup, const FlowSettings& flow, const SolverSettings& settings,
                     const TimeSettings& time, const OutputSettings& output,
                     const std::function<bool()>& interrupted, Journal* journal,
                     const std::string& part, StatesOfRun* states) {
  Model& model = *setup.model;
  const std::unique_ptr<System> system = model.system(flow);
  Vector start;
  Outcome failure;
  try {
    start = start_of_run(model, flow, settings, interrupted,
                         states != nullptr ? &states->start : nullptr);
  } catch (const SolverError& error) {
    failure.status = error.status();
    failure.message = error.what();
    start = model.initial_state(flow);
  }
  const SolverSettings used = tightened(*system, settings, start);
  const std::unique_ptr<Stepper> stepper = flow.discrete()
                                               ? make_descent_stepper(*system, flow.step, flow.kind)
                                               : make_stepper(*system, used);

  std::vector<double> sample_times = system_times(time, flow, time.grid());
  std::vector<double> snapshot_times = system_times(time, flow, output.snapshot_times);
  IntegrationControl control;
  control.landings = system_times(time, flow, time.earlier_ends);
  if (flow.discrete()) {
    control.landings = snapped(control.landings, flow.step);
    sample_times = snapped(sample_times, flow.step);
    snapshot_times = snapped(snapshot_times, flow.step);
  }
  const std::vector<Observable> all = model.observables(flow);
  TrajectoryRun run{
      {},
      Recording(chosen_observables(all, output), system->dimension(), output.parameters),
      Recording(named(all, output.snapshot_observables), system->dimension(), false)};

  std::merge(sample_times.begin(), sample_times.end(), snapshot_times.begin(), snapshot_times.end(),
             std::back_inserter(control.times));
  control.times.erase(std::unique(control.times.begin(), control.times.end()), control.times.end());
  control.interrupted = interrupted;
  bool begun = false;
  if (journal != nullptr)
    control.progress = [&](double t, std::int64_t steps) {
      if (begun && !journal->wants_place()) return;
      begun = true;
      // A run that looks for its own end has no share of the way to it; steps of one length come to
      // t by themselves, others about as fast as to the next sample.
      const double share = flow.until_settled ? nan
                           : flow.discrete()  ? t / sample_times.back()
                                              : share_of(sample_times, t);
      journal->reach({part, t, sample_times.back(), share, steps});
    };
  const std::set<double> is_snapshot(snapshot_times.begin(), snapshot_times.end());
  std::size_t next_sample = 0;
  control.sample = [&](std::size_t index, double t, ConstVectorRef y) {
    const double asked = control.times[index];
    const bool stopped = t != asked;
    if (stopped || (next_sample < sample_times.size() && sample_times[next_sample] == asked)) {
      run.samples.add(t, t, y);
      ++next_sample;
    }
    if (!stopped && is_snapshot.count(asked) != 0) run.snapshots.add(t, t, y);
  };
  const std::unique_ptr<StopCondition> stop = model.stop_condition(flow);
  if (stop) {
    control.stop = [&](double t, ConstVectorRef y) { return stop->met(t, y); };
    control.beside = {stop.get()};
  }
  if (states != nullptr) control.checkpoints = &states->run;
  control.recorded = [&](Archive& archive, std::size_t next) {
    const auto before = [&](const std::vector<double>& times) {
      const double until = next < control.times.size() ? control.times[next] : infinity;
      return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), until) -
                                      times.begin());
    };
    for (auto [name, recording, times] :
         {std::tuple{"samples", &run.samples, &sample_times},
          std::tuple{"snapshots", &run.snapshots, &snapshot_times}}) {
      Recording::First first{*recording, before(*times)};
      archive.part(name, first);
    }
    next_sample = run.samples.coordinate().size();
    if (archive.reading()) states->run.tell_place(stepper->time(), stepper->statistics().steps);
  };
  control.level = stop_levels(time, all);
  if (failure.status == Status::ok)
    run.outcome = integrate(*system, *stepper, used, start, control);
  else
    run.outcome = failure;
  if (run.outcome.final_state.size() == 0) run.outcome.final_state = start;
  if (run.outcome.status != Status::ok) {
    run.samples.pad(sample_times);
    run.snapshots.pad(snapshot_times);
  }
  return run;
}

}  // namespace

TrajectoryRun run_trajectory(const Setup& setup, const FlowSettings& flow,
                             const SolverSettings& settings, const TimeSettings& time,
                             const OutputSettings& output, const std::function<bool()>& interrupted,
                             Journal* journal, const std::string& part) {
  const double seconds = output.checkpoint_seconds;
  const auto run = [&](StatesOfRun* states) {
    return follow(setup, flow, settings, time, output, interrupted, journal, part, states);
  };
  if (journal == nullptr || !(seconds > 0)) return run(nullptr);
  StatesOfRun states{{*journal, part, seconds}, {*journal, part + "_start", seconds}};
  try {
    return run(&states);
  } catch (const ArchiveError& error) {
    states.run.give_up(error.what());
    states.start.give_up(error.what());
    return run(&states);
  }
}

std::vector<double> observed_error(const Recording& run, const Recording& tight, std::size_t k) {
  const std::vector<double>& values = run.values(k);
  std::vector<double> error(values.size(), nan);
  const std::size_t size = values.size() / run.coordinate().size();
  for (std::size_t i = 0; i < std::min(run.coordinate().size(), tight.coordinate().size()); ++i)
    if (run.coordinate()[i] == tight.coordinate()[i])
      for (std::size_t j = i * size; j < (i + 1) * size; ++j)
        error[j] = std::abs(values[j] - tight.values(k)[j]);
  return error;
}

}  // namespace gradflow
