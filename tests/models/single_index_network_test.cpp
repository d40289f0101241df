#include "models/single_index_activation.hpp"

#include <algorithm>
#include <cmath>

#include "tests/models/single_index_runs.hpp"

using namespace gradflow;
using namespace gradflow::test;

namespace {

Values values_of(std::int64_t m, std::int64_t d, std::int64_t samples,
                 const std::string& activation = "gelu") {
  return {{"width", m},
          {"dimension", d},
          {"epsilon", 5e-2},
          {"samples", samples},
          {"activation", activation},
          {"target_hermite", std::vector<double>{0.5, -1, 0.7, 0.2}}};
}

}  // namespace

TEST_CASE("Population and empirical flow descend their risk in their metric") {
  for (const std::int64_t samples : {0, 60}) {
    const auto model = build("single_index_network", values_of(6, 10, samples), 1);
    const auto system = model->system(gradient());
    const Vector y = model->initial_state(gradient());
    Vector slope(y.size()), v(y.size());
    system->rhs(0, y, slope);
    RandomStream stream(2, "direction");
    stream.fill_normal(v);
    // A direction along the sphere.
    Eigen::Map<const RowMatrix> U(y.data() + 6, 6, 10);
    Eigen::Map<RowMatrix> V(v.data() + 6, 6, 10);
    const Vector radial = (U.array() * V.array()).rowwise().sum();
    V -= radial.asDiagonal() * U;
    const double h = 1e-5;
    const double change = (system->energy(y + h * v) - system->energy(y - h * v)) / (2 * h);
    CHECK(change == Approx(-system->inner_product(y, slope, v)).epsilon(1e-6));
    // The velocity is tangential.
    const Eigen::Map<const RowMatrix> dU(slope.data() + 6, 6, 10);
    CHECK((U.array() * dU.array()).rowwise().sum().abs().maxCoeff() < 1e-14);
  }
}

TEST_CASE("The population risk of a network that has learnt its target keeps its digits") {
  // One neuron at an angle t from the target, a = 1 + e, and sigma = phi:
  // R = 1/2 sum_k phi_k^2 [(1 - a c^k)^2 + a^2 (1 - c^{2k})], c = cos t.
  const std::vector<double> phi{0.4, 0.5, -0.3, 0.2};
  for (const char* name : {"single_index_network", "single_index_overlaps"})
    for (const double t : {1e-3, 1e-5, 1e-7, 1e-9, 0.0})
      for (const double e : {0.0, 1e-7, -1e-8}) {
        // An overlap is stored as it is: 1 - s has the digits that s leaves it, to 1e-16.
        const bool overlaps = std::string(name) == "single_index_overlaps";
        if (overlaps && t > 0 && t < 1e-5) continue;
        Values values{{"width", std::int64_t{1}},
                      {"epsilon", 5e-2},
                      {"activation_hermite", phi},
                      {"target_hermite", phi}};
        if (!overlaps) values.emplace_back("dimension", std::int64_t{3});
        const auto model = build(name, values, 1);
        const double a = 1 + e, log_c = std::log1p(-2 * std::pow(std::sin(t / 2), 2));
        double exact = 0;
        for (std::size_t k = 0; k < phi.size(); ++k) {
          const double n = static_cast<double>(k), power = std::expm1(n * log_c);
          const double along = (a - 1) + a * power, across = -std::expm1(2 * n * log_c);
          exact += 0.5 * phi[k] * phi[k] * (along * along + a * a * across);
        }
        const Vector y = overlaps ? Vector{{a, std::cos(t)}}
                                  : Vector{{a, std::cos(t), 0.6 * std::sin(t), 0.8 * std::sin(t)}};
        double risk = 0;
        for (const Observable& observable : model->observables(gradient()))
          if (observable.name == "risk") observable.evaluate(State{0, y, 1}, &risk);
        CAPTURE(name, t, e);
        // 1 - a c^k is known to 1e-16 of at least 1e-8, where it counts; as it stands R would be
        // known to 1e-16, of 1e-14 and less.
        CHECK(risk == Approx(exact).epsilon(overlaps ? 1e-5 : 1e-7).margin(1e-30));
        CHECK(risk >= 0);
      }
}

TEST_CASE("The networks' Jacobians agree with finite differences along the sphere") {
  for (const std::int64_t samples : {0, 60}) {
    const auto model = build("single_index_network", values_of(6, 10, samples), 1);
    const auto system = model->system(gradient());
    const Vector y = model->initial_state(gradient());
    Vector v(y.size()), b(y.size());
    RandomStream stream(2, "direction");
    stream.fill_normal(v);
    stream.fill_normal(b);
    Eigen::Map<const RowMatrix> U(y.data() + 6, 6, 10);
    Eigen::Map<RowMatrix> V(v.data() + 6, 6, 10);
    const Vector radial = (U.array() * V.array()).rowwise().sum();
    V -= radial.asDiagonal() * U;
    CHECK(jacobian_error(*system, y, v, 1e-6) < 1e-7);
    const auto newton = system->newton_matrix(LinearKind::krylov);
    for (const double gamma : {1e-3, 1e-1})
      CHECK(newton_residual(*system, *newton, y, gamma, b) < 1e-10);
  }
}

