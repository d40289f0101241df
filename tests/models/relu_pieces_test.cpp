#include "models/relu_pieces.hpp"

#include <cmath>

#include "numerics/fit.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// Integrates without observables; the state at the last time.
struct Result {
  Outcome outcome;
  std::vector<Vector> states;
};

Result integrate_flow(Model& model, const FlowSettings& flow, double rtol,
                      const std::vector<double>& times) {
  SolverSettings settings;
  settings.rtol = rtol;
  settings.atol = 1e-13;
  const auto system = model.system(flow);
  const bool descent = flow.kind == "gradient_descent";
  const auto stepper =
      descent ? make_descent_stepper(*system, flow.step) : make_stepper(*system, settings);
  Result result;
  IntegrationControl control;
  control.times = times;
  control.sample = [&](std::size_t, double, ConstVectorRef y) { result.states.emplace_back(y); };
  result.outcome = integrate(*system, *stepper, settings, model.initial_state(flow), control);
  INFO(result.outcome.message);
  REQUIRE(result.outcome.status == Status::ok);
  return result;
}

std::unique_ptr<Model> small_network(const std::string& activation, Index input_dimension) {
  return make_model("two_layer_network",
                    {{"activation", activation},
                     {"width", std::int64_t{12}},
                     {"samples", std::int64_t{8}},
                     {"input_dimension", std::int64_t{input_dimension}},
                     {"initial_variance", 4.0}},
                    3);
}

FlowSettings decayed() {
  FlowSettings flow;
  flow.weight_decay = 0.02;
  return flow;
}

}  // namespace

TEST_CASE("A neuron that slides along a kink follows the closed form") {
  // One neuron, no bias, x_0 = (0, 1), x_1 = (1, 1), y_0 = -5, y_1 = 2, on w_2 = 0 at the start.
  // The sample 1 pulls w_2 up and the sample 0, once active, down by more: the neuron slides along
  // z_0 = w_2 = 0. There w_1 = a = q with q' = -q (q^2 - y_1) / 2, a logistic equation for q^2.
  Matrix inputs(2, 2);
  inputs << 0, 1, 1, 1;
  const Vector targets{{-5.0, 2.0}}, initial{{0.5, 0.0, 0.5}};
  Parameters p(find_model("two_layer_network")->parameters);
  p.set("activation", std::string("relu"));
  p.set("bias", false);
  p.set_file("inputs", "inputs", inputs);
  p.set_file("targets", "targets", targets);
  p.set_file("initial", "initial", initial);
  const auto model = find_model("two_layer_network")->make(p, 0);
  for (const double rtol : {1e-5, 1e-7, 1e-9}) {
    const std::vector<double> times{0, 0.5, 1, 2, 4};
    const Result run = integrate_flow(*model, {}, rtol, times);
    CHECK(run.outcome.statistics.events >= 1);
    CHECK(run.outcome.worst_energy_defect < 1e-3);
    for (std::size_t k = 1; k < times.size(); ++k) {
      const double s = 2 / (1 + (2 / 0.25 - 1) * std::exp(-2 * times[k]));
      const Vector exact{{std::sqrt(s), 0.0, std::sqrt(s)}};
      // Local errors of rtol, some tens of steps, and a tenth of rtol for the event.
      CHECK((run.states[k] - exact).norm() < 100 * rtol);
      CHECK(std::abs(run.states[k][1]) < 1e-14);
    }
  }
}

TEST_CASE(
    "Gradient descent on ReLU networks tends to the piecewise flow with order one in the step") {
  for (const char* activation : {"relu", "leaky_relu"})
    for (const Index d : {1, 2}) {
      INFO(activation << ", d = " << d);
      const auto model = small_network(activation, d);
      const Result flow = integrate_flow(*model, decayed(), 1e-10, {0, 30});
      CHECK(flow.outcome.statistics.events >= 2);
      CHECK(flow.outcome.worst_energy_defect < 1e-3);
      Vector steps(3), errors(3);
      steps << 2e-3, 1e-3, 5e-4;
      for (Index k = 0; k < 3; ++k) {
        FlowSettings descent = decayed();
        descent.kind = "gradient_descent";
        descent.step = steps[k];
        errors[k] =
            (integrate_flow(*model, descent, 1e-10, {0, 30}).states.back() - flow.states.back())
                .norm();
      }
      CAPTURE(errors.transpose());
      // On a surface descent goes to and fro by a step, so that the ratio is 2 but for that.
      CHECK(std::abs(fit_power_law(steps, errors).exponent - 1) < 0.35);
      CHECK(errors[2] < 2e-3 * flow.states.back().norm());
    }
}

TEST_CASE("The error of the piecewise flow falls with the tolerance") {
  for (const char* activation : {"relu", "leaky_relu"}) {
    INFO(activation);
    const auto model = small_network(activation, 1);
    const std::vector<double> times{0, 0.1, 1, 10, 100, 500};
    const Result exact = integrate_flow(*model, decayed(), 1e-11, times);
    Vector tolerances(4), errors(4);
    tolerances << 1e-5, 1e-6, 1e-7, 1e-8;
    for (Index k = 0; k < 4; ++k) {
      const Result run = integrate_flow(*model, decayed(), tolerances[k], times);
      errors[k] = 0;
      for (std::size_t i = 0; i < times.size(); ++i)
        errors[k] = std::max(errors[k], (run.states[i] - exact.states[i]).norm());
      // |w| is some units, steps are some hundreds.
      CHECK(errors[k] < 1000 * tolerances[k]);
    }
    CAPTURE(errors.transpose());
    CHECK(fit_power_law(tolerances, errors).exponent > 0.75);
  }
}
