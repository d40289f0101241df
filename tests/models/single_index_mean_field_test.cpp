#include "models/single_index_mean_field.hpp"

#include <algorithm>
#include <cmath>

#include "flow/jacobian_newton.hpp"
#include "tests/models/single_index_runs.hpp"

using namespace gradflow;
using namespace gradflow::test;

namespace {

SingleIndexProblem small_problem(Index m, Index size, double epsilon) {
  SingleIndexProblem problem;
  problem.width = m;
  problem.epsilon = epsilon;
  RandomStream stream(3, "test problem");
  problem.sigma.resize(size);
  problem.phi.resize(size);
  stream.fill_normal(problem.sigma);
  stream.fill_normal(problem.phi);
  return problem;
}

Vector some_state(Index m) {
  RandomStream stream(5, "test state");
  Vector y(2 * m);
  stream.fill_normal(y.head(m));
  stream.fill_uniform(y.tail(m), -0.9, 0.9);
  return y;
}

/// The reference runs: ReLU cut at K = 8, phi = h_0 - h_1 + (2/3) h_2, uniform quantiles, m = 50.
Values baseline(double epsilon, std::int64_t width = 50) {
  return {{"width", width},
          {"epsilon", epsilon},
          {"degree", std::int64_t{8}},
          {"activation", std::string("relu")},
          {"target_hermite", std::vector<double>{1, -1, 2.0 / 3}},
          {"initial_second_layer", std::string("uniform_quantiles")}};
}

double risk_at(const Run& run, double t) {
  const auto& times = run.times();
  std::size_t i = 1;
  while (times[i] < t) ++i;
  const double fraction =
      i > 1 ? std::log(t / times[i - 1]) / std::log(times[i] / times[i - 1]) : 1;
  return run["risk"][i - 1] + fraction * (run["risk"][i] - run["risk"][i - 1]);
}

}  // namespace

TEST_CASE("The reduced system's right-hand side is the formula, whatever the width") {
  // Against a naive loop over a sweep of sizes: packs of neurons must not show.
  for (const Index m : {1, 2, 7, 15, 16, 17, 31, 32, 33, 100}) {
    for (const Index size : {1, 2, 4, 9}) {
      const SingleIndexProblem p = small_problem(m, size, 1e-2);
      MeanFieldFlow flow(p);
      const Vector y = some_state(m);
      Vector out(2 * m);
      flow.rhs(0, y, out);
      for (Index i = 0; i < m; ++i) {
        double da = 0, slope = 0;
        for (Index k = 0; k < size; ++k) {
          double moment = 0;
          for (Index j = 0; j < m; ++j)
            moment += y[j] * std::pow(y[m + j], static_cast<double>(k)) / static_cast<double>(m);
          const double g = p.sigma[k] * (p.phi[k] - p.sigma[k] * moment);
          da += g * std::pow(y[m + i], static_cast<double>(k));
          if (k > 0)
            slope += static_cast<double>(k) * g * std::pow(y[m + i], static_cast<double>(k - 1));
        }
        // Sums of at most a few hundred terms of order 1 to 10.
        const double s = y[m + i];
        CHECK(out[i] == Approx(da / p.epsilon).epsilon(1e-11).margin(1e-10));
        CHECK(out[m + i] == Approx(y[i] * (1 - s * s) * slope).epsilon(1e-11).margin(1e-11));
      }
    }
  }
}

TEST_CASE("The reduced system descends m R in its metric") {
  const SingleIndexProblem p = small_problem(23, 5, 3e-2);
  MeanFieldFlow flow(p);
  const Vector y = some_state(23);
  Vector slope(46);
  flow.rhs(0, y, slope);
  // dE along any v is -<y', v>_G; central differences of step h leave h^2 and 1e-16 E/h.
  RandomStream stream(9, "direction");
  for (int trial = 0; trial < 5; ++trial) {
    Vector v(46);
    stream.fill_normal(v);
    const double h = 1e-5;
    const double difference = (flow.energy(y + h * v) - flow.energy(y - h * v)) / (2 * h);
    CHECK(difference == Approx(-flow.inner_product(y, slope, v)).epsilon(1e-7).margin(1e-6));
  }
}

