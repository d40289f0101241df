#include <cmath>
#include <functional>

#include "solve/rock4_coefficients.hpp"
#include "solve/stepper.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// The state at `end` after steps of equal length, with tolerances that do not shorten them.
Vector fixed_steps(System& system, const Vector& start, double end, int steps) {
  SolverSettings settings;
  settings.rtol = 0.1;
  settings.atol = 1e6;
  const auto stepper = make_rock4_stepper(system, settings);
  stepper->start(0, start);
  // From its first step the method grows to the length asked for; then back to the start with that.
  while (stepper->time() - stepper->previous_time() < 0.99 * end) stepper->step(1e300, end);
  stepper->move_to(0, start);
  for (int k = 0; k < steps; ++k) {
    const double h = end / steps;
    stepper->step(end, h);
    REQUIRE(stepper->time() == Approx((k + 1) * h));
  }
  return stepper->state();
}

/// (u, v)' = (-(rate + 2) u + rate v^2, u - v - v^2), u = e^{-2t}, v = e^{-t} (Kaps); stiff by
/// `rate`.
EnergySystem kaps(double rate) {
  EnergySystem system;
  system.n = 2;
  system.f = [=](double, const Vector& y) {
    return Vector{{-(rate + 2) * y[0] + rate * y[1] * y[1], y[0] - y[1] - y[1] * y[1]}};
  };
  system.jacobian = [=](double, const Vector& y) {
    return Matrix{{-(rate + 2), 2 * rate * y[1]}, {1, -1 - 2 * y[1]}};
  };
  return system;
}

/// y' = f(t, y), and says that it depends on t.
struct DrivenSystem final : System {
  Index n = 1;
  std::function<Vector(double, const Vector&)> f;
  std::function<Matrix(double, const Vector&)> jacobian;

  Index dimension() const override { return n; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override { dydt = f(t, y); }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    out = jacobian(t, y) * v;
  }
  bool autonomous() const override { return false; }
};

/// y' = -(y - cos t)^3 - (y - cos t) - sin t, y = cos t: depends on t itself.
DrivenSystem driven() {
  DrivenSystem system;
  system.f = [](double t, const Vector& y) {
    const double off = y[0] - std::cos(t);
    return Vector{{-off * off * off - off - std::sin(t)}};
  };
  system.jacobian = [](double t, const Vector& y) {
    const double off = y[0] - std::cos(t);
    return Matrix{{-3 * off * off - 1}};
  };
  return system;
}

}  // namespace

TEST_CASE("rock4 is of order 4 on nonlinear problems: half the step, a sixteenth of the error") {
  const auto check_order = [](const std::function<double(int)>& error, int fewest) {
    double last = error(fewest);
    for (int steps = 2 * fewest; steps <= 16 * fewest; steps *= 2) {
      const double now = error(steps);
      CAPTURE(steps, last, now);
      CHECK(std::log2(last / now) > 3.7);
      CHECK(std::log2(last / now) < 4.5);
      last = now;
    }
  };
  check_order(
      [](int steps) {
        EnergySystem system = kaps(1);
        return (fixed_steps(system, Vector{{1, 1}}, 2, steps) -
                Vector{{std::exp(-4.0), std::exp(-2.0)}})
            .norm();
      },
      8);
  check_order(
      [](int steps) {
        DrivenSystem system = driven();
        return std::abs(fixed_steps(system, Vector{{1}}, 3, steps)[0] - std::cos(3.0));
      },
      10);
  // Beyond a saddle, with dozens of stages: the stiff entry moves with the other one.
  const auto model = make_model("deep_linear_network", {{"width", std::int64_t{3}}});
  const auto flow = model->system({});
  const Vector start = model->initial_state({});
  SolverSettings tight;
  tight.method = "rodas";
  tight.rtol = 1e-13;
  tight.atol = 1e-14;
  const Vector exact = run_from(start, *model, {}, tight, {0, 2}, false).states.back();
  check_order([&](int steps) { return (fixed_steps(*flow, start, 2, steps) - exact).norm(); }, 8);
}

