#include <algorithm>
#include <cmath>

#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// The time at which y crosses 1/2, by bisection on dense output.
struct Escape {
  Outcome outcome;
  double half_time = 0;
};

Escape escape(const std::string& method, double rtol, double atol, double y0) {
  EnergySystem system = double_well();
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

TEST_CASE("Every method leaves the saddle of y' = y(1-y^2) at the right time") {
  // y(t)^2 = 1 / (1 + (1/y0^2 - 1) e^{-2t}): y = 1/2 at t = log((1/y0^2 - 1)/3)/2.
  const double y0 = 1e-12;
  const double exact = 0.5 * std::log((1 / (y0 * y0) - 1) / 3);
  for (const std::string method : {"cvode", "rodas", "rosenbrock4", "dopri5", "rock4"})
    for (const double rtol : {1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10})
      for (const double atol : {1e-4, 1e-10}) {
        CAPTURE(method, rtol, atol);
        const Escape run = escape(method, rtol, atol, y0);
        REQUIRE(run.outcome.status == Status::ok);
        CHECK(std::abs(run.half_time - exact) < 1e-3 * exact);
        CHECK(run.outcome.final_state[0] == Approx(1).epsilon(1e-3));
      }
}

namespace {

/// When each mode of a deep linear network reaches half of its target, by bisection on dense
/// output.
std::vector<double> mode_escapes(int depth, const std::string& method, double rtol) {
  const std::vector<double> target{3, 2, 1};
  const auto model = make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                                        {"width", std::int64_t{3}},
                                                        {"initial_scale", 1e-6},
                                                        {"target_singular_values", target}});
  SolverSettings settings;
  settings.method = method;
  settings.rtol = rtol;
  settings.atol = 1e-2 * rtol;
  const Vector start = model->initial_state({});
  settings = tightened(settings, start);
  const auto system = model->system({});
  const auto stepper = make_stepper(*system, settings);
  const std::vector<Observable> observables = model->observables({});
  const auto strength = std::find_if(observables.begin(), observables.end(),
                                     [](const Observable& o) { return o.name == "mode_strength"; });
  std::uint64_t serial = 0;
  Vector y(start.size());
  const auto reached = [&](std::size_t mode, double t, ConstVectorRef state) {
    double values[3];
    strength->evaluate(State{t, state, ++serial}, values);
    return values[mode] >= 0.5 * target[mode];
  };
  std::vector<double> escapes(3, 0);
  IntegrationControl control;
  control.times = {0, depth == 2 ? 1e3 : 1e8};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  control.stop = [&](double t, ConstVectorRef state) {
    for (std::size_t mode = 0; mode < 3; ++mode) {
      if (escapes[mode] > 0 || !reached(mode, t, state)) continue;
      double low = stepper->previous_time(), high = t;
      for (int k = 0; k < 50; ++k) {
        const double middle = 0.5 * (low + high);
        stepper->interpolate(middle, y);
        (reached(mode, middle, y) ? high : low) = middle;
      }
      escapes[mode] = high;
    }
    return false;
  };
  const Outcome outcome = integrate(*system, *stepper, settings, start, control);
  CHECK(outcome.status == Status::ok);
  return escapes;
}

}  // namespace

TEST_CASE("Saddle-to-saddle learning from scale 1e-6 comes at its times, at every tolerance") {
  for (const int depth : {2, 3}) {
    // At a tolerance that leaves it two digits beyond what is asked.
    const std::vector<double> reference = mode_escapes(depth, "rodas", 1e-11);
    for (const std::string method : {"auto", "rodas", "rock4"})
      for (const double rtol : {1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10}) {
        const std::vector<double> escapes = mode_escapes(depth, method, rtol);
        for (std::size_t mode = 0; mode < 3; ++mode) {
          CAPTURE(depth, method, rtol, mode, reference[mode], escapes[mode]);
          CHECK(reference[mode] > 0);
          // Steps at the start's size s each add an error of rtol s + atol, and atol is 1e-6 s
          // (tightened). With BDF these add up to some tens of it, whichever its first step is.
          CHECK(std::abs(escapes[mode] - reference[mode]) <= 60 * (rtol + 1e-6) * reference[mode]);
        }
      }
  }
}

TEST_CASE(
    "A mode that starts far below the others leaves its saddle at its time, or a warning says") {
  // beta_i = u_i v_i on orthogonal inputs: the modes are apart, and u = v keeps
  // beta' = 2 beta (y - beta) in each. The first is learned at once, the second waits at e^2.
  const ModelInfo* info = find_model("diagonal_linear_network");
  for (const std::string method : {"cvode", "rodas", "rock4"})
    for (const double rtol : {1e-5, 1e-8})
      for (const double e : {1e-9, 1e-11, 1e-13, 1e-20}) {
        Parameters parameters(info->parameters);
        parameters.set("parametrisation", std::string("product"));
        parameters.set_file("inputs", "x.npy", Matrix::Identity(2, 2));
        parameters.set_file("targets", "y.npy", Vector{{2, 0.1}});
        parameters.set_file("initial", "w.npy", Vector{{0.5, e, 0.5, e}});
        const auto model = info->make(parameters, 0);
        const auto system = model->system({});
        // The rate of beta_2 at 0, twice that of u_2.
        Vector y = model->initial_state({}), slope(4);
        system->rhs(0, y, slope);
        const double rate = 2 * slope[1] / y[1], half = std::log(0.1 / (e * e) - 1) / rate;
        SolverSettings settings;
        settings.method = method;
        settings.rtol = rtol;
        const std::vector<double> times{0, 0.999 * half, half, 1.001 * half, 1e5};
        const Run run = run_from(y, *model, {}, settings, times, false);
        CAPTURE(method, rtol, e, half);
        const bool resolved = e >= 1e-13;
        CHECK(((run.outcome.warnings & tolerance_coarse_for_saddle) == 0) == resolved);
        if (!resolved) continue;
        CHECK(run.states[1][1] * run.states[1][3] < 0.05);
        CHECK(run.states[3][1] * run.states[3][3] > 0.05);
        CHECK(run.states[4][1] == Approx(std::sqrt(0.1)).epsilon(1e-4));
      }
}
