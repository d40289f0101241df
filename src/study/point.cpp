#include "study/point.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "measure/two_phases.hpp"
#include "solve/integrate.hpp"
#include "solve/stationary_point.hpp"
#include "study/recording.hpp"

namespace gradflow {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
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

std::vector<Observable> chosen(const std::vector<Observable>& all, const OutputSettings& output) {
  std::vector<Observable> out;
  for (const Observable& observable : all) {
    const auto& names = output.observables;
    if (observable.by_default ||
        std::find(names.begin(), names.end(), observable.name) != names.end())
      out.push_back(observable);
  }
  return out;
}

std::vector<Observable> named(const std::vector<Observable>& all,
                              const std::vector<std::string>& names) {
  std::vector<Observable> out;
  for (const Observable& observable : all)
    if (std::find(names.begin(), names.end(), observable.name) != names.end())
      out.push_back(observable);
  return out;
}

/// Where the run starts: the model's initial state, or its limit Phi(w0) under the flow without
/// weight decay for the slow limit of that flow.
Vector start_of_run(Model& model, const FlowSettings& flow, const SolverSettings& settings,
                    const std::function<bool()>& interrupted) {
  Vector start = model.initial_state(flow);
  if (!flow.traits().slow_limit) return start;
  FlowSettings fast = flow;
  fast.kind = "gradient";
  fast.weight_decay = 0;
  SolverSettings tight = settings;
  tight.rtol = std::min(settings.rtol, 1e-10);
  tight.atol = std::min(settings.atol, 1e-13);
  tight.method = "auto";
  const StationaryPoint limit =
      flow_limit(*model.system(fast), tight, start, 1e-12, 1e12, interrupted);
  if (limit.outcome.status != Status::ok)
    throw SolverError(limit.outcome.status, "on the way to Phi(w0): " + limit.outcome.message, "");
  if (!limit.converged)
    throw SolverError(Status::no_convergence,
                      "the flow without weight decay has not reached its limit by t = 1e12",
                      "the slow flow starts there");
  if (!limit.certificate.stable())
    throw SolverError(
        Status::saddle_unresolved,
        "the flow without weight decay ends at a saddle, from which there is no slow flow",
        "other initial values leave it");
  start = limit.y;
  const std::unique_ptr<System> slow = model.system(flow);
  slow->correct(0, start);
  if (!((start - limit.y).norm() <= 1e-3 * limit.y.norm()) || !(slow->misfit(start) < 1e-8))
    throw SolverError(Status::no_convergence,
                      "the limit of the flow without weight decay does not fit the data",
                      "the slow flow is that on a manifold of interpolating minimisers");
  return start;
}

struct Integration {
  Outcome outcome;
  Recording samples;
  Recording snapshots;
};

/// One integration with the given tolerances.
Integration integrate_once(Model& model, const FlowSettings& flow, const SolverSettings& settings,
                           const TimeSettings& time, const OutputSettings& output,
                           const std::function<bool()>& interrupted) {
  const std::unique_ptr<System> system = model.system(flow);
  Vector start;
  Outcome failure;
  try {
    start = start_of_run(model, flow, settings, interrupted);
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
  if (flow.discrete()) {
    sample_times = snapped(sample_times, flow.step);
    snapshot_times = snapped(snapshot_times, flow.step);
  }
  const std::vector<Observable> all = model.observables(flow);
  Integration run{{},
                  Recording(chosen(all, output), system->dimension(), output.parameters),
                  Recording(named(all, output.snapshot_observables), system->dimension(), false)};

  IntegrationControl control;
  std::merge(sample_times.begin(), sample_times.end(), snapshot_times.begin(), snapshot_times.end(),
             std::back_inserter(control.times));
  control.times.erase(std::unique(control.times.begin(), control.times.end()), control.times.end());
  control.interrupted = interrupted;
  const std::set<double> is_snapshot(snapshot_times.begin(), snapshot_times.end());
  std::size_t next_sample = 0;
  control.sample = [&](std::size_t index, double t, ConstVectorRef y) {
    const double asked = control.times[index];
    const bool stopped = t != asked;
    if (stopped || (next_sample < sample_times.size() && sample_times[next_sample] == asked)) {
      run.samples.add(t, y);
      ++next_sample;
    }
    if (!stopped && is_snapshot.count(asked) != 0) run.snapshots.add(t, y);
  };
  control.stop = model.stop_condition(flow);
  // The observables of these names are what the keys speak of; a logarithm is nearly linear in t.
  for (const auto& [name, bound] : {std::pair{"gradient_norm", time.stop_gradient_norm},
                                    std::pair{"train_loss", time.stop_train_loss}})
    for (const Observable& observable : all)
      if (observable.name == name && bound > 0)
        control.level.push_back([observable, bound = bound](double t, ConstVectorRef y) {
          double value = nan;
          observable.evaluate(State{t, y, next_serial()}, &value);
          return std::log(std::max(value, std::numeric_limits<double>::min()) / bound);
        });
  if (failure.status == Status::ok)
    run.outcome = integrate(*system, *stepper, used, start, control);
  else
    run.outcome = failure;
  if (run.outcome.final_state.size() == 0) run.outcome.final_state = start;
  run.samples.set_final_state(run.outcome.final_state);
  if (run.outcome.status != Status::ok) {
    run.samples.pad(sample_times);
    run.snapshots.pad(snapshot_times);
  }
  return run;
}

/// |difference| of observable k between a run and its repetition at a tenth of the tolerances, at
/// the samples that both have (a stop condition ends them at slightly different times).
std::vector<double> observed_error(const Recording& run, const Recording& tight, std::size_t k) {
  const std::vector<double>& values = run.values(k);
  std::vector<double> error(values.size(), nan);
  const std::size_t size = values.size() / run.times().size();
  for (std::size_t i = 0; i < std::min(run.times().size(), tight.times().size()); ++i)
    if (run.times()[i] == tight.times()[i])
      for (std::size_t j = i * size; j < (i + 1) * size; ++j)
        error[j] = std::abs(values[j] - tight.values(k)[j]);
  return error;
}

std::vector<Measurement> grokking_measurements(const FlowSettings& flow,
                                               const MeasureSettings& settings,
                                               const Recording& samples, Outcome& outcome) {
  const std::vector<double>* train = samples.values("train_error");
  const std::vector<double>* test = samples.values("test_error");
  if (train == nullptr || test == nullptr || flow.weight_decay <= 0 ||
      flow.traits().slow_limit)
    return {};
  const GrokkingTimes times = grokking_times(samples.times(), *train, *test, settings.fit_threshold,
                                             0.1 / flow.weight_decay);
  if (times.falls_without_plateau) {
    outcome.warnings |= no_plateau;
    outcome.message += std::string(outcome.message.empty() ? "" : "; ") +
                       "the test error falls by degrees, without a plateau: no grok_time";
  }
  return {
      measured("fit_time",
               "time at which the training error is below measure.fit_threshold times "
               "its start",
               times.fit),
      measured("plateau_time",
               "time at which the test error, after the fit, moves least in log t; NaN without a "
               "plateau",
               times.plateau),
      measured("plateau_test_error", "test error at plateau_time", times.plateau_error),
      measured("grok_time", "time at which the test error is halfway between plateau and end",
               times.grok),
      measured("slow_grok_time", "lambda times grok_time", flow.weight_decay * times.grok),
  };
}

std::vector<Measurement> two_phase_measurements(Model& model, const FlowSettings& flow,
                                                const MeasureSettings& settings,
                                                const SolverSettings& solver,
                                                const std::function<bool()>& interrupted) {
  PhaseWindows windows;
  windows.fast_end = settings.fast_end;
  windows.slow_from = settings.slow_window[0];
  windows.slow_to = settings.slow_window[1];
  FlowSettings fast = flow, slow = flow;
  fast.weight_decay = 0;
  slow.kind = "riemannian";
  const std::unique_ptr<System> decayed = model.system(flow), gradient = model.system(fast),
                                riemannian = model.system(slow);
  SolverSettings any = solver;
  any.method = "auto";
  const Vector start = model.initial_state(flow);
  const PhaseReference reference =
      phase_reference(*gradient, *riemannian, start, any, windows, interrupted);
  const TwoPhaseErrors errors =
      two_phase_errors(*decayed, *gradient, *riemannian, start, flow.weight_decay, reference,
                       windows, any, interrupted);
  return {
      measured("slow_error", "sup over the slow window of |w(tau/lambda) - w°(tau)|", errors.slow),
      measured("fast_error", "sup over the fast window of |w(t) - w^GF(t)|", errors.fast),
      measured("composite_error", "sup over all t of |w(t) - (w^GF(t) + w°(lambda t) - Phi(w0))|",
               errors.composite),
      {"fast_distance",
       "|w(t) - w^GF(t)|",
       {{"fast_window", reference.fast_times, "time t", false}},
       errors.fast_distance},
      {"slow_distance",
       "|w(tau/lambda) - w°(tau)|",
       {{"slow_window", reference.slow_times, "slow time tau", false}},
       errors.slow_distance},
  };
}

}  // namespace

Dataset failed_setup(const std::string& message) {
  Dataset data;
  add_status(data, Status::setup_failed);
  add_message(data, message);
  return data;
}

std::map<std::string, std::int64_t> absent_point() {
  return {{"status", static_cast<std::int64_t>(Status::not_run)},
          {"warning", 0},
          {"steps", 0},
          {"rhs_evaluations", 0}};
}

PointResult run_point(const Config& config, std::size_t point,
                      const std::function<bool()>& interrupted) {
  RunConfig run = config.run(point);
  const std::unique_ptr<Model> model = config.build(run);
  FlowSettings flow = run.flow();
  const SolverSettings solver = run.solver();
  TimeSettings time = run.time();
  const OutputSettings output = run.output();
  if (flow.until_settled) {
    // Where the run ends is found by a first one, so that the samples can be spread over it.
    flow.until_settled = false;
    FlowSettings search = flow;
    search.until_settled = true;
    time.end = model->default_end(search).value_or(0);
    TimeSettings ends = time;
    ends.samples = 1;
    OutputSettings nothing;
    const Integration first = integrate_once(*model, search, solver, ends, nothing, interrupted);
    if (first.outcome.status == Status::ok) time.end = first.outcome.t_end;
    if (time.spacing == "log") time.first = std::min(time.first, 1e-3 * time.end);
  }

  Integration main = integrate_once(*model, flow, solver, time, output, interrupted);
  Outcome& outcome = main.outcome;

  PointResult result;
  Dataset& data = result.data;
  data.add_coordinate(
      "time", main.samples.times(),
      attributes(flow.accelerated ? "accelerated time log10(1 + s), ds = L dt" : "time t", "1"));
  if (flow.weight_decay > 0 && !flow.traits().slow_limit) {
    std::vector<double> slow = main.samples.times();
    for (double& t : slow) t *= flow.weight_decay;
    data.add({"slow_time", {"time"}, std::move(slow), attributes("slow time tau = lambda t", "1")});
  }
  const auto record = [&](const Recording& recording, const std::string& along,
                          const std::string& suffix, const std::string& prefix,
                          const Recording* minus) {
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
  };
  record(main.samples, "time", "", "", nullptr);
  if (!main.snapshots.times().empty()) {
    data.add_coordinate("snapshot_time", main.snapshots.times(),
                        attributes("time t of a snapshot", "1"));
    record(main.snapshots, "snapshot_time", "", "", nullptr);
  }
  const Index state_size = outcome.final_state.size();
  add_axis(data, counting_axis("parameter", state_size, "entry of the state"));
  if (output.parameters)
    data.add({"parameters",
              {"time", "parameter"},
              main.samples.states(),
              attributes("state of the flow", "1")});
  const bool failed = outcome.status != Status::ok;
  data.add({"final_state",
            {"parameter"},
            std::vector<double>(outcome.final_state.begin(), outcome.final_state.end()),
            attributes("state at end_time", "1")});

  if (solver.verify && !failed) {
    SolverSettings tight = tightened(*model->system(flow), solver, model->initial_state(flow));
    tight.rtol *= 0.1;
    tight.atol *= 0.1;
    const Integration second = integrate_once(*model, flow, tight, time, output, interrupted);
    if (second.outcome.status == Status::interrupted) {
      outcome.status = Status::interrupted;
      outcome.message = second.outcome.message;
    } else if (second.outcome.status != Status::ok) {
      outcome.status = Status::verify_failed;
      outcome.message = "the run at a tenth of the tolerances failed: " + second.outcome.message;
    } else {
      record(main.samples, "time", "_observed_error",
             "difference to a run at a tenth of the tolerances: ", &second.samples);
      // Doubtful where an observable is off by more than a hundredth of its range.
      for (std::size_t k = 0; k < main.samples.observables().size(); ++k) {
        const std::vector<double>& tight_values = second.samples.values(k);
        if (tight_values.empty()) continue;
        double low = infinity, high = -infinity;
        for (const double value : tight_values)
          if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
        double worst = 0;
        for (const double e : observed_error(main.samples, second.samples, k))
          if (std::isfinite(e)) worst = std::max(worst, e);
        const double range = std::max(0.0, high - low);
        if (worst > 0.01 * range && worst > 1000 * tight.atol && outcome.status == Status::ok) {
          outcome.status = Status::verify_failed;
          outcome.message = main.samples.observables()[k].name +
                            " changes by more than a hundredth of its range at a tenth of the "
                            "tolerances; lower solver.rtol and solver.atol";
        }
      }
    }
  }

  add_measurements(data, model->constants(flow));
  if (!failed) {
    add_measurements(data, model->measure(flow, main.samples));
    const RunNotes notes = model->notes(run.flow(), main.samples);
    outcome.warnings |= notes.warnings;
    for (const std::string& message : notes.messages)
      outcome.message += (outcome.message.empty() ? "" : "; ") + message;
    add_measurements(data, grokking_measurements(flow, run.measure(), main.samples, outcome));
    if (run.measure().two_phases && flow.traits().descent && flow.weight_decay > 0) {
      try {
        add_measurements(data,
                         two_phase_measurements(*model, flow, run.measure(), solver, interrupted));
      } catch (const SolverError& error) {
        outcome.status = error.status();
        outcome.message = std::string("two-phase measurement: ") + error.what();
      }
    }
  }

  if (!outcome.energy.empty()) {
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
    add_number(data, "energy_defect_max", outcome.worst_energy_defect,
               "largest relative defect of the energy identity over a decade of time");
  }
  if (!failed && time.stop_gradient_norm > 0 && flow.traits().descent) {
    const Certificate rest = certify(*model->system(flow), outcome.t_end, outcome.final_state);
    add_number(data, "rest_speed", rest.speed, "speed |w'| at the end of the run");
    add_number(data, "rest_distance", rest.distance,
               "distance of the end of the run to rest, relative to |w|: a Newton step");
    add_number(data, "rest_growth_rate", rest.growth_rate,
               "growth rate of the fastest growing mode at the end of the run; <= 0 at a minimum");
    add_number(data, "rest_unstable_modes",
               rest.unstable_modes ? static_cast<double>(*rest.unstable_modes) : nan,
               "number of growing modes at the end of the run, by inertia; NaN where not computed");
    if (!rest.stable() && outcome.stopped_early && rest.speed <= time.stop_gradient_norm) {
      outcome.message +=
          (outcome.message.empty() ? "" : "; ") +
          std::string("time.stop_gradient_norm is met at a saddle, not at a minimum");
      // A mode that the state does not hold is one that the exact flow does not follow either.
      if (rest.growing_amplitude <= 1e-14 * outcome.final_state.norm())
        outcome.warnings |= stays_on_saddle;
      else if (outcome.status == Status::ok) {
        outcome.status = Status::saddle_unresolved;
        outcome.message += ": the flow leaves it; lower time.stop_gradient_norm";
      }
    }
  }
  if (outcome.amplification) {
    add_number(data, "amplification", outcome.amplification->largest,
               "largest growth of a disturbance between any two times; at most 1e300");
    add_number(data, "amplification_time", outcome.amplification->time,
               "the later one of these two times");
    add_number(data, "end_amplification", outcome.amplification->to_end,
               "largest growth of a disturbance from any earlier time to the end");
  }
  add_number(data, "end_time", outcome.t_end, "time at which the run ended");
  add_status(data, outcome.status);
  add_warning(data, outcome.warnings);
  add_count(data, "steps", outcome.statistics.steps, "accepted steps");
  add_count(data, "rejected_steps", outcome.statistics.rejected_steps, "rejected steps");
  add_count(data, "rhs_evaluations", outcome.statistics.rhs_evaluations,
            "evaluations of the right-hand side by the solver");
  add_count(data, "linearisations", outcome.statistics.linearisations, "Jacobians set up");
  add_count(data, "factorisations", outcome.statistics.factorisations,
            "Newton matrices factorised");
  add_count(data, "indefinite_factorisations", outcome.statistics.indefinite_factorisations,
            "Newton matrices with negative eigenvalues");
  add_count(data, "events", outcome.statistics.events,
            "boundaries between smooth pieces (activation changes) that were met");
  add_number(data, "wall_seconds", outcome.wall_seconds, "wall-clock time of the run", "s");
  data.add({"solver_method",
            {},
            std::vector<std::string>{outcome.method},
            {{"long_name", "method used"}}});
  data.add({"solver_linear",
            {},
            std::vector<std::string>{outcome.linear},
            {{"long_name", "Newton matrices used, and why"}}});
  add_message(data, outcome.message);

  result.status = outcome.status;
  result.warnings = outcome.warnings;
  result.message = outcome.message;
  result.wall_seconds = outcome.wall_seconds;
  return result;
}

}  // namespace gradflow
