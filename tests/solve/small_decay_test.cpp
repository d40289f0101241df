#include <cmath>

#include "solve/method_choice.hpp"
#include "solve/stationary_point.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("lambda = 1e-12 to t = 1e13: the slow flow that larger lambdas have, and its invariant") {
  const std::vector<double> slow{0.1, 0.3, 1, 3, 10};
  for (const std::string kind : {"difference", "product"}) {
    const auto solve = [&](double lambda) {
      const auto model = make_model("diagonal_linear_network", {{"parametrisation", kind}});
      FlowSettings flow;
      flow.weight_decay = lambda;
      SolverSettings settings;
      settings.rtol = 1e-8;
      settings.atol = 1e-12;
      std::vector<double> times{0};
      for (const double tau : slow) times.push_back(tau / lambda);
      return run_model(*model, flow, settings, times);
    };
    const Run small = solve(1e-12), larger = solve(1e-9);
    const Vector& start = small.states.front();
    const Index d = start.size() / 2;
    const auto invariant = [&](const Vector& w) {
      const Vector u = w.head(d), v = w.tail(d);
      return kind == "difference" ? Vector(u.cwiseProduct(v))
                                  : Vector(u.cwiseAbs2() - v.cwiseAbs2());
    };
    for (std::size_t k = 1; k < small.times.size(); ++k) {
      CAPTURE(kind, slow[k - 1], small.outcome.statistics.steps);
      // Both differ from the slow flow by O(lambda), at most 1e-9 times some hundred here, and by
      // their tolerances: 1e-8 in each of 600 steps.
      CHECK((small.states[k] - larger.states[k]).norm() <= 6e-6 * small.states[k].norm());
      // It decays as exp(-2 tau). Some hundred steps of 1e-8, relative to entries of order 1.
      const double decay = std::exp(-2 * slow[k - 1]);
      CHECK((invariant(small.states[k]) - decay * invariant(start)).norm() <=
            1e-5 * invariant(start).norm());
    }
  }
}

namespace {

/// f = a w x on forty points of a line, which it fits with a w = 0.9: more samples than parameters,
/// and interpolation all the same.
std::unique_ptr<Model> one_neuron() {
  const ModelInfo* info = find_model("two_layer_network");
  Parameters parameters(info->parameters);
  parameters.set("width", std::int64_t{1});
  parameters.set("bias", false);
  parameters.set("activation", std::string("identity"));
  const Vector x = Vector::LinSpaced(40, -1, 1);
  parameters.set_file("inputs", "x.npy", x);
  parameters.set_file("targets", "y.npy", 0.9 * x);
  parameters.set_file("initial", "w.npy", Vector{{0.2, 2.0}});
  return info->make(parameters, 0);
}

}  // namespace

TEST_CASE("Loose tolerances keep to the slow manifold with every Newton matrix") {
  // a^2 - w^2 decays as exp(-2 lambda t), and a w tends to 0.9: the norm in closed form. The
  // residual of a prediction is 1e12 times beyond the one in balance with the decay.
  const double lambda = 1e-12;
  const auto model = one_neuron();
  FlowSettings flow;
  flow.weight_decay = lambda;
  std::vector<double> times = log_times(1e3, 10 / lambda, 60);
  for (const LinearKind kind : {LinearKind::automatic, LinearKind::dense, LinearKind::structured,
                                LinearKind::krylov, LinearKind::gauss_newton})
    for (const double rtol : {1e-3, 1e-4, 1e-5, 1e-6}) {
      SolverSettings settings;
      settings.method = "cvode";
      settings.linear = kind;
      settings.rtol = rtol;
      const Run run = run_model(*model, flow, settings, times);
      CAPTURE(run.outcome.linear, rtol, run.outcome.statistics.steps);
      const double start = 2.0 * 2.0 - 0.2 * 0.2;
      for (std::size_t k = 1; k < run.times.size(); ++k) {
        const double difference = start * std::exp(-2 * lambda * run.times[k]);
        const double exact = std::pow(difference * difference + 4 * 0.81, 0.25);
        // Errors of the steps along the manifold add up: some hundred at most, and mostly cancel.
        CHECK(std::abs(run.states[k].norm() - exact) <= 20 * rtol * exact);
      }
      CHECK(run.outcome.statistics.steps < 1000);
    }
}