TEST_CASE("Beside the sphere the flow pulls back to it") {
  // With the formula that holds on the sphere, |u|^2 - 1 grows from rounding until the run ends.
  for (const std::int64_t samples : {0, 60}) {
    const auto model = build("single_index_network", values_of(6, 10, samples), 1);
    const auto system = model->system(gradient());
    Vector y = model->initial_state(gradient());
    Eigen::Map<RowMatrix> U(y.data() + 6, 6, 10);
    y.head(6).tail(3) *= -1;  // neurons of both signs
    for (const double factor : {0.999, 1.001}) {
      U.rowwise().normalize();
      U *= factor;
      Vector slope(y.size());
      system->rhs(0, y, slope);
      const Eigen::Map<const RowMatrix> dU(slope.data() + 6, 6, 10);
      const Vector outward = (U.array() * dU.array()).rowwise().sum();
      CHECK((outward.array() * (factor - 1)).maxCoeff() < 0);
    }
  }
}

TEST_CASE("The empirical risk tends to the population risk as samples grow") {
  const auto model = build("single_index_network", values_of(5, 6, 200000), 3);
  const auto population = build("single_index_network", values_of(5, 6, 0), 3);
  const Vector y = model->initial_state(gradient());
  const double empirical = model->system(gradient())->energy(y) / 5;
  const double exact = population->system(gradient())->energy(y) / 5;
  // Standard error sqrt(Var e^2/2)/sqrt(n), with e^2 of order 1 and kurtosis below 20.
  CHECK(empirical == Approx(exact).margin(5 * 5.0 / std::sqrt(200000.0)));
  Vector a(y.size()), b(y.size());
  model->system(gradient())->rhs(0, y, a);
  population->system(gradient())->rhs(0, y, b);
  CHECK((a - b).norm() < 0.03 * b.norm());
}

TEST_CASE("A Hermite series is evaluated with its derivatives, in the limit of the named one") {
  SingleIndexProblem problem;
  problem.sigma = Vector::Zero(3);
  problem.sigma << 1, 0, std::sqrt(2.0);  // x^2
  const NetworkActivation series(problem);
  const double z[] = {-1.3, 0, 0.4, 2.5};
  double v[4], d1[4], d2[4];
  series.evaluate(z, 4, v, d1, d2);
  for (int i = 0; i < 4; ++i) {
    CHECK(v[i] == Approx(z[i] * z[i]).margin(1e-15));
    CHECK(d1[i] == Approx(2 * z[i]).margin(1e-15));
    CHECK(d2[i] == Approx(2));
  }
}

TEST_CASE("One step of SGD averages to the population flow and stays on the sphere") {
  const Index m = 4, d = 8;
  const double step = 1e-4;
  const auto model = build("single_index_network", values_of(m, d, 0), 5);
  FlowSettings flow;
  flow.kind = "sgd";
  flow.step = step;
  flow.batch = 100000;  // one large batch is an average over many small ones
  const Vector y = model->initial_state(flow);
  const auto sgd = model->system(flow);
  Vector moved = y;
  sgd->discrete_step(0, step, moved);
  Vector slope(y.size());
  model->system(gradient())->rhs(0, y, slope);
  // Sampling error of the mean of 1e5 terms of order 3, and the step's own second order.
  CHECK(((moved - y) / step - slope).norm() < 0.03 * slope.norm());
  const Eigen::Map<const RowMatrix> U(moved.data() + m, m, d);
  CHECK((U.rowwise().norm().array() - 1).abs().maxCoeff() < 1e-14);

  // Batch 1: the same sphere, and a step repeated from its time alone gives the same bits.
  flow.batch = 1;
  const auto single = model->system(flow);
  Vector first = y, again = y;
  single->discrete_step(0, step, first);
  const Vector after_one = first;
  single->discrete_step(step, step, first);
  single->discrete_step(0, step, again);
  CHECK(again == after_one);
  const Eigen::Map<const RowMatrix> U1(first.data() + m, m, d);
  CHECK((U1.rowwise().norm().array() - 1).abs().maxCoeff() < 1e-14);
}

TEST_CASE("Ten thousand steps of SGD stay on the sphere, with a batch of one too") {
  // With a large epsilon the second layer stays, and <u, x> e > 0 for long: a length that was taken
  // from the last one would grow from rounding, to 0.3 by t = 25.
  const Index m = 20, d = 10;
  const auto model =
      build("single_index_network", {{"width", std::int64_t{m}},
                                     {"dimension", std::int64_t{d}},
                                     {"epsilon", 1e6},
                                     {"target_hermite", std::vector<double>{-1}},
                                     {"activation_hermite", std::vector<double>{0.4, 0.5, 0.28}}});
  FlowSettings flow;
  flow.kind = "sgd";
  flow.step = 1e-3;
  flow.batch = 1;
  const auto sgd = model->system(flow);
  Vector y = model->initial_state(flow);
  double largest = 0;
  for (int k = 0; k < 30000; ++k) {
    sgd->discrete_step(k * flow.step, flow.step, y);
    const Eigen::Map<const RowMatrix> U(y.data() + m, m, d);
    largest = std::max(largest, (U.rowwise().norm().array() - 1).abs().maxCoeff());
  }
  CHECK(largest < 1e-12);
}

TEST_CASE("SGD at small steps follows the flow") {
  // Fluctuations of order sqrt(step/epsilon) and drift of order d step: both below 0.02 here.
  const auto model = build("single_index_network", values_of(20, 10, 0), 6);
  FlowSettings flow;
  flow.kind = "sgd";
  flow.step = 2e-5;
  flow.batch = 1;
  std::vector<double> times{0};
  for (int i = 1; i <= 20; ++i) times.push_back(0.05 * i);
  const Run noisy = run(*model, flow, SolverSettings{}, times);
  const Run exact = run(*model, gradient(), SolverSettings{}, times);
  for (std::size_t i = 0; i < times.size(); ++i)
    CHECK(noisy["risk"][i] == Approx(exact["risk"][i]).margin(0.05));
}
