#include "continuation/settle.hpp"

#include <cmath>

#include "numerics/decompositions.hpp"
#include "tests/continuation/deep_linear_theory.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::unique_ptr<Model> deep_linear(int depth, std::vector<double> target, std::int64_t width) {
  return make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                            {"width", width},
                                            {"target_singular_values", std::move(target)}});
}

FlowSettings decay(double lambda) {
  FlowSettings flow;
  flow.weight_decay = lambda;
  return flow;
}

/// Two hidden layers of 12 ReLU neurons; 32 whitened inputs in the plane, y = diag(1.2, 0.6) x. The
/// first layer's neurons come to lie on two rays, so that at samples of one side the second layer's
/// inputs span a plane: the surfaces of some fifteen samples meet where a neuron has two directions
/// to leave them by.
std::unique_ptr<Model> two_relu_layers(std::uint64_t seed) {
  RandomStream stream(1, "inputs");
  Matrix inputs(32, 2);
  stream.fill_normal(inputs);
  const Eigen::SelfAdjointEigenSolver<Matrix> second(inputs.transpose() * inputs / 32);
  inputs = (inputs * second.operatorInverseSqrt()).eval();
  const Matrix targets = inputs * Vector{{1.2, 0.6}}.asDiagonal();
  Parameters p(find_model("multilayer_perceptron")->parameters);
  p.set("activation", std::string("relu"));
  p.set("widths", std::vector<std::int64_t>{2, 12, 12, 2});
  p.set("bias", false);
  p.set_file("inputs", "inputs", inputs);
  p.set_file("targets", "targets", targets);
  return find_model("multilayer_perceptron")->make(p, seed);
}

}  // namespace

TEST_CASE("A settled state is at rest to 1e-12 and at the closed form's strength") {
  const DeepLinearMode mode{3, 0.8};
  const auto model = deep_linear(3, {0.8}, 1);
  const auto system = model->system(decay(0.2));
  const Settled rest = settle(*system, {}, Vector::Constant(3, 0.9));
  REQUIRE(rest.rest == Rest::settled);
  CHECK(rest.unstable_modes == 0);
  CHECK(rest.rest_distance <= 1e-12);
  CHECK(rest.state.prod() == Approx(mode.strength(0.2, true)).epsilon(1e-12));
  // The radial mode of the closed form, L u^(2L-2) - (L-2) lambda; the others are at 2 lambda.
  const double u = rest.state[0];
  CHECK(rest.lowest_eigenvalue == Approx(std::min(3 * std::pow(u, 4) - 0.2, 0.4)).epsilon(1e-9));
  // d|w|^2/dlambda by a difference.
  const auto p = [&](double lambda) { return 3 * std::pow(mode.strength(lambda, true), 2.0 / 3); };
  CHECK(-2 * rest.inverse_form == Approx((p(0.2 + 1e-5) - p(0.2 - 1e-5)) / 2e-5).epsilon(1e-6));
}

TEST_CASE("Past a fold the flow is followed through the ghost to the state beyond") {
  const DeepLinearMode mode{3, 0.8};
  const auto model = deep_linear(3, {0.8}, 1);
  // T = pi / sqrt(a b delta), a = (s/4)^(1/3), b = 3 s / 2, from far before the fold to far behind.
  for (const double delta : {1e-3, 1e-6, 1e-8}) {
    CAPTURE(delta);
    const double passage = M_PI / std::sqrt(std::cbrt(0.2) * 1.2 * delta);
    const auto system = model->system(decay(mode.spinodal() + delta));
    // From where the ghost is entered the way takes T, less what lies before; far beyond, the way
    // to 0 at the rate lambda is as long for all delta.
    const Settled rest = settle(*system, {}, Vector::Constant(3, std::cbrt(0.79)));
    REQUIRE(rest.rest == Rest::settled);
    CHECK(rest.state.norm() <= 1e-8);
    const double decaying = std::log(1e8) / mode.spinodal();
    CHECK(rest.time > passage * 0.99 - 10);
    CHECK(rest.time < passage * 1.01 + 10 + decaying);
    if (delta == 1e-8) CHECK(rest.time == Approx(passage).epsilon(0.01));
  }
}

