#include "models/single_index_asymptotics.hpp"

#include <cmath>

#include "tests/models/single_index_runs.hpp"

using namespace gradflow;
using namespace gradflow::test;

namespace {

SingleIndexProblem baseline(double epsilon, Index m) {
  SingleIndexProblem problem;
  problem.width = m;
  problem.epsilon = epsilon;
  problem.phi.resize(3);
  problem.sigma.resize(3);
  problem.phi << 1, -1, 2.0 / 3;
  problem.sigma << 1 / std::sqrt(2 * 3.14159265358979323846), 0.5,
      0.5 / std::sqrt(3.14159265358979323846);
  return problem;
}

Vector quantiles(Index m) {
  Vector a(m);
  for (Index i = 0; i < m; ++i)
    a[i] = 2 * (static_cast<double>(i) + 0.5) / static_cast<double>(m) - 1;
  return a;
}

}  // namespace

TEST_CASE("The outer problem of degree 2 gives the published times without a fit") {
  // Within one of the last digit given. (t_2 - t_1)/epsilon^{1/4}: 2.463 at 1e-10, 2.629 at 1e-14;
  // T* = 2.758.
  for (const auto& [epsilon, scaled] : {std::pair{1e-10, 2.463}, {1e-14, 2.629}}) {
    const SingleIndexAsymptotics theory(baseline(epsilon, 50), quantiles(50));
    CHECK((theory.t2() - theory.t1()) / std::pow(epsilon, 0.25) == Approx(scaled).margin(1e-3));
    CHECK(theory.blow_up() == Approx(2.758).margin(6e-4));
    CHECK(theory.canonical());
  }
}

TEST_CASE("The asymptotic components fall from phi_k^2/2 to nothing, in order") {
  const SingleIndexAsymptotics theory(baseline(1e-10, 50), quantiles(50));
  Vector c(3);
  theory.components(0, c);
  CHECK(c[0] == Approx(0.5));
  CHECK(c[1] == Approx(0.5).epsilon(1e-3));  // the logistic starts at sqrt(epsilon)
  CHECK(c[2] == Approx(2.0 / 9));
  theory.components(theory.t1(), c);
  CHECK(c[0] < 1e-12);
  CHECK(c[1] == Approx(0.25).epsilon(1e-6));
  theory.components(1, c);
  CHECK(c.sum() < 1e-9);
  CHECK(std::isnan(theory.outer_second_component(1)));
}

TEST_CASE("The theory says where it does not apply") {
  SingleIndexProblem problem = baseline(1e-8, 10);
  problem.phi[1] = 0;
  CHECK_FALSE(SingleIndexAsymptotics(problem, quantiles(10)).canonical());
  CHECK(std::isnan(SingleIndexAsymptotics(problem, quantiles(10)).t1()));
  problem = baseline(1e-8, 10);
  const SingleIndexAsymptotics equal(problem, Vector::Ones(10));
  CHECK_FALSE(equal.canonical());
  CHECK(std::isnan(equal.t1()));
  CHECK(std::isnan(equal.t2()));
  Vector signs(10);
  signs << -1, -1, -1, -1, -1, 1, 1, 1, 1, 1;
  const SingleIndexAsymptotics two_points(problem, signs);
  CHECK_FALSE(two_points.canonical());
  CHECK(std::isnan(two_points.blow_up()));
}
