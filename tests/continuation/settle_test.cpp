#include "continuation/settle.hpp"

#include <cmath>

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
