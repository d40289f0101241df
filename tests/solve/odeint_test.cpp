#include "solve/stepper.hpp"
#include "tests/catch.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::unique_ptr<Stepper> make(const std::string& method, System& system,
                              const SolverSettings& settings) {
  return method == "dopri5" ? make_dopri5_stepper(system, settings)
                            : make_rosenbrock4_stepper(system, settings);
}

/// Coupled and nonlinear: (u, v)' = (-3u + v^2, u - v - v^2), u = e^{-2t}, v = e^{-t} (Kaps).
EnergySystem kaps() {
  EnergySystem system;
  system.n = 2;
  system.f = [](double, const Vector& y) {
    return Vector{{-3 * y[0] + y[1] * y[1], y[0] - y[1] - y[1] * y[1]}};
  };
  system.jacobian = [](double, const Vector& y) {
    return Matrix{{-3, 2 * y[1]}, {1, -1 - 2 * y[1]}};
  };
  return system;
}

}  // namespace

TEST_CASE("dopri5 and rosenbrock4 follow Kaps' problem, their errors the tolerance") {
  const std::vector<double> times = linear_times(3, 30);
  for (const std::string method : {"dopri5", "rosenbrock4"}) {
    double last = 1;
    for (const double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
      INFO(method << " at " << tolerance);
      EnergySystem system = kaps();
      SolverSettings settings;
      settings.rtol = settings.atol = tolerance;
      const auto stepper = make(method, system, settings);
      CHECK(stepper->method() == method);
      const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, times);
      REQUIRE(run.outcome.status == Status::ok);
      REQUIRE(run.times == times);
      double worst = 0;
      for (std::size_t i = 0; i < times.size(); ++i)
        worst = std::max(
            worst, (run.states[i] - Vector{{std::exp(-2 * times[i]), std::exp(-times[i])}}).norm());
      // Dense output included, which is of order 4 and 3 to the methods' 5 and 4.
      CHECK(worst < 200 * tolerance);
      CHECK(worst < 0.2 * last);
      last = worst;
      // The count is of all calls but for dense output's, and for the four that tell the two equal
      // entries of the start apart.
      CHECK(run.outcome.statistics.rhs_evaluations + 4 == system.rhs_calls);
      CHECK(run.outcome.statistics.steps > 0);
      // Odeint stops at the end as all do.
      CHECK(run.outcome.t_end == Approx(3).epsilon(1e-15));
    }
  }
}

TEST_CASE(
    "rosenbrock4 takes a stiff problem in few steps, dopri5 runs out of its budget and says so") {
  for (const std::string method : {"dopri5", "rosenbrock4"}) {
    EnergySystem system = decay(Vector{{1e6, 1}});
    SolverSettings settings;
    settings.rtol = settings.atol = 1e-6;
    settings.max_steps = 2000;
    const auto stepper = make(method, system, settings);
    const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, linear_times(10, 10));
    INFO(run.outcome.message);
    if (method == "dopri5") {
      CHECK(run.outcome.status == Status::step_budget);
      CHECK(run.outcome.message.find("solver.max_steps = 2000") != std::string::npos);
    } else {
      REQUIRE(run.outcome.status == Status::ok);
      CHECK(std::abs(run.states.back()[1] - std::exp(-10.0)) < 1e-5);
    }
  }
}

TEST_CASE("dopri5's dense output has the slope that it gives, and takes no evaluations") {
  // 20000 entries: more than one stretch of them.
  const Index n = 20000;
  EnergySystem system = decay(Vector::LinSpaced(n, 0.5, 3));
  SolverSettings settings;
  settings.rtol = settings.atol = 1e-5;
  const auto stepper = make_dopri5_stepper(system, settings);
  const Vector start = Vector::LinSpaced(n, 1, 2);
  stepper->start(0, start);
  const auto calls = [&] { return system.rhs_calls; };
  const auto at_start = calls();
  Vector before(n), after(n), slope(n);
  Matrix y(n, 3), ydot(n, 3);
  for (int k = 0; k < 8; ++k) {
    stepper->step(5, 1e300);
    const double from = stepper->previous_time(), h = stepper->time() - from;
    for (const double theta : {0.05, 0.3, 0.5, 0.8, 0.97}) {
      const double t = from + theta * h, apart = 1e-3 * h;
      stepper->interpolate(t - apart, before);
      stepper->interpolate(t + apart, after);
      stepper->interpolate_derivative(t, slope);
      // Rates are 3 at most: a central difference is off by (3 apart)^2 / 6 of the slope, 1.5e-6
      // at h = 1.
      CHECK(((after - before) / (2 * apart) - slope).norm() < 1e-5 * slope.norm());
      // Some hundred tolerances, as its states, over steps of a third and more.
      const Vector exact =
          start.cwiseProduct((-t * Vector::LinSpaced(n, 0.5, 3)).array().exp().matrix());
      CHECK((slope + exact.cwiseProduct(Vector::LinSpaced(n, 0.5, 3))).norm() <
            3e-3 * slope.norm());
    }
    stepper->interpolate_nodes({from + 0.1 * h, from + 0.5 * h, from + 0.9 * h}, y, ydot);
    for (Index i = 0; i < 3; ++i) {
      const double t = from + (0.1 + 0.4 * static_cast<double>(i)) * h;
      stepper->interpolate(t, before);
      stepper->interpolate_derivative(t, slope);
      CHECK((y.col(i) - before).norm() < 1e-14 * before.norm());
      CHECK((ydot.col(i) - slope).norm() < 1e-11 * slope.norm());
    }
    stepper->interpolate_derivative(stepper->time(), slope);
    CHECK(slope == -stepper->state().cwiseProduct(Vector::LinSpaced(n, 0.5, 3)));
  }
  const Statistics& all = stepper->statistics();
  CHECK(calls() - at_start == 6 * (all.steps + all.rejected_steps));
}

TEST_CASE("A step longer than allowed is not taken") {
  for (const std::string method : {"dopri5", "rosenbrock4"}) {
    EnergySystem system = decay(Vector{{1.0}});
    SolverSettings settings;
    settings.rtol = settings.atol = 1e-3;
    const auto stepper = make(method, system, settings);
    stepper->start(0, Vector{{1}});
    for (int k = 0; k < 20; ++k) {
      stepper->step(5, 0.01);
      CHECK(stepper->time() - stepper->previous_time() <= 0.01 * (1 + 1e-9));
    }
    while (stepper->time() < 5) {
      stepper->step(5, 1e300);
      CHECK(stepper->time() <= 5);
    }
    Vector y(1);
    stepper->interpolate(stepper->time(), y);
    CHECK(y == stepper->state());
    CHECK(std::abs(y[0] - std::exp(-5.0)) < 1e-2);
  }
}

TEST_CASE("A blow-up ends the explicit and the Rosenbrock method with a status") {
  for (const std::string method : {"dopri5", "rosenbrock4"}) {
    EnergySystem system = blow_up();
    SolverSettings settings;
    settings.max_steps = 20000;
    const auto stepper = make(method, system, settings);
    const Samples run = sample(system, *stepper, settings, Vector{{1}}, linear_times(2, 20));
    INFO(method << ": " << run.outcome.message);
    CHECK(run.outcome.status != Status::ok);
    CHECK(run.outcome.t_end > 0.9);
    CHECK(run.outcome.t_end < 1.01);
    for (const Vector& y : run.states) CHECK(y.allFinite());
  }
}
