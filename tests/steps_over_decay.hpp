#pragma once

#include "tests/run_model.hpp"

namespace gradflow::testing {

/// BDF's steps to t = 10/lambda at rtol = 1e-6 grow no faster than the logarithm of 1/lambda, and
/// "auto" takes at most 300 more, those of rodas, with which it may begin. Between the
/// fit and the slow phase, from t = 1 to 1/lambda, nothing happens. Mostly BDF crosses that in a
/// few steps; but where it comes there at order 5, what the fit has left in its history rings on,
/// and its steps grow only every six, by 1.6 or so: 25 a decade.
inline void check_steps_over_decay(Model& model, double atol = SolverSettings{}.atol) {
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = atol;
  std::vector<double> steps;
  for (const double lambda : {1e-3, 1e-6, 1e-9}) {
    FlowSettings flow;
    flow.weight_decay = lambda;
    const auto steps_of = [&](const char* method) {
      settings.method = method;
      const Run run = run_model(model, flow, settings, {0, 1, 10 / lambda}, false);
      return static_cast<double>(run.outcome.statistics.steps);
    };
    steps.push_back(steps_of("cvode"));
    CHECK(steps_of("auto") <= steps.back() + 300);
  }
  INFO(steps[0] << ", " << steps[1] << ", " << steps[2]);
  const double steps_a_decade = 25;
  CHECK(steps[1] <= steps[0] + 3 * steps_a_decade);
  CHECK(steps[2] <= steps[0] + 6 * steps_a_decade);
}

}  // namespace gradflow::testing
