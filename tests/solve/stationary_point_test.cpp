#include "solve/stationary_point.hpp"

#include <algorithm>
#include <cmath>

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("A certificate tells a saddle from a minimum by its growth rate") {
  auto system = double_well();
  const Certificate saddle = certify(system, 0, Vector{{0.0}});
  CHECK(saddle.growth_rate == Approx(1));  // f' = 1 - 3 y^2
  CHECK_FALSE(saddle.stable());
  const Certificate minimum = certify(system, 0, Vector{{1.0}});
  CHECK(minimum.growth_rate == Approx(-2));
  CHECK(minimum.stable());
}

TEST_CASE("A certificate counts the growing modes of a deep linear network's saddle") {
  // W_1 = W_2 = diag(1, 0, 0) for the target diag(1, 0.7, 0.4). Each of the two modes that are not
  // learnt grows through each of the two idle hidden units, at its singular value; through the busy
  // unit the Hessian is [[1, -s], [-s, 1]] with s < 1, which does not grow.
  const std::vector<double> target{1, 0.7, 0.4};
  const auto model = make_model(
      "deep_linear_network",
      {{"depth", std::int64_t{2}}, {"width", std::int64_t{3}}, {"target_singular_values", target}});
  const auto system = model->system({});
  Vector w = Vector::Zero(18);
  w[0] = w[9] = 1;
  const Certificate saddle = certify(*system, 0, w);
  CHECK(saddle.speed <= 1e-14);
  REQUIRE(saddle.unstable_modes);
  CHECK(*saddle.unstable_modes == 4);
  CHECK(saddle.growth_rate == Approx(0.7).epsilon(1e-10));
  CHECK_FALSE(saddle.stable());
  // All three learnt: a minimum on a manifold of minima, whose zero modes do not count.
  for (const Index k : {0, 4, 8})
    w[k] = w[9 + k] = std::sqrt(target[static_cast<std::size_t>(k / 4)]);
  const Certificate minimum = certify(*system, 0, w);
  REQUIRE(minimum.unstable_modes);
  CHECK(*minimum.unstable_modes == 0);
  CHECK(minimum.stable());
}

TEST_CASE("The limit of a gradient flow is found and certified, with its distance to rest") {
  const auto model = make_model("diagonal_linear_network", {});
  const auto system = model->system({});
  const StationaryPoint limit = flow_limit(*system, {}, model->initial_state({}));
  REQUIRE(limit.converged);
  CHECK(limit.certificate.stable());
  REQUIRE(limit.certificate.unstable_modes);
  CHECK(*limit.certificate.unstable_modes == 0);
  // The speed is 1e-12 of |w|; modes slower than 1e-8 of the fastest apart, rest is 1e-4 away at
  // most.
  CHECK(limit.certificate.distance <= 1e-4);
}

TEST_CASE(
    "The limit without decay is on the manifold of minimisers, or it is said what is missing") {
  using Missing = InterpolatingLimit::Missing;
  FlowSettings slow_flow;
  slow_flow.kind = slow_limit_kind();
  const auto limit_of = [&](Model& model, const Vector& start, double speed) {
    return interpolating_limit(*model.system({}), *model.system(slow_flow), {}, start, speed, {},
                               nullptr);
  };
  const auto diagonal = make_model("diagonal_linear_network", {});
  const Vector start = diagonal->initial_state({});
  const InterpolatingLimit limit = limit_of(*diagonal, start, 1e-12);
  CHECK(limit.missing == Missing::nothing);
  CHECK(limit.reason.empty());
  CHECK_FALSE(limit.saddle);
  // Corrected until the residuals are at rounding.
  CHECK(diagonal->system(slow_flow)->misfit(limit.y) <= 1e-14);
  CHECK(limit.speed <= 1e-12 * std::max(1.0, limit.y.norm()));
  // No speed is below this.
  const InterpolatingLimit late = limit_of(*diagonal, start, -1);
  CHECK(late.missing == Missing::limit);
  CHECK(late.reason == "the flow without weight decay has not converged by t = 1e12");
  // At the origin u v has no slope: a saddle, where the outputs are 0.
  const InterpolatingLimit origin = limit_of(*diagonal, Vector::Zero(start.size()), 1e-12);
  CHECK(origin.missing == Missing::fit);
  CHECK(origin.saddle);
}
