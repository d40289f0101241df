#include "models/single_index_mean_field.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "flow/jacobian_newton.hpp"
#include "tests/models/single_index_runs.hpp"
#include "tests/models/time_scale.hpp"

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

TEST_CASE("Formulas give the series, the target and the second layer that names give") {
  const auto of = [](const char* activation, const char* target, const char* law) {
    return build("single_index_mean_field", {{"width", std::int64_t{20}},
                                             {"activation", std::string(activation)},
                                             {"target", std::string(target)},
                                             {"initial_second_layer", std::string(law)}});
  };
  const auto named = of("tanh", "erf", "uniform_quantiles");
  const auto given = of("tanh(x)", "erf(x)", "2*q - 1");
  const Vector y = named->initial_state({});
  CHECK(given->initial_state({}) == y);
  Vector a(y.size()), b(y.size());
  named->system({})->rhs(0, y, a);
  given->system({})->rhs(0, y, b);
  // erf by name has closed forms, by formula it is by quadrature.
  CHECK((a - b).norm() < 1e-12 * a.norm());

  // What an even function has of odd degree is 0, not what rounding leaves of it.
  for (const Measurement& constant : of("x*tanh(x)", "erf", "uniform_quantiles")->constants({}))
    if (constant.name == "activation_coefficient")
      for (std::size_t k = 1; k < constant.values.size(); k += 2) CHECK(constant.values[k] == 0);

  const Vector drawn = of("relu", "erf", "gaussian")->initial_state({});
  CHECK(of("relu", "erf", "z")->initial_state({}) == drawn);
  const Vector cubes = of("relu", "erf", "z^3")->initial_state({});
  CHECK((cubes.head(20).array() - drawn.head(20).array().cube()).abs().maxCoeff() < 1e-14);
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

TEST_CASE("Neurons that have arrived at the target keep the energy identity") {
  // With the second layer all but fixed, every s goes to 1, and the steps' errors carry it beyond.
  const auto model =
      build("single_index_mean_field", {{"width", std::int64_t{20}},
                                        {"dimension", std::int64_t{10}},
                                        {"epsilon", 1e6},
                                        {"target_hermite", std::vector<double>{0, 3}},
                                        {"activation_hermite", std::vector<double>{0, 1}},
                                        {"initial_second_layer", std::string("constant")}});
  for (const char* method : {"cvode", "rodas", "rock4"}) {
    SolverSettings settings;
    settings.method = method;
    const Run result = run(*model, FlowSettings{}, settings, log_times(1e-2, 1e3, 60));
    INFO(method << ": " << result.outcome.message);
    CHECK(result.outcome.status == Status::ok);
    CHECK(result.outcome.worst_energy_defect < 0.05);
    CHECK(result.outcome.warnings == 0);
  }
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
    const auto model = build("single_index_mean_field", baseline_values(row.epsilon));
    SolverSettings settings = tight();
    settings.rtol = 1e-9;
    const Run result = run(*model, gradient(), settings, log_times(1e-2 * row.epsilon, 1, 3000));
    const auto times = measurement(*model, result, "component_time");
    INFO("epsilon = " << row.epsilon);
    // Half a unit of the last of four digits, and a hundredth for the table's own rounding.
    const double published[] = {row.t0, row.t1, row.t2};
    for (std::size_t k = 0; k < 3; ++k) {
      const double unit = std::pow(10, std::floor(std::log10(published[k])) - 3);
      CHECK(std::abs(times[k] - published[k]) < 0.51 * unit);
    }
    CHECK(std::abs(risk_at(result, std::sqrt(times[0] * times[1])) - row.first) < 0.51e-4);
    CHECK(std::abs(risk_at(result, std::sqrt(times[1] * times[2])) - row.second) < 0.51e-4);
    double rise = 0;
    for (std::size_t i = 1; i < result["risk"].size(); ++i)
      rise = std::max(rise, result["risk"][i] - result["risk"][i - 1]);
    CHECK(rise < 1e-9);
    CHECK(result.outcome.worst_energy_defect < 1e-2);
    CHECK(result.outcome.linear.find("structured") != std::string::npos);
  }
}

