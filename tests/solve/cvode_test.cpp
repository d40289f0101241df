#include "solve/method_choice.hpp"
#include "solve/stepper.hpp"
#include "tests/catch.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("CVODE follows a stiff decay, and its error follows the tolerance") {
  // Rates over six decades: an explicit method would need 1e6 steps.
  const Vector rates{{1e6, 1e3, 1, 1e-3}}, y0{{1, -2, 3, 4}};
  const std::vector<double> times = linear_times(10, 20);
  double last = 1;
  for (const double rtol : {1e-4, 1e-7, 1e-10}) {
    EnergySystem system = decay(rates);
    SolverSettings settings;
    settings.rtol = rtol;
    settings.atol = rtol * 1e-2;
    const auto stepper = make_cvode_stepper(system, settings, false);
    const Samples run = sample(system, *stepper, settings, y0, times);
    REQUIRE(run.outcome.status == Status::ok);
    CHECK(run.outcome.statistics.steps < 3000);
    double worst = 0;
    for (std::size_t i = 0; i < times.size(); ++i)
      for (Index k = 0; k < 4; ++k)
        worst =
            std::max(worst, std::abs(run.states[i][k] - y0[k] * std::exp(-rates[k] * times[i])));
    // Local errors of the tolerance, over some hundred steps of a contracting flow.
    CHECK(worst < 100 * rtol * y0.norm());
    CHECK(worst < last);
    last = worst;
  }
}

TEST_CASE("CVODE's Adams methods agree with the closed form on a problem that is not stiff") {
  EnergySystem system = decay(Vector{{1, 2}});
  SolverSettings settings;
  settings.rtol = 1e-8;
  settings.atol = 1e-12;
  const auto stepper = make_cvode_stepper(system, settings, true);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, linear_times(3, 6));
  REQUIRE(run.outcome.status == Status::ok);
  CHECK(run.outcome.linear == "none");
  CHECK(std::abs(run.states.back()[0] - std::exp(-3.0)) < 1e-6);
  CHECK(std::abs(run.states.back()[1] - std::exp(-6.0)) < 1e-6);
}

TEST_CASE("Dense output meets the steps at both ends, and never disturbs them") {
  const Vector rates{{3, 0.5}};
  SolverSettings settings;
  EnergySystem one = decay(rates), other = decay(rates);
  const auto a = make_cvode_stepper(one, settings, false);
  const auto b = make_cvode_stepper(other, settings, false);
  a->start(0, Vector{{1, 1}});
  b->start(0, Vector{{1, 1}});
  Vector before = a->state(), at(2), slope(2);
  for (int k = 0; k < 100; ++k) {
    a->step(100, 1e300);
    b->step(100, 1e300);
    CHECK(a->time() == b->time());
    CHECK(a->previous_time() < a->time());
    a->interpolate(a->previous_time(), at);
    CHECK((at - before).norm() < 1e-7);
    a->interpolate(a->time(), at);
    CHECK((at - a->state()).norm() < 1e-15);
    a->interpolate_derivative(a->time(), slope);
    CHECK((slope + rates.cwiseProduct(at)).norm() < 1e-5 * rates.norm());
    a->interpolate(0.5 * (a->previous_time() + a->time()), at);
    CHECK(a->state() == b->state());
    before = a->state();
  }
}

TEST_CASE("A cap on the step is kept, and taken off again") {
  EnergySystem system = decay(Vector{{1.0}});
  SolverSettings settings;
  settings.rtol = 1e-3;
  const auto stepper = make_cvode_stepper(system, settings, false);
  stepper->start(0, Vector{{1}});
  for (int k = 0; k < 50; ++k) {
    stepper->step(1e3, 1e-3);
    CHECK(stepper->time() - stepper->previous_time() <= 1e-3 * (1 + 1e-12));
  }
  double longest = 0;
  for (int k = 0; k < 30 && stepper->time() < 1e3; ++k) {
    stepper->step(1e3, 1e300);
    longest = std::max(longest, stepper->time() - stepper->previous_time());
  }
  CHECK(longest > 0.05);
  while (stepper->time() < 1e3) stepper->step(1e3, 1e300);
  CHECK(stepper->time() == 1e3);  // not past the end
  CHECK_THROWS_AS(stepper->step(1e3, 1e300), SolverError);
}

TEST_CASE("A flow that blows up ends with a status, its time and a way out") {
  EnergySystem system = blow_up();
  SolverSettings settings;
  const auto stepper = make_cvode_stepper(system, settings, false);
  const Samples run = sample(system, *stepper, settings, Vector{{1}}, linear_times(2, 20));
  CHECK(run.outcome.status != Status::ok);
  CHECK(run.outcome.t_end > 0.9);
  CHECK(run.outcome.t_end < 1.001);
  CHECK(run.outcome.message.find("cvode at t = ") == 0);
  CHECK(run.outcome.message.find("; ") != std::string::npos);
  // What was reached is there, and right.
  REQUIRE(run.times.size() >= 9);
  CHECK(std::abs(run.states[8][0] - 1 / (1 - 0.8)) < 1e-4);
}

TEST_CASE("A right-hand side that is not finite is told as such") {
  for (const double from : {0.0, 0.5}) {
    EnergySystem system = decay(Vector{{1.0}});
    const auto plain = system.f;
    system.f = [plain, from](double t, const Vector& y) {
      return t >= from ? Vector(Vector{{std::nan("")}}) : plain(t, y);
    };
    system.e = nullptr;
    SolverSettings settings;
    const auto stepper = make_cvode_stepper(system, settings, false);
    const Samples run = sample(system, *stepper, settings, Vector{{1}}, linear_times(1, 4));
    INFO(run.outcome.message);
    CHECK(run.outcome.status == Status::not_finite);
  }
}

TEST_CASE("Tolerances below rounding are told as such") {
  EnergySystem system = decay(Vector{{1, 10}});
  SolverSettings settings;
  settings.rtol = 1e-17;
  settings.atol = 1e-30;
  const auto stepper = make_cvode_stepper(system, settings, false);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, linear_times(1, 2));
  CHECK(run.outcome.status == Status::no_convergence);
  CHECK(run.outcome.message.find("rtol") != std::string::npos);
}

TEST_CASE("A structure that a system does not have is refused with what it has") {
  EnergySystem system = decay(Vector{{1.0}});
  SolverSettings settings;
  settings.linear = LinearKind::gauss_newton;
  CHECK_THROWS_AS(make_cvode_stepper(system, settings, false), ParameterError);
  CHECK_THROWS_WITH(make_stepper(system, settings),
                    Catch::Contains("gauss_newton") && Catch::Contains("\"dense\""));
}
