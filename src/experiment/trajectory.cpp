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

/// What a run is asked for.
struct Asked {
  const Setup& setup;
  const FlowSettings& flow;
  const SolverSettings& solver;
  const TimeSettings& time;
  const OutputSettings& output;
  const std::function<bool()>& interrupted;
  Journal* journal;  ///< null: none
  const std::string& part;
};

/// One way from start to end.
class Following {
 public:
  /// `states`: null where none are kept.
  Following(const Asked& asked, StatesOfRun* states)
      : asked_(asked),
        states_(states),
        system_(asked.setup.model->system(asked.flow)),
        start_(take_start()),
        used_(tightened(*system_, asked.solver, start_)),
        stepper_(asked.flow.discrete()
                     ? make_descent_stepper(*system_, asked.flow.step, asked.flow.kind)
                     : make_stepper(*system_, used_)),
        observables_(asked.setup.model->observables(asked.flow)),
        run_{{},
             Recording(chosen_observables(observables_, asked.output), system_->dimension(),
                       asked.output.parameters),
             Recording(named(observables_, asked.output.snapshot_observables), system_->dimension(),
                       false)},
        stop_(asked.setup.model->stop_condition(asked.flow)) {
    take_times();
    control_.interrupted = asked_.interrupted;
    if (asked_.journal != nullptr)
      control_.progress = [this](double t, std::int64_t steps) { tell(t, steps); };
    control_.sample = [this](std::size_t index, double t, ConstVectorRef y) {
      record(index, t, y);
    };
    if (stop_) {
      control_.stop = [this](double t, ConstVectorRef y) { return stop_->met(t, y); };
      control_.beside = {stop_.get()};
    }
    if (states_ != nullptr) control_.checkpoints = &states_->run;
    control_.recorded = [this](Archive& archive, std::size_t next) {
      exchange_recorded(archive, next);
    };
    control_.level = stop_levels(asked_.time, observables_);
  }

  TrajectoryRun run() {
    if (failure_.status == Status::ok)
      run_.outcome = integrate(*system_, *stepper_, used_, start_, control_);
    else
      run_.outcome = failure_;
    if (run_.outcome.final_state.size() == 0) run_.outcome.final_state = start_;
    if (run_.outcome.status != Status::ok) {
      run_.samples.pad(sample_times_);
      run_.snapshots.pad(snapshot_times_);
    }
    return std::move(run_);
  }

 private:
  /// Where that fails, the model's initial state: the run then has that failure.
  Vector take_start() {
    Model& model = *asked_.setup.model;
    try {
      return start_of_run(model, asked_.flow, asked_.solver, asked_.interrupted,
                          states_ != nullptr ? &states_->start : nullptr);
    } catch (const SolverError& error) {
      failure_.status = error.status();
      failure_.message = error.what();
      return model.initial_state(asked_.flow);
    }
  }

  void take_times() {
    const TimeSettings& time = asked_.time;
    sample_times_ = system_times(time, asked_.flow, time.grid());
    snapshot_times_ = system_times(time, asked_.flow, asked_.output.snapshot_times);
    control_.landings = system_times(time, asked_.flow, time.earlier_ends);
    if (asked_.flow.discrete())
      for (std::vector<double>* times : {&control_.landings, &sample_times_, &snapshot_times_})
        *times = snapped(*times, asked_.flow.step);
    std::vector<double>& all = control_.times;
    std::merge(sample_times_.begin(), sample_times_.end(), snapshot_times_.begin(),
               snapshot_times_.end(), std::back_inserter(all));
    all.erase(std::unique(all.begin(), all.end()), all.end());
    is_snapshot_ = {snapshot_times_.begin(), snapshot_times_.end()};
  }

  void tell(double t, std::int64_t steps) {
    if (begun_ && !asked_.journal->wants_place()) return;
    begun_ = true;
    // A run that looks for its own end has no share of the way to it; steps of one length come to
    // t by themselves, others about as fast as to the next sample.
    const double share = asked_.flow.until_settled ? nan
                         : asked_.flow.discrete()  ? t / sample_times_.back()
                                                   : share_of(sample_times_, t);
    asked_.journal->reach({asked_.part, t, sample_times_.back(), share, steps});
  }

  void record(std::size_t index, double t, ConstVectorRef y) {
    const double asked = control_.times[index];
    const bool stopped = t != asked;
    if (stopped || (next_sample_ < sample_times_.size() && sample_times_[next_sample_] == asked)) {
      run_.samples.add(t, t, y);
      ++next_sample_;
    }
    if (!stopped && is_snapshot_.count(asked) != 0) run_.snapshots.add(t, t, y);
  }

  /// What has been recorded before the time of that number.
  void exchange_recorded(Archive& archive, std::size_t next) {
    const double until = next < control_.times.size() ? control_.times[next] : infinity;
    for (auto [name, recording, times] :
         {std::tuple{"samples", &run_.samples, &sample_times_},
          std::tuple{"snapshots", &run_.snapshots, &snapshot_times_}}) {
      const auto before = std::lower_bound(times->begin(), times->end(), until) - times->begin();
      Recording::First first{*recording, static_cast<std::size_t>(before)};
      archive.part(name, first);
    }
    next_sample_ = run_.samples.coordinate().size();
    if (archive.reading()) states_->run.tell_place(stepper_->time(), stepper_->statistics().steps);
  }

  const Asked& asked_;
  StatesOfRun* states_;
  Outcome failure_;
  const std::unique_ptr<System> system_;
  const Vector start_;
  const SolverSettings used_;
  const std::unique_ptr<Stepper> stepper_;
  const std::vector<Observable> observables_;
  TrajectoryRun run_;
  const std::unique_ptr<StopCondition> stop_;
  IntegrationControl control_;
  std::vector<double> sample_times_, snapshot_times_;
  std::set<double> is_snapshot_;
  std::size_t next_sample_ = 0;
  bool begun_ = false;
};

}  // namespace

TrajectoryRun run_trajectory(const Setup& setup, const FlowSettings& flow,
                             const SolverSettings& settings, const TimeSettings& time,
                             const OutputSettings& output, const std::function<bool()>& interrupted,
                             Journal* journal, const std::string& part) {
  const double seconds = output.checkpoint_seconds;
  const Asked asked{setup, flow, settings, time, output, interrupted, journal, part};
  const auto run = [&](StatesOfRun* states) { return Following(asked, states).run(); };
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