TEST_CASE("The reduced system's Jacobian agrees with finite differences") {
  for (const Index m : {3, 16, 40}) {
    const SingleIndexProblem p = small_problem(m, 6, 1e-1);
    MeanFieldFlow flow(p);
    Vector v(2 * m);
    RandomStream(11, "direction").fill_normal(v);
    // h^2 times third derivatives of degree-5 polynomials.
    CHECK(jacobian_error(flow, some_state(m), v, 1e-5) < 1e-7);
  }
}

TEST_CASE("The mean-field Newton matrix solves exactly what the dense one does") {
  for (const Index m : {1, 5, 16, 37, 64}) {
    for (const double gamma : {1e-6, 1e-3, 1e-1, 10.0}) {
      const SingleIndexProblem p = small_problem(m, 4, 1e-3);
      MeanFieldFlow flow(p);
      const Vector y = some_state(m);
      Vector b(2 * m);
      RandomStream(13, "right side").fill_normal(b);
      const auto structured = flow.newton_matrix(LinearKind::structured);
      const auto dense = flow.newton_matrix(LinearKind::dense);
      structured->linearise(0, y);
      dense->linearise(0, y);
      REQUIRE(structured->factorise(gamma));
      REQUIRE(dense->factorise(gamma));
      Vector x = b, x_dense = b;
      structured->solve(x, 0);
      dense->solve(x_dense, 0);
      // Conditioning gamma/epsilon times that of the moment matrix.
      CHECK((x - x_dense).norm() < 1e-7 * x_dense.norm());
      // Inertia: eigenvalues of I - gamma J, real as J is symmetric in the metric.
      const SpectrumEnds ends = spectrum_ends(flow, 0, y, 2 * m);
      CHECK((*structured->negative_eigenvalues() > 0) == (1 - gamma * ends.highest < 0));
    }
  }
}

TEST_CASE("The spectrum's ends are those of the dense Jacobian") {
  const Index m = 20;
  const SingleIndexProblem p = small_problem(m, 4, 1e-2);
  MeanFieldFlow flow(p);
  const Vector y = some_state(m);
  const SpectrumEnds ends = spectrum_ends(flow, 0, y);
  // (I - J/lambda) is singular at an eigenvalue: the determinant's sign changes around it, which
  // power-free check uses only products: a shift to each side changes the inertia by one.
  const auto newton = flow.newton_matrix(LinearKind::structured);
  newton->linearise(0, y);
  const auto negative = [&](double gamma) {
    REQUIRE(newton->factorise(gamma));
    return *newton->negative_eigenvalues();
  };
  REQUIRE(ends.highest > 0);
  CHECK(negative((1 - 1e-8) / ends.highest) == 0);
  CHECK(negative((1 + 1e-8) / ends.highest) == 1);
  CHECK(ends.lowest < ends.second_lowest);
}

TEST_CASE("Learning times and plateaus of the baseline are the reference ones to their digits") {
  struct Row {
    double epsilon, t0, t1, t2, first, second;
  };
  const Row rows[] = {{1e-3, 2.177e-3, 1.314e-1, 2.288e-1, .7061, .3193},
                      {1e-5, 2.178e-5, 2.499e-2, 1.162e-1, .7211, .1694},
                      {1e-7, 2.178e-7, 3.270e-3, 4.444e-2, .7222, .2090},
                      {1e-9, 2.178e-9, 4.002e-4, 1.439e-2, .7222, .2195},
                      {1e-11, 2.178e-11, 4.731e-5, 4.628e-3, .7222, .2217}};
  for (const Row& row : rows) {
    const auto model = build("single_index_mean_field", baseline(row.epsilon));
    SolverSettings settings = tight();
    settings.rtol = 1e-9;
    const Run result =
        run(*model, gradient(), settings, log_times(1e-2 * row.epsilon, 1, 3000));
    const auto times = measurement(*model, result, "component_time");
    INFO("epsilon = " << row.epsilon);
    // Half a unit of the last of four digits.
    CHECK(times[0] == Approx(row.t0).epsilon(2.5e-4));
    CHECK(times[1] == Approx(row.t1).epsilon(4e-4));
    CHECK(times[2] == Approx(row.t2).epsilon(4e-4));
    CHECK(risk_at(result, std::sqrt(times[0] * times[1])) == Approx(row.first).margin(6e-5));
    CHECK(risk_at(result, std::sqrt(times[1] * times[2])) == Approx(row.second).margin(6e-5));
    double rise = 0;
    for (std::size_t i = 1; i < result["risk"].size(); ++i)
      rise = std::max(rise, result["risk"][i] - result["risk"][i - 1]);
    CHECK(rise < 1e-9);
    CHECK(result.outcome.worst_energy_defect < 1e-2);
    CHECK(result.outcome.linear.find("structured") != std::string::npos);
  }
}

