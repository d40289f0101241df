#include "solve/stepper.hpp"
#include "tests/catch.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("Gradient descent is explicit Euler, step by step to rounding") {
  EnergySystem system = double_well();
  const double step = 0.1;
  const auto stepper = make_descent_stepper(system, step, "gradient_descent");
  SolverSettings settings;
  std::vector<double> times;
  for (int k = 0; k <= 50; ++k) times.push_back(k * step);
  const Samples run = sample(system, *stepper, settings, Vector{{0.01}}, times);
  REQUIRE(run.outcome.status == Status::ok);
  double y = 0.01;
  for (std::size_t k = 0; k < times.size(); ++k) {
    // Compilers may fuse a product and a sum here and not there: one rounding a step.
    CHECK(run.states[k][0] == Approx(y).epsilon(100 * 1.2e-16));
    y += step * (y * (1 - y * y));
  }
  CHECK(run.outcome.statistics.steps == 50);
  CHECK(run.outcome.statistics.rhs_evaluations == 50);
  CHECK(run.outcome.t_end == Approx(5).epsilon(1e-14));
  CHECK(run.outcome.energy.empty());  // the identity is the flow's, not the iterates'
}

TEST_CASE("A time between two iterates shows the nearer one") {
  EnergySystem system = decay(Vector{{1.0}});
  const auto stepper = make_descent_stepper(system, 0.5, "gradient_descent");
  stepper->start(0, Vector{{1}});
  stepper->step(10, 1e300);
  Vector y(1);
  stepper->interpolate(0.2, y);
  CHECK(y[0] == 1);
  stepper->interpolate(0.3, y);
  CHECK(y[0] == 0.5);
  stepper->interpolate_derivative(0.3, y);
  CHECK(y[0] == -1);
  CHECK(stepper->grid_step() == 0.5);
}

TEST_CASE("A step that is too large ends the run with the reason, not with infinities") {
  EnergySystem system = decay(Vector{{1.0}});
  const auto stepper = make_descent_stepper(system, 2.5, "gradient_descent");  // 2 / curvature = 2
  SolverSettings settings;
  settings.max_steps = 100000;
  const Samples run = sample(system, *stepper, settings, Vector{{1}}, {0, 2.5, 25000, 250000});
  CHECK(run.outcome.status == Status::not_finite);
  CHECK(run.outcome.message.find("flow.step") != std::string::npos);
  for (const Vector& y : run.states) CHECK(y.allFinite());
}
