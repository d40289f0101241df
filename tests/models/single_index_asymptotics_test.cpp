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

TEST_CASE("The linear phase is the logistic, to the published errors") {
  for (const auto& [epsilon, error] :
       {std::pair{1e-4, .11}, {1e-6, .032}, {1e-8, .0043}, {1e-10, 5e-4}, {1e-12, 6e-5}}) {
    const auto model = build("single_index_mean_field", baseline_values(epsilon));
    const double t1 = constant(*model, "predicted_component_time")[1];
    const Run result = run(*model, gradient(), tight(), log_times(1e-2 * epsilon, 3 * t1, 1500));
    const double root = std::sqrt(epsilon);
    // sigma_1 = 1/2, phi_1 = -1: lambda = 1/2, kappa = 2.
    const double spread = constant(*model, "initial_spread")[0];
    double worst = 0;
    for (std::size_t i = 0; i < result.times().size(); ++i) {
      const double logistic = 1 / (1 + 8 / (spread * root) * std::exp(-result.times()[i] / root));
      worst = std::max(worst, std::abs(-0.5 * result["alignment"][9 * i + 1] - logistic));
    }
    INFO("epsilon = " << epsilon);
    CHECK(worst == Approx(error).epsilon(0.1));  // one to two published digits
  }
}

TEST_CASE("Where the canonical order fails, it fails as predicted and the measurement says so") {
  const auto times_of = [](Values values, double& canonical) {
    const auto model = build("single_index_mean_field", values);
    const Run result = run(*model, gradient(), tight(), log_times(1e-10, 10, 1500));
    canonical = measurement(*model, result, "canonical_degrees")[0];
    return measurement(*model, result, "component_time");
  };
  double canonical = 0;
  const double epsilon = 1e-8;

  Values values = baseline_values(epsilon);
  times_of(values, canonical);
  CHECK(canonical == 3);

  // All a_i equal: degrees 1 and 2 at O(1).
  values = baseline_values(epsilon);
  values.back().second = std::string("constant");
  auto times = times_of(values, canonical);
  CHECK(times[1] == Approx(.154).margin(6e-4));
  CHECK(times[2] == Approx(.458).margin(6e-4));
  CHECK(canonical == 1);

  // a = +-1 in equal parts: degree 2 at O(1).
  values.back().second = std::string("rademacher_quantiles");
  times = times_of(values, canonical);
  CHECK(times[2] == Approx(.299).margin(3e-3));
  CHECK(canonical <= 2);

  // phi_1 = 0: stuck.
  values = baseline_values(epsilon);
  values[4].second = std::vector<double>{1, 0, 2.0 / 3};
  times = times_of(values, canonical);
  CHECK(std::isnan(times[2]));
  CHECK(canonical == 1);

  // sigma_3 = 0: degree 3 is never learnt, the others are.
  values = baseline_values(epsilon);
  values[4].second = std::vector<double>{1, -1, 2.0 / 3, -0.5};
  times = times_of(values, canonical);
  CHECK(std::isnan(times[3]));
  CHECK(canonical == 3);

  // phi_2 = 0: degree 3 at O(1) where sigma_1 phi_1 sigma_3 phi_3 > 0, never where it is negative.
  const auto gap = [&](std::vector<double> target, double rate, double end) {
    Values all{{"width", std::int64_t{50}}, {"epsilon", rate}};
    all.emplace_back("activation_hermite", std::vector<double>(target.size(), 1.0));
    all.emplace_back("target_hermite", std::move(target));
    const auto model = build("single_index_mean_field", all);
    const Run result = run(*model, gradient(), tight(), log_times(1e-2 * rate, end, 10000));
    canonical = measurement(*model, result, "canonical_degrees")[0];
    auto found = measurement(*model, result, "component_time");
    found.push_back(result["risk"].back());
    return found;
  };
  const double same = gap({1, -1, 0, -0.5}, 1e-8, 200)[3];
  CHECK(canonical == 2);
  CHECK(same == Approx(gap({1, -1, 0, -0.5}, 1e-6, 200)[3]).epsilon(0.1));  // exponent 0
  times = gap({1, -1, 0, 0.5}, epsilon, 200);
  CHECK(canonical == 2);
  CHECK(std::isnan(times[3]));
  CHECK(times[4] == Approx(.125).margin(5e-4));

  // Two missing degrees: the next is learnt at epsilon^{-1/4}, the later the smaller epsilon is.
  const double early = gap({1, -1, 0, 0, 0.5}, 1e-10, 1e4)[4];
  const double late = gap({1, -1, 0, 0, 0.5}, 1e-12, 1e4)[4];
  CHECK(canonical == 2);
  // The local exponent is -.2445 at 1e-8.5 and its distance to -1/4 falls by a third in a decade.
  CHECK(std::log(late / early) / std::log(1e-2) == Approx(-0.25).margin(3e-3));
}
