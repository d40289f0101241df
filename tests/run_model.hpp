#pragma once

#include <map>
#include <string>
#include <vector>

#include "flow/model.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"

namespace gradflow::testing {

struct Run {
  Outcome outcome;
  std::vector<double> times;
  std::vector<Vector> states;
  /// Scalars and arrays by the observable's name, one vector a sample.
  std::map<std::string, std::vector<Vector>> observables;

  double last(const std::string& name) const { return observables.at(name).back()[0]; }
};

/// Integrates a flow of a model from `start` through the given times, as `gradflow run` does, and
/// records all its observables, spectra of the Hessian included, where `observe` says so.
inline Run run_from(const Vector& start, Model& model, const FlowSettings& flow,
                    const SolverSettings& settings, const std::vector<double>& times,
                    bool observe = true) {
  Run run;
  const auto system = model.system(flow);
  const SolverSettings used = tightened(*system, settings, start);
  const auto stepper = flow.discrete() ? make_descent_stepper(*system, flow.step, flow.kind)
                                       : make_stepper(*system, used);
  std::vector<Observable> observables;
  if (observe) observables = model.observables(flow);
  IntegrationControl control;
  control.times = times;
  std::uint64_t serial = 0;
  control.sample = [&](std::size_t, double t, ConstVectorRef y) {
    run.times.push_back(t);
    run.states.emplace_back(y);
    const State state{t, y, ++serial};
    for (const Observable& observable : observables) {
      Vector values(observable.size());
      observable.evaluate(state, values.data());
      run.observables[observable.name].push_back(std::move(values));
    }
  };
  run.outcome = integrate(*system, *stepper, used, start, control);
  INFO(run.outcome.message);
  REQUIRE(run.outcome.status == Status::ok);
  return run;
}

/// The same from the model's own start.
inline Run run_model(Model& model, const FlowSettings& flow, const SolverSettings& settings,
                     const std::vector<double>& times, bool observe = true) {
  return run_from(model.initial_state(flow), model, flow, settings, times, observe);
}

/// 0, then `count` times from first to last in geometric order.
inline std::vector<double> log_times(double first, double last, int count) {
  std::vector<double> times{0};
  for (int k = 0; k < count; ++k)
    times.push_back(k + 1 == count ? last : first * std::pow(last / first, k / (count - 1.0)));
  return times;
}

}  // namespace gradflow::testing
