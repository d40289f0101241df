#include "models/noisy_linear_map.hpp"

#include <cmath>
#include <functional>

#include "models/deep_linear_network.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::unique_ptr<Model> one_mode(int depth, Index width, double s, double variance) {
  return make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                            {"width", std::int64_t{width}},
                                            {"target_singular_values", std::vector<double>{s}},
                                            {"noise_variance", variance}});
}

/// All layers of Frobenius norm u, of rank one, with equal units: W_1 = u a, W_l = u a a^T, W_L =
/// u a^T, a = (1, ..., 1)/sqrt(width). Permutations keep it, so that it is a mode of its own.
Vector uniform_state(int depth, Index width, double u) {
  const double a = 1 / std::sqrt(static_cast<double>(width));
  Vector w(2 * width + (depth - 2) * width * width);
  w.setConstant(u * a * a);
  w.head(width).setConstant(u * a);
  w.tail(width).setConstant(u * a);
  return w;
}

/// The zero of a decreasing or increasing function between two points, by bisection.
double zero_between(double a, double b, const std::function<double(double)>& f) {
  const bool rises = f(b) > f(a);
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (a + b);
    ((f(middle) > 0) == rises ? b : a) = middle;
  }
  return 0.5 * (a + b);
}

}  // namespace

TEST_CASE("All derivatives of a noisy linear network agree with finite differences") {
  RandomStream stream(1, "noisy linear");
  const std::vector<std::vector<Index>> shapes = {{2, 5, 3}, {3, 4, 2, 3}, {2, 3, 3, 3, 2}};
  for (const auto& widths : shapes) {
    auto right = std::make_shared<Matrix>(widths.front(), widths.front() + 1);
    stream.fill_normal(*right);
    const auto map = make_noisy_linear_map(widths, right, 0.7);
    const Vector target = random_vector(map->outputs() - 1, stream);
    const auto output_loss = make_noisy_linear_loss(target, 0.3);
    check_output_loss(*output_loss, random_vector(map->outputs(), stream), stream);
    for (int point = 0; point < 2; ++point) {
      const Vector w = random_vector(map->parameters(), stream).normalized();
      check_output_map(*map, w, stream);
      Loss loss(map->clone(), output_loss);
      check_loss(loss, w, stream);
    }
  }
  const auto model =
      make_model("deep_linear_network", {{"noise_variance", 0.4}, {"depth", std::int64_t{3}}});
  check_loss_model(*model, stream, 1);
}

TEST_CASE("The loss under noise is the mean over all draws of the noise") {
  // Hidden units that are doubled or dropped with equal odds: mean 1, variance 1. Two layers of two
  // units have 16 draws.
  RandomStream stream(2, "draws");
  const auto model =
      make_model("deep_linear_network", {{"widths", std::vector<std::int64_t>{2, 2, 2, 2}},
                                         {"target_singular_values", std::vector<double>{0.9, 0.5}},
                                         {"noise_variance", 1.0}});
  const Vector w = random_vector(12, stream);
  const auto layer = [&](Index l) {
    return Matrix(Eigen::Map<const RowMatrix>(w.data() + 4 * l, 2, 2));
  };
  double mean = 0;
  for (int draw = 0; draw < 16; ++draw) {
    const auto factor = [&](int bit) { return 2.0 * ((draw >> bit) & 1); };
    const Vector first{{factor(0), factor(1)}}, second{{factor(2), factor(3)}};
    const Matrix product =
        layer(2) * second.asDiagonal() * layer(1) * first.asDiagonal() * layer(0);
    mean += (product - Matrix(Vector{{0.9, 0.5}}.asDiagonal())).squaredNorm() / 32;
  }
  CHECK(loss_of(*model).value(w) == Approx(mean).epsilon(1e-14));
}

TEST_CASE("Noise moves the fold and the Maxwell point of one mode by kappa^(-1+2/L)") {
  const double s = 0.8, variance = 0.5;
  for (const int depth : {3, 4, 5})
    for (const Index width : {2, 4}) {
      const double l = depth;
      const double kappa = std::pow(1 + variance / static_cast<double>(width), l - 1);
      const double shift = std::pow(kappa, -1 + 2 / l);
      const auto model = one_mode(depth, width, s, variance);
      Loss& loss = loss_of(*model);
      INFO("depth " << depth << ", width " << width);
      const auto state = [&](double u) { return uniform_state(depth, width, u); };
      // The decay that holds the state at strength u per layer.
      const auto decay = [&](double u) {
        const Vector w = state(u);
        Vector gradient(w.size());
        loss.gradient(w, gradient);
        const double lambda = -gradient.dot(w) / w.squaredNorm();
        CHECK((gradient + lambda * w).norm() <= 1e-14);
        return lambda;
      };
      // (s - kappa p) p^(1-2/L) = lambda.
      const double u = 0.7, p = std::pow(u, l);
      CHECK(decay(u) == Approx((s - kappa * p) * std::pow(p, 1 - 2 / l)).epsilon(1e-12));

      // At the fold the curvature of F + lambda/2 |w|^2 along w vanishes.
      const double fold = decay(zero_between(0.3, std::pow(s, 1 / l), [&](double at) {
        const Vector w = state(at);
        Vector product(w.size());
        const double lambda = decay(at);
        loss.linearise(w);
        loss.hessian_times(w, product);
        return w.dot(product) / w.squaredNorm() + lambda;
      }));
      const double spinodal = l / (l - 2) * std::pow(s * (l - 2) / (2 * (l - 1)), 2 * (l - 1) / l);
      CHECK(fold == Approx(shift * spinodal).epsilon(1e-8));

      const double maxwell = decay(zero_between(0.3, std::pow(s, 1 / l), [&](double at) {
        const Vector w = state(at);
        return loss.value(Vector::Zero(w.size())) - loss.value(w) -
               0.5 * decay(at) * w.squaredNorm();
      }));
      CHECK(
          maxwell ==
          Approx(shift * s / (l - 1) * std::pow(s * (l - 2) / (l - 1), (l - 2) / l)).epsilon(1e-8));
    }
}

TEST_CASE("A linear network has the rank and the error of its mean under noise") {
  const auto model =
      make_model("deep_linear_network", {{"noise_variance", 0.25}, {"depth", std::int64_t{2}}});
  FlowSettings flow;
  const Vector w = model->initial_state(flow);
  double rank = 0, error = 0, loss = 0;
  for (const Observable& observable : model->observables(flow)) {
    const State state{0, w, 1};
    if (observable.name == "rank") observable.evaluate(state, &rank);
    if (observable.name == "train_error") observable.evaluate(state, &error);
    if (observable.name == "train_loss") observable.evaluate(state, &loss);
  }
  CHECK(rank == 3);
  CHECK(error == Approx(2 * loss / 3).epsilon(1e-14));
  // Noise leaves no solution that fits, and so no slow flow.
  flow.kind = "riemannian";
  CHECK_THROWS_AS(model->system(flow), ParameterError);
  // Nor is the mean over the noise a sum over samples.
  flow.kind = "sgd";
  const auto sampled =
      make_model("deep_linear_network", {{"noise_variance", 0.25},
                                         {"samples", std::int64_t{8}},
                                         {"correlations", std::vector<double>{0.9, 0.8}}});
  CHECK_THROWS_WITH(sampled->system(flow), Catch::Contains("model.noise_variance"));
}