TEST_CASE("On a linear problem rock4 takes the stages that its law says") {
  // Modes from 1 to `stiffest`: the steps are those of the slow ones, of whatever the others are,
  // and each takes s + 3 evaluations, 0.34 s^2 - 2.8 = h stiffest.
  std::vector<double> steps, stages;
  for (const double stiffest : {1e3, 1e4, 1e5, 1e6}) {
    Vector rates(40);
    for (Index i = 0; i < rates.size(); ++i)
      rates[i] = std::pow(stiffest, static_cast<double>(i) / 39.0);
    EnergySystem system = decay(rates);
    SolverSettings settings;
    settings.rtol = settings.atol = 1e-4;
    settings.condition = false;
    const auto stepper = make_rock4_stepper(system, settings);
    stepper->start(0, Vector::Ones(40));
    while (stepper->time() < 0.5) stepper->step(20, 1e300);  // what is stiff has gone
    double lawful = 0, time = stepper->time();
    const Statistics before = stepper->statistics();
    while (stepper->time() < 20) {
      stepper->step(20, 0.05);
      lawful += std::sqrt(((stepper->time() - time) * stiffest + 2.8) / 0.34) + 3;
      time = stepper->time();
    }
    const Statistics& after = stepper->statistics();
    CAPTURE(stiffest, after.steps - before.steps);
    CHECK(after.rejected_steps == before.rejected_steps);
    const double taken = static_cast<double>(after.rhs_evaluations - before.rhs_evaluations);
    // Over that come its margin for the spectrum (2.5 %), its ladder (up to 5 %) and the products
    // that find the spectrum.
    stages.push_back(taken / lawful);
    steps.push_back(static_cast<double>(after.steps - before.steps));
  }
  CAPTURE(stages[0], stages[1], stages[2], stages[3]);
  for (std::size_t k = 0; k < stages.size(); ++k) CHECK(steps[k] == Approx(steps[0]).margin(2));
  for (const double of_law : stages) CHECK(of_law == Approx(1).epsilon(0.1));
}

TEST_CASE("Dense output of rock4 is free of what is stiff") {
  // Long after the stiff mode has gone to its tolerance, the samples are as good as the steps.
  EnergySystem system = decay(Vector{{1e5, 1}});
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = 1e-8;
  const auto stepper = make_rock4_stepper(system, settings);
  const std::vector<double> times = linear_times(10, 997);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, times);
  REQUIRE(run.outcome.status == Status::ok);
  for (std::size_t k = 1; k < times.size(); ++k) {
    CHECK(std::abs(run.states[k][0]) < 1e-5);
    CHECK(std::abs(run.states[k][1] - std::exp(-times[k])) < 1e-5);
  }
}

TEST_CASE("rock4 finds a spectrum that grows on the way, and takes more stages") {
  // y_1' = -(1 + t^2)^2 (y_1 - y_2): the rate grows from 1 to 10^6.
  DrivenSystem system;
  system.n = 2;
  system.f = [](double t, const Vector& y) {
    return Vector{{-std::pow(1 + t * t, 2) * (y[0] - y[1]), -y[1]}};
  };
  system.jacobian = [](double t, const Vector&) {
    const double rate = std::pow(1 + t * t, 2);
    return Matrix{{-rate, rate}, {0, -1}};
  };
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = 1e-9;
  const auto stepper = make_rock4_stepper(system, settings);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, linear_times(30, 30));
  REQUIRE(run.outcome.status == Status::ok);
  CAPTURE(run.outcome.statistics.steps, run.outcome.statistics.rejected_steps);
  for (std::size_t k = 0; k < run.states.size(); ++k)
    CHECK(std::abs(run.states[k][1] - std::exp(-run.times[k])) < 1e-5);
  CHECK(run.outcome.statistics.rejected_steps < run.outcome.statistics.steps);
}

TEST_CASE("A blow-up ends rock4 with a status, and a step longer than allowed is not taken") {
  EnergySystem explosive = blow_up();
  SolverSettings settings;
  settings.max_steps = 20000;
  const auto stepper = make_rock4_stepper(explosive, settings);
  const Samples run = sample(explosive, *stepper, settings, Vector{{1}}, linear_times(2, 20));
  INFO(run.outcome.message);
  CHECK(run.outcome.status != Status::ok);
  CHECK(run.outcome.t_end > 0.9);
  CHECK(run.outcome.t_end < 1.01);
  for (const Vector& y : run.states) CHECK(y.allFinite());

  EnergySystem slow = decay(Vector{{1.0}});
  settings.rtol = settings.atol = 1e-3;
  const auto capped = make_rock4_stepper(slow, settings);
  capped->start(0, Vector{{1}});
  for (int k = 0; k < 20; ++k) {
    capped->step(5, 0.01);
    CHECK(capped->time() - capped->previous_time() <= 0.01 * (1 + 1e-9));
  }
  while (capped->time() < 5) capped->step(5, 1e300);
  CHECK(capped->time() == 5);
  Vector y(1);
  capped->interpolate(5, y);
  CHECK(y == capped->state());
}
