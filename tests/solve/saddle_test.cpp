#include <cmath>

#include "solve/integrate.hpp"
#include "tests/catch.hpp"
#include "tests/solve/test_systems.hpp"

using namespace gradflow;
using gradflow::testing::DoubleWell;

namespace {

/// The time at which y crosses 1/2, by bisection on dense output.
struct Escape {
  Outcome outcome;
  double half_time = 0;
};

Escape escape(const std::string& method, double rtol, double atol, double y0) {
  DoubleWell system;
  SolverSettings settings;
  settings.method = method;
  settings.rtol = rtol;
  settings.atol = atol;
  Vector start(1);
  start << y0;
  settings = tightened(settings, start);
  auto stepper = make_stepper(system, settings);
  Escape result;
  IntegrationControl control;
  control.times = {0, 1e6};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  Vector y(1);
  control.stop = [&](double t, ConstVectorRef state) {
    if (result.half_time == 0 && state[0] > 0.5) {
      double low = stepper->previous_time(), high = t;
      for (int k = 0; k < 60; ++k) {
        const double middle = 0.5 * (low + high);
        stepper->interpolate(middle, y);
        (y[0] > 0.5 ? high : low) = middle;
      }
      result.half_time = high;
    }
    return false;
  };
  result.outcome = integrate(system, *stepper, settings, start, control);
  return result;
}

}  // namespace

TEST_CASE("Every implicit method leaves the saddle of y' = y(1-y^2) at the right time") {
  // y(t)^2 = 1 / (1 + (1/y0^2 - 1) e^{-2t}): y = 1/2 at t = log((1/y0^2 - 1)/3)/2.
  const double y0 = 1e-12;
  const double exact = 0.5 * std::log((1 / (y0 * y0) - 1) / 3);
  for (const std::string method : {"cvode", "rodas", "rosenbrock4", "dopri5"})
    for (const double rtol : {1e-4, 1e-6, 1e-8, 1e-10})
      for (const double atol : {1e-4, 1e-10}) {
        if (method == "dopri5" && rtol < 1e-6) continue;  // explicit to t = 1e6: minutes
        CAPTURE(method, rtol, atol);
        const Escape run = escape(method, rtol, atol, y0);
        REQUIRE(run.outcome.status == Status::ok);
        CHECK(std::abs(run.half_time - exact) < 1e-3 * exact);
        CHECK(run.outcome.final_state[0] == Approx(1).epsilon(1e-3));
      }
}