TEST_CASE("Both implicit methods agree and the steps grow slowly as epsilon falls") {
  std::int64_t coarse = 0;
  for (const double epsilon : {1e-4, 1e-12}) {
    std::vector<double> t2;
    for (const char* method : {"cvode", "rodas"}) {
      const auto model = build("single_index_mean_field", baseline(epsilon, 100));
      SolverSettings settings = tight();
      settings.method = method;
      const Run result = run(*model, gradient(), settings, log_times(1e-2 * epsilon, 1, 1500));
      t2.push_back(measurement(*model, result, "component_time")[2]);
      if (method == std::string("cvode")) {
        if (coarse == 0) coarse = result.outcome.statistics.steps;
        CHECK(result.outcome.statistics.steps <= 4 * coarse);
      }
    }
    CHECK(t2[0] == Approx(t2[1]).epsilon(1e-4));
  }
}

TEST_CASE("Degree 0 relaxes at the predicted rate and only the mean of a moves") {
  const double epsilon = 1e-6;
  const auto model = build("single_index_mean_field", baseline(epsilon));
  const Run result = run(*model, gradient(), tight(), log_times(1e-2 * epsilon, 10 * epsilon, 200));
  const double sigma0 = 1 / std::sqrt(2 * 3.14159265358979323846);
  const std::size_t size = 9;
  for (std::size_t i = 0; i < result.times().size(); ++i) {
    const double tau = result.times()[i] / epsilon;
    // s = O(epsilon) changes the rest by less than epsilon.
    CHECK(result["risk_component"][i * size] ==
          Approx(0.5 * std::exp(-2 * sigma0 * sigma0 * tau)).margin(1e-5));
  }
  const Vector start = model->initial_state(gradient());
  const Vector move = result.final_state().head(50) - start.head(50);
  CHECK((move.array() - move.mean()).abs().maxCoeff() < 1e-4);
}

TEST_CASE("The linear phase is the logistic, to the published errors") {
  for (const auto& [epsilon, error] :
       {std::pair{1e-4, .11}, {1e-6, .032}, {1e-8, .0043}, {1e-10, 5e-4}, {1e-12, 6e-5}}) {
    const auto model = build("single_index_mean_field", baseline(epsilon));
    const double t1 = constant(*model, "predicted_component_time")[1];
    const Run result = run(*model, gradient(), tight(), log_times(1e-2 * epsilon, 3 * t1, 1500));
    const double root = std::sqrt(epsilon);
    // sigma_1 = 1/2, phi_1 = -1: lambda = 1/2, kappa = 2.
    const double spread = constant(*model, "initial_spread")[0];
    double worst = 0;
    for (std::size_t i = 0; i < result.times().size(); ++i) {
      const double logistic =
          1 / (1 + 8 / (spread * root) * std::exp(-result.times()[i] / root));
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

  Values values = baseline(epsilon);
  times_of(values, canonical);
  CHECK(canonical == 3);

  // All a_i equal: degrees 1 and 2 at O(1).
  values = baseline(epsilon);
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
  values = baseline(epsilon);
  values[4].second = std::vector<double>{1, 0, 2.0 / 3};
  times = times_of(values, canonical);
  CHECK(std::isnan(times[2]));
  CHECK(canonical == 1);
}

TEST_CASE("A run of the reduced system is linear in its width") {
  const auto seconds = [](std::int64_t width) {
    const auto model = build("single_index_mean_field", baseline(1e-4, width));
    double best = 1e9;
    for (int repeat = 0; repeat < 2; ++repeat)
      best = std::min(best, run(*model, gradient(), SolverSettings{}, {0, 0.01}).outcome.wall_seconds);
    return best;
  };
  // A factor of 8 in width, with a wide allowance for a busy machine; m^2 would give 64.
  CHECK(seconds(16000) < 30 * seconds(2000));
}
