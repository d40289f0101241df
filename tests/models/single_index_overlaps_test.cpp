#include "models/single_index_overlaps.hpp"

#include <cmath>

#include "models/single_index_network.hpp"
#include "tests/models/single_index_runs.hpp"

using namespace gradflow;
using namespace gradflow::test;

namespace {

Values network_values(std::int64_t m, std::int64_t d, const std::string& activation,
                      double epsilon = 1e-2) {
  return {{"width", m},
          {"dimension", d},
          {"epsilon", epsilon},
          {"activation", activation},
          {"target_hermite", std::vector<double>{1, -1, 2.0 / 3, 0.3}}};
}

/// Overlaps' state and velocity of weights and their velocity.
Vector overlaps_of(const Vector& y, Index m, Index d) {
  const Eigen::Map<const RowMatrix> U(y.data() + m, m, d);
  Vector out(2 * m + m * (m - 1) / 2);
  out.head(m) = y.head(m);
  out.segment(m, m) = U.col(0);
  OverlapFlow::pack(U * U.transpose(), out.tail(m * (m - 1) / 2));
  return out;
}
Vector overlap_velocity(const Vector& y, const Vector& dydt, Index m, Index d) {
  const Eigen::Map<const RowMatrix> U(y.data() + m, m, d), dU(dydt.data() + m, m, d);
  Vector out(2 * m + m * (m - 1) / 2);
  out.head(m) = dydt.head(m);
  out.segment(m, m) = dU.col(0);
  const Matrix product = dU * U.transpose();
  OverlapFlow::pack(product + product.transpose(), out.tail(m * (m - 1) / 2));
  return out;
}

}  // namespace

TEST_CASE("The overlaps move as the projected gradient in R^d moves them") {
  for (const char* activation : {"relu", "erf", "quadratic", "gelu", "tanh"}) {
    const Index m = 9, d = 14;
    const auto overlaps = build("single_index_overlaps", network_values(m, d, activation), 4);
    const auto network = build("single_index_network", network_values(m, d, activation), 4);
    const Vector y = network->initial_state(gradient());
    const Vector reduced = overlaps->initial_state(gradient());
    // The same directions, drawn by both.
    CHECK((overlaps_of(y, m, d) - reduced).cwiseAbs().maxCoeff() < 1e-14);
    Vector slope(y.size()), projected(reduced.size());
    network->system(gradient())->rhs(0, y, slope);
    overlaps->system(gradient())->rhs(0, reduced, projected);
    const Vector expected = overlap_velocity(y, slope, m, d);
    INFO(activation);
    CHECK((projected - expected).norm() < 1e-12 * expected.norm());
  }
}

TEST_CASE("The overlaps' Jacobian agrees with finite differences and with its Newton matrices") {
  const Index m = 8, d = 20;
  for (const char* activation : {"relu", "erf"}) {
    const auto model = build("single_index_overlaps", network_values(m, d, activation), 2);
    const auto system = model->system(gradient());
    const Vector y = model->initial_state(gradient());
    Vector v(y.size()), b(y.size());
    RandomStream stream(1, "direction");
    stream.fill_normal(v);
    stream.fill_normal(b);
    CHECK(jacobian_error(*system, y, v, 1e-6) < 1e-7);
    for (const LinearKind kind : {LinearKind::krylov, LinearKind::dense}) {
      const auto newton = system->newton_matrix(kind);
      for (const double gamma : {1e-4, 1e-1})
        CHECK(newton_residual(*system, *newton, y, gamma, b) < 1e-10);
    }
  }
}

TEST_CASE("Overlaps and weights give the same run") {
  const auto overlaps = build("single_index_overlaps", network_values(12, 30, "erf"), 7);
  const auto network = build("single_index_network", network_values(12, 30, "erf"), 7);
  const auto times = log_times(1e-4, 2, 60);
  const Run a = run(*overlaps, gradient(), SolverSettings{}, times);
  const Run b = run(*network, gradient(), SolverSettings{}, times);
  for (std::size_t i = 0; i < times.size(); ++i)
    CHECK(a["risk"][i] == Approx(b["risk"][i]).margin(1e-6));  // 100 times the tolerance
  for (const double defect : b["sphere_defect"]) CHECK(defect < 1e-5);
  for (std::size_t i = 1; i < times.size(); ++i) CHECK(a["risk"][i] <= a["risk"][i - 1] + 1e-8);
}

TEST_CASE("The overlap system tends to the reduced one as 1/m, to the published distances") {
  // epsilon = 1e-2, t <= 1, ReLU in closed form, d = infinity.
  const double published[] = {.0728, .0296};
  const std::int64_t widths[] = {20, 50};
  for (int k = 0; k < 2; ++k) {
    Values values{{"width", widths[k]}, {"epsilon", 1e-2}};
    const auto overlaps = build("single_index_overlaps", values);
    values.emplace_back("degree", std::int64_t{60});
    const auto reduced = build("single_index_mean_field", values);
    std::vector<double> times{0};
    for (int i = 1; i <= 400; ++i) times.push_back(i / 400.0);
    const Run a = run(*overlaps, gradient(), SolverSettings{}, times);
    const Run b = run(*reduced, gradient(), tight(), times);
    double most = 0;
    for (std::size_t i = 0; i < times.size(); ++i)
      most = std::max(most, std::abs(a["risk"][i] - b["risk"][i]));
    CHECK(most == Approx(published[k]).margin(2e-4));
  }
}
