#pragma once

#include "tests/run_model.hpp"

namespace gradflow::testing {

/// Steps to t = 10/lambda at rtol = 1e-6 do not grow from lambda = 1e-3 to 1e-9: a factor for each
/// decade would be 1.5 to some power; from one lambda to the next they scatter by a quarter.
inline void check_steps_over_decay(Model& model, double atol = SolverSettings{}.atol) {
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = atol;
  std::vector<double> steps;
  for (const double lambda : {1e-3, 1e-6, 1e-9}) {
    FlowSettings flow;
    flow.weight_decay = lambda;
    const Run run = run_model(model, flow, settings, {0, 1, 10 / lambda}, false);
    steps.push_back(static_cast<double>(run.outcome.statistics.steps));
  }
  INFO(steps[0] << ", " << steps[1] << ", " << steps[2]);
  CHECK(steps[1] <= 1.5 * steps[0]);
  CHECK(steps[2] <= 1.5 * steps[0]);
}

}  // namespace gradflow::testing