TEST_CASE("A saddle is no rest: a disturbance of 1e-6 leaves it, however slow its mode") {
  // Rank one of two, with two layers: the second mode grows at 2 (s_2 - lambda).
  const auto model = deep_linear(2, {0.9, 0.8}, 3);
  for (const double below : {1e-2, 1e-4}) {
    CAPTURE(below);
    const double lambda = 0.8 - below;
    const auto system = model->system(decay(lambda));
    Vector start = Vector::Zero(12);
    start[0] = start[6] = std::sqrt(0.9 - lambda);
    Vector slope(12);
    system->rhs(0, start, slope);
    REQUIRE(slope.norm() <= 1e-14);
    start[3] += 1e-6;
    const Settled rest = settle(*system, {}, start);
    REQUIRE(rest.rest == Rest::settled);
    CHECK(rest.state.squaredNorm() == Approx(2 * (0.9 + 0.8 - 2 * lambda)).epsilon(1e-8));
  }
}

TEST_CASE("At a transition of second order the state is marginal, and no failure") {
  const auto model = deep_linear(2, {0.8}, 1);
  const auto system = model->system(decay(0.8));
  const Settled rest = settle(*system, {}, Vector::Constant(2, 0.5));
  CHECK(rest.rest == Rest::marginal);
  CHECK(rest.failure == Status::ok);
  // u' = -u^3 along the mode: u = (2t)^(-1/2).
  CHECK(rest.state[0] == Approx(1 / std::sqrt(2 * rest.time)).epsilon(0.01));
}

TEST_CASE("A saddle of whose mode the state holds nothing is said not to be left") {
  // w = 0 has not even rounding of its modes, which grow at s - lambda.
  const auto model = deep_linear(2, {0.9, 0.8}, 3);
  const auto system = model->system(decay(0.5));
  const Settled rest = settle(*system, {}, Vector::Zero(12));
  CHECK(rest.rest == Rest::not_settled);
  CHECK(rest.failure == Status::saddle_unresolved);
  CHECK(rest.message.find("stays at a saddle") != std::string::npos);
  CHECK(rest.lowest_eigenvalue == Approx(0.5 - 0.9));
}

TEST_CASE("The longest time ends the way to rest as not settled") {
  const auto model = deep_linear(3, {0.8}, 1);
  const auto system = model->system(decay(DeepLinearMode{3, 0.8}.spinodal() + 1e-8));
  SettleSettings settings;
  settings.longest = 1000;
  const Settled rest = settle(*system, settings, Vector::Constant(3, std::cbrt(0.79)));
  CHECK(rest.rest == Rest::not_settled);
  CHECK(rest.message.find("1000") != std::string::npos);
}

TEST_CASE("Two hidden layers of ReLU neurons settle where many kinks meet, at a minimum") {
  for (const std::uint64_t seed : {0, 1})
    for (const double lambda : {0.2, 0.3}) {
      CAPTURE(seed, lambda);
      const auto model = two_relu_layers(seed);
      const FlowSettings flow = decay(lambda);
      const auto system = model->system(flow);
      SettleSettings settings;
      // Some 100 to 1000 are taken; from kink to kink for ever otherwise.
      settings.solver.max_steps = 4000;
      const Settled rest = settle(*system, settings, model->initial_state(flow));
      INFO(rest.message);
      REQUIRE(rest.rest == Rest::settled);
      CHECK(rest.statistics.steps < 4000);
      REQUIRE(rest.state.norm() > 0.5);
      // The network itself, not held in a piece, has no way down: along a kink's normal the loss
      // rises in proportion, along the surface by second order. What is left of rest is 1e-8 of
      // |w|, times slopes of the order of one.
      const auto whole = model->system(flow);
      const double loss = whole->energy(rest.state);
      RandomStream stream(2, "directions");
      const double reach = 1e-4;
      double lowest = 1;
      for (int k = 0; k < 300; ++k) {
        const Vector d = random_vector(rest.state.size(), stream).normalized();
        lowest = std::min(lowest, whole->energy(rest.state + reach * d) - loss);
      }
      CHECK(lowest > -1e-11);
    }
}

TEST_CASE("Gradient descent in small steps comes to where two hidden ReLU layers settle") {
  const auto model = two_relu_layers(1);
  const FlowSettings flow = decay(0.2);
  const auto system = model->system(flow);
  const Settled rest = settle(*system, {}, model->initial_state(flow));
  REQUIRE(rest.rest == Rest::settled);
  const auto whole = model->system(flow);
  Vector w = model->initial_state(flow), slope(w.size());
  const double step = 0.01;
  for (int k = 0; k < 40'000; ++k) {
    whole->rhs(0, w, slope);
    w += step * slope;
  }
  // On kinks descent goes to and fro by a step times a slope, which the loss feels in proportion.
  CHECK(whole->energy(w) == Approx(whole->energy(rest.state)).epsilon(1e-3));
  CHECK(w.norm() == Approx(rest.state.norm()).epsilon(1e-2));
}