TEST_CASE("At rest, steps go on growing: what Gauss-Newton leaves out is taken in") {
  // To 1e7 times 1/lambda. With Gauss-Newton alone steps stop at some 1/lambda, and go on for ever.
  const auto model = make_model("two_layer_network", {{"width", std::int64_t{20}},
                                                      {"activation", std::string("tanh")},
                                                      {"input_dimension", std::int64_t{3}},
                                                      {"samples", std::int64_t{10}}});
  FlowSettings flow;
  flow.weight_decay = 1e-6;
  SolverSettings settings;
  settings.rtol = 1e-6;
  const std::vector<double> times{0, 1, 1e3, 1e6, 1e7, 1e9, 1e13};
  const Run run = run_model(*model, flow, settings, times);
  CHECK(run.outcome.statistics.steps < 3000);
  CHECK(run.outcome.linear.find("structured") != std::string::npos);
  settings.linear = LinearKind::structured;
  const Run exact = run_model(*model, flow, settings, times);
  CHECK((run.states.back() - exact.states.back()).norm() < 1e-5 * exact.states.back().norm());
}

TEST_CASE("A fit that leaves residuals takes a matrix with their curvature") {
  // Twelve parameters, forty samples.
  const auto model = make_model("two_layer_network", {{"width", std::int64_t{4}},
                                                      {"activation", std::string("quadratic")},
                                                      {"bias", false},
                                                      {"input_dimension", std::int64_t{2}},
                                                      {"samples", std::int64_t{40}}});
  FlowSettings flow;
  flow.weight_decay = 1e-12;
  SolverSettings settings;
  settings.rtol = 1e-6;
  const std::vector<double> times = log_times(1e-3, 1e13, 30);
  const Run run = run_model(*model, flow, settings, times);
  CHECK(run.outcome.statistics.steps < 2000);
  settings.method = "rodas";
  settings.rtol = 1e-9;
  const Run reference = run_model(*model, flow, settings, times);
  for (std::size_t k = 0; k < times.size(); ++k)
    CHECK(run.states[k].norm() == Approx(reference.states[k].norm()).epsilon(1e-4));
}

TEST_CASE("Close to rest no iteration error is taken for an error of the steps") {
  // With Gauss-Newton matrices Newton's iteration converges slowly at lambda near the fold, and
  // ends at what the tolerance lets pass: by chance steps stopped growing for good (3 of these 41).
  const auto model =
      make_model("deep_linear_network", {{"depth", std::int64_t{3}},
                                         {"width", std::int64_t{10}},
                                         {"target_singular_values", std::vector<double>{0.9, 0.8}},
                                         {"initial_law", std::string("aligned")},
                                         {"initial_scale", 0.8}});
  FlowSettings flow;
  flow.weight_decay = 0.395;
  const auto system = model->system(flow);
  SolverSettings settings;
  const StationaryPoint rest = flow_limit(*system, settings, model->initial_state(flow));
  REQUIRE(rest.converged);
  REQUIRE(rest.y.norm() > 0.5);
  RandomStream stream(5, "rest");
  const Vector start = rest.y + 1e-6 * random_vector(rest.y.size(), stream);
  std::int64_t most = 0;
  for (int k = 0; k <= 40; ++k) {
    settings.rtol = (1 + 0.02 * k) * 1e-6;
    const StationaryPoint again = flow_limit(*system, settings, start, 1e-8, 1e12);
    CAPTURE(settings.rtol, again.outcome.message, again.outcome.linear);
    CHECK(again.converged);
    most = std::max(most, again.outcome.statistics.steps);
  }
  CHECK(most < 1000);
}

TEST_CASE("rodas says where the slow flow of a tiny lambda is beyond its range") {
  // Its steps' errors add up along the manifold: right within 1000 rtol, or told.
  for (const std::string kind : {"difference", "product"})
    for (const double lambda : {1e-10, 1e-12})
      for (const double rtol : {1e-4, 1e-6}) {
        const auto model = make_model("diagonal_linear_network", {{"parametrisation", kind},
                                                                  {"samples", std::int64_t{4}},
                                                                  {"dimension", std::int64_t{8}},
                                                                  {"initial_variance", 0.2}});
        FlowSettings flow;
        flow.weight_decay = lambda;
        SolverSettings settings;
        settings.rtol = 1e-10;
        settings.atol = 1e-13;
        const std::vector<double> times{0, 2 / lambda};
        const Vector exact = run_model(*model, flow, settings, times, false).states.back();
        for (const LinearKind linear : {LinearKind::krylov, LinearKind::dense}) {
          settings = {};
          settings.method = "rodas";
          settings.linear = linear;
          settings.rtol = rtol;
          const auto system = model->system(flow);
          const Vector start = model->initial_state(flow);
          settings = tightened(*system, settings, start);
          const auto stepper = make_stepper(*system, settings);
          IntegrationControl control;
          control.times = times;
          control.sample = [](std::size_t, double, ConstVectorRef) {};
          const Outcome outcome = integrate(*system, *stepper, settings, start, control);
          const double error = (outcome.final_state - exact).norm() / exact.norm();
          CAPTURE(kind, lambda, rtol, outcome.linear, outcome.statistics.steps, error,
                  outcome.message);
          const bool told = outcome.status != Status::ok || (outcome.warnings & sensitive) != 0;
          CHECK((told || error < 1000 * rtol));
        }
      }
}
