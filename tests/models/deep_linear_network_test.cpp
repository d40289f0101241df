#include "models/deep_linear_network.hpp"

#include "models/deep_linear_map.hpp"

#include <boost/numeric/odeint.hpp>
#include <cmath>

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// du/dt = (s - u^L) u^{L-1} - lambda u, integrated by an independent explicit method.
double strength_per_layer(double s, int depth, double lambda, double u0, double t) {
  double u = u0;
  boost::numeric::odeint::integrate_adaptive(
      boost::numeric::odeint::make_controlled<boost::numeric::odeint::runge_kutta_dopri5<double>>(
          1e-13, 1e-12),
      [&](const double& x, double& dx, double) {
        dx = (s - std::pow(x, depth)) * std::pow(x, depth - 1) - lambda * x;
      },
      u, 0.0, t, 1e-3);
  return u;
}

}  // namespace

TEST_CASE("All derivatives of a deep linear network agree with finite differences") {
  RandomStream stream(1, "deep linear");
  const std::vector<std::vector<std::int64_t>> shapes = {
      {3, 2}, {2, 5, 3}, {3, 4, 2, 3}, {2, 3, 3, 3, 2}};
  for (const auto& widths : shapes) {
    auto right = std::make_shared<Matrix>(widths.front(), widths.front() + 1);
    stream.fill_normal(*right);
    const auto map = make_deep_linear_map({widths.begin(), widths.end()}, right);
    const Vector targets = random_vector(map->outputs(), stream);
    for (int point = 0; point < 2; ++point) {
      const Vector w = random_vector(map->parameters(), stream).normalized();
      check_output_map(*map, w, stream);
      Loss loss(map->clone(), std::make_shared<SquaredLoss>(0.5, targets, 0.3));
      check_loss(loss, w, stream);
    }
    // Weights that are one number a layer take the short way.
    Vector weight(map->parameters());
    Index offset = 0;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      const Index size = widths[l] * widths[l + 1];
      weight.segment(offset, size).setConstant(1.0 + static_cast<double>(l));
      offset += size;
    }
    Vector f(map->outputs());
    map->evaluate(random_vector(map->parameters(), stream), f);
    Matrix jt(map->parameters(), map->outputs()), k(map->outputs(), map->outputs());
    map->transposed_jacobian(jt);
    map->gram(weight, k);
    CHECK(relative_error(k, jt.transpose() * weight.asDiagonal() * jt) <= 1e-13);
  }
}

TEST_CASE("Modes of balanced, aligned layers follow u' = (s - u^L) u^{L-1} - lambda u") {
  for (const int depth : {2, 3, 4}) {
    INFO("depth " << depth);
    const auto model = make_model("deep_linear_network",
                                  {{"depth", std::int64_t{depth}},
                                   {"width", std::int64_t{3}},
                                   {"initial_law", std::string("aligned")},
                                   {"initial_scale", 0.3},
                                   {"target_singular_values", std::vector<double>{1, 0.7, 0.4}}});
    FlowSettings flow;
    flow.weight_decay = 0.05;
    SolverSettings settings;
    settings.rtol = 1e-9;
    settings.atol = 1e-12;
    const Run run = run_model(*model, flow, settings, {0, 1, 3, 10, 30});
    const double s[3] = {1, 0.7, 0.4};
    for (std::size_t k = 0; k < run.times.size(); ++k)
      for (int mode = 0; mode < 3; ++mode) {
        const double u = strength_per_layer(s[mode], depth, 0.05, 0.3, run.times[k]);
        // rtol 1e-9 over some hundred steps; growing modes magnify it by less than 30.
        CHECK(run.observables.at("mode_strength")[k][mode] ==
              Approx(std::pow(u, depth)).margin(1e-6));
      }
  }
}

TEST_CASE("The layers' imbalance decays as exp(-2 lambda t)") {
  const auto model =
      make_model("deep_linear_network", {{"depth", std::int64_t{4}}, {"initial_scale", 0.4}});
  FlowSettings flow;
  flow.weight_decay = 0.1;
  SolverSettings settings;
  settings.rtol = 1e-9;
  const Run run = run_model(*model, flow, settings, {0, 1, 3, 10});
  const auto& imbalance = run.observables.at("imbalance");
  for (std::size_t k = 1; k < run.times.size(); ++k)
    CHECK(imbalance[k][0] == Approx(imbalance[0][0] * std::exp(-0.2 * run.times[k])).epsilon(1e-6));
}

TEST_CASE("Two layers end at p = max(0, s - lambda)") {
  const auto model = make_model("deep_linear_network",
                                {{"depth", std::int64_t{2}},
                                 {"initial_scale", 0.4},
                                 {"target_singular_values", std::vector<double>{1, 0.7, 0.4}}});
  FlowSettings flow;
  flow.weight_decay = 0.5;
  SolverSettings settings;
  settings.rtol = 1e-9;
  const Run run = run_model(*model, flow, settings, {0, 500});
  const Vector p = run.observables.at("singular_values").back();
  // The slowest rates are 2 (s - lambda) >= 0.4 and lambda - s = 0.1: e^{-50} is left.
  CHECK(p[0] == Approx(0.5).margin(1e-7));
  CHECK(p[1] == Approx(0.2).margin(1e-7));
  CHECK(p[2] == Approx(0.0).margin(1e-7));
  CHECK(run.last("rank") == 2);
  CHECK(run.observables.at("rank").front()[0] == 3);
}

TEST_CASE("Sampled data give the mean over samples, with what no linear map can fit") {
  const auto model = make_model("deep_linear_network",
                                {{"widths", std::vector<std::int64_t>{2, 10, 10, 2}},
                                 {"samples", std::int64_t{512}},
                                 {"correlations", std::vector<double>{0.9, 0.8}}},
                                7);
  // At rank 0 the error is the variance of y, 1 up to 1/sqrt(512 * 2).
  Loss& loss = loss_of(*model);
  const double at_zero = loss.value(Vector::Zero(loss.dimension()));
  CHECK(at_zero == Approx(1.0).margin(4 / std::sqrt(1024.0)));
  // 1 - rho^2 stays, by the same argument; F = p/2 times the error an entry with p = 2.
  for (const Measurement& m : model->constants({}))
    if (m.name == "irreducible_loss")
      CHECK(m.values[0] == Approx(0.5 * (0.19 + 0.36)).margin(4 / std::sqrt(1024.0)));
  const Run run = run_model(*model, {}, {}, {0, 1, 100});
  CHECK(run.last("train_error") == Approx(run.last("train_loss")).epsilon(1e-12));
  CHECK(run.last("test_error") == Approx(0.275).margin(0.1));
}