TEST_CASE("Times from 1e-10 to 1e-14 have the exponents 1, 1/2, 1/4 and 1/6 within their errors") {
  std::vector<double> epsilons;
  std::vector<std::vector<double>> t(4);
  double spread = 0;
  for (int k = 0; k <= 8; ++k) {
    const double epsilon = std::pow(10, -10 - 0.5 * k);
    epsilons.push_back(epsilon);
    SolverSettings settings = tight();
    settings.rtol = 1e-9;
    settings.atol = 1e-15;
    // Samples dense enough for windows of relative width epsilon^{1/12}.
    const auto times = log_times(1e-2 * epsilon, 0.1, 100 * (9 + k / 2 + 4));
    const auto two = build("single_index_mean_field", baseline_values(epsilon));
    const auto measured =
        measurement(*two, run(*two, gradient(), settings, times), "component_time");
    spread = constant(*two, "initial_spread")[0];
    const auto three = build("single_index_mean_field",
                             {{"width", std::int64_t{50}},
                              {"epsilon", epsilon},
                              {"activation_hermite", std::vector<double>{1, 1, 1, 1}},
                              {"target_hermite", std::vector<double>{1, -1, 2.0 / 3, -0.5}}});
    t[0].push_back(measured[0]);
    t[1].push_back(measured[1]);
    t[2].push_back(measured[2] - measured[1]);
    t[3].push_back(
        measurement(*three, run(*three, gradient(), settings, times), "component_time")[3]);
  }
  TimeScaleTheory logarithm, window;
  logarithm.log_prefactor = 8 * (std::sqrt(2.0) - 1) / spread;  // kappa = 2
  window.correction_exponent = 1.0 / 12;
  const TimeScale fits[] = {fit_time_scale(epsilons, t[0]),
                            fit_time_scale(epsilons, t[1], logarithm),
                            fit_time_scale(epsilons, t[2], window), fit_time_scale(epsilons, t[3])};
  const double theory[] = {1, 0.5, 0.25, 1.0 / 6};
  // Errors that say something. Degree 3 is in its asymptotic range from 1e-12 on only: the fit says
  // so by its drift.
  const double most[] = {1e-6, 1e-4, 2e-3, 6e-2};
  for (std::size_t k = 0; k < 4; ++k) {
    INFO("degree " << k << ": " << fits[k].exponent << " +- " << fits[k].exponent_error);
    CHECK(fits[k].exponent_error < most[k]);
    // t_0 is a pure power: only the solver's error is left, which no regression sees.
    CHECK(std::abs(fits[k].exponent - theory[k]) < fits[k].exponent_error + 1e-8);
  }
  const std::span<const double> tail(epsilons.data() + 4, 5), tail_times(t[3].data() + 4, 5);
  const TimeScale third = fit_time_scale(tail, tail_times);
  INFO("degree 3 from 1e-12: " << third.exponent << " +- " << third.exponent_error);
  CHECK(third.exponent_error < 6e-3);
  CHECK(std::abs(third.exponent - 1.0 / 6) < third.exponent_error);
}

TEST_CASE("Learning times converge as 1/m^2 for quantiles of a compact law") {
  // Quantiles are a midpoint rule. At m = 3200 the times are within 1e-6 of the limit that two
  // widths extrapolate to, and the risk never rises beyond the tolerance at any width.
  std::vector<double> t1, t2;
  for (const std::int64_t m : {100, 200, 400, 800, 1600, 3200}) {
    const auto model = build("single_index_mean_field", baseline_values(1e-4, m));
    SolverSettings settings = tight();
    settings.method = "rodas";
    settings.rtol = 1e-9;
    const Run result = run(*model, gradient(), settings, log_times(1e-4, 1, 800));
    const auto times = measurement(*model, result, "component_time");
    t1.push_back(times[1]);
    t2.push_back(times[2]);
    for (std::size_t i = 1; i < result["risk"].size(); ++i)
      REQUIRE(result["risk"][i] <= result["risk"][i - 1] + 1e-9);
  }
  for (const auto& t : {t1, t2}) {
    const double limit = t[5] + (t[5] - t[4]) / 3;
    CHECK(std::abs(t[5] / limit - 1) < 1e-6);
    // Next order 1/m^4, and differences of 1e-6 known to 1e-9.
    for (std::size_t k = 0; k < 3; ++k)
      CHECK((t[k] - limit) / (t[k + 1] - limit) == Approx(4).epsilon(0.02));
  }
}

TEST_CASE("A finite dimension acts on the time of degree 1 as a variance 1/(d epsilon)") {
  const double epsilon = 1e-5;
  const std::int64_t m = 1000;
  for (const std::int64_t d : {10000, 30000}) {
    Values values = baseline_values(epsilon, m);
    const auto infinite = build("single_index_mean_field", values);
    values.emplace_back("dimension", d);
    const auto finite = build("single_index_mean_field", values, 3);
    const auto times = log_times(1e-2 * epsilon, 0.3, 800);
    const double without =
        measurement(*infinite, run(*infinite, gradient(), tight(), times), "component_time")[1];
    const double with =
        measurement(*finite, run(*finite, gradient(), tight(), times), "component_time")[1];
    // lambda = 1/2: t_1 falls by sqrt(epsilon) log(1 + share). The variance of 1000 drawn
    // alignments is known to sqrt(2/1000), their covariance with a to sqrt(share/1000): four of
    // these.
    const double share = 1 / (static_cast<double>(d) * epsilon * (1.0 / 3));
    const double draw =
        4 * (std::sqrt(2.0 / 1000) * share + 2 * std::sqrt(share / 1000)) / (1 + share);
    INFO("d = " << d);
    CHECK((without - with) / std::sqrt(epsilon) == Approx(std::log1p(share)).margin(draw));
  }
}

TEST_CASE("Both implicit methods agree and the steps grow slowly as epsilon falls") {
  std::int64_t coarse = 0;
  for (const double epsilon : {1e-4, 1e-12}) {
    std::vector<double> t2;
    for (const char* method : {"cvode", "rodas"}) {
      const auto model = build("single_index_mean_field", baseline_values(epsilon, 100));
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
  const auto model = build("single_index_mean_field", baseline_values(epsilon));
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

TEST_CASE("A run of the reduced system takes as many steps at any width, each linear in it") {
  std::vector<double> steps, flops;
  for (const std::int64_t width : {2000, 16000}) {
    const auto model = build("single_index_mean_field", baseline_values(1e-4, width));
    const Run result = run(*model, gradient(), SolverSettings{}, {0, 0.01});
    steps.push_back(static_cast<double>(result.outcome.statistics.steps));
    flops.push_back(model->system(gradient())->newton_offers().front().cost.set_up_flops());
  }
  CHECK(steps[1] == Approx(steps[0]).epsilon(0.1));
  // K^3 flops of the small matrix do not grow.
  CHECK(flops[1] <= 8 * flops[0]);
}
