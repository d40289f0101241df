#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// 540 parameters, some 4000 observed entries: a Newton set-up costs 400 explicit steps.
std::unique_ptr<Model> completion() {
  return make_model("matrix_completion", {{"rows", std::int64_t{100}},
                                          {"columns", std::int64_t{80}},
                                          {"rank", std::int64_t{3}},
                                          {"true_rank", std::int64_t{3}},
                                          {"observed", 0.5},
                                          {"initial_variance", 0.01}});
}

}  // namespace

TEST_CASE("Where a Newton set-up is dear, a flow that is not stiff is never set up") {
  const auto model = completion();
  const Run run = run_model(*model, {}, {}, {0, 0.1, 0.5}, false);
  CHECK(run.outcome.method == "dopri5");
  CHECK(run.outcome.statistics.factorisations == 0);
  SolverSettings other;
  other.method = "cvode_adams";
  other.rtol = 1e-6;
  const Run reference = run_model(*model, {}, other, {0, 0.1, 0.5}, false);
  // Another method, at a tolerance between.
  CHECK((run.outcome.final_state - reference.outcome.final_state).norm() <
        1e-4 * reference.outcome.final_state.norm());
}

TEST_CASE("One that turns stiff is given over to the implicit method, and says when") {
  EnergySystem system = decay(Vector{{1e6, 1, 1e-3}});
  SolverSettings settings;
  settings.rtol = 1e-8;
  const Vector start{{1, 1, 1}};
  const std::vector<double> times{0, 1e-6, 1, 1e3};
  const auto stepper = make_switching_stepper(make_dopri5_stepper(system, settings),
                                              make_cvode_stepper(system, settings, false), 1e5);
  const Samples run = sample(system, *stepper, settings, start, times);
  REQUIRE(run.outcome.status == Status::ok);
  INFO(run.outcome.method);
  CHECK(run.outcome.method.find("dopri5 up to t = ") == 0);
  CHECK(run.outcome.method.find(", then cvode") != std::string::npos);
  CHECK(run.outcome.linear.find("dense") == 0);
  for (std::size_t k = 0; k < times.size(); ++k)
    for (Index i = 0; i < 3; ++i)
      CHECK(std::abs(run.states[k][i] - std::exp(-Vector{{1e6, 1, 1e-3}}[i] * times[k])) < 1e-5);
  // It takes two looks at steps that do not grow to know; 3e8 of them would lead to the end.
  CHECK(run.outcome.statistics.steps < 1000);
}

TEST_CASE("An explicit method that fails is followed by the implicit one") {
  EnergySystem system = decay(Vector{{1, 2}});
  SolverSettings settings;
  settings.max_steps = 1000;
  const std::vector<double> times{0, 1e20};
  const auto stepper = make_switching_stepper(make_dopri5_stepper(system, settings),
                                              make_cvode_stepper(system, settings, false), 10);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, times);
  CHECK(run.outcome.status == Status::ok);
  CHECK(run.outcome.final_state.norm() < 1e-6);
}
