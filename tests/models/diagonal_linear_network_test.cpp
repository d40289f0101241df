#include "models/diagonal_linear_network.hpp"

#include <Eigen/Core>
#include <limits>

#include "io/data_file.hpp"
#include "numerics/fit.hpp"
#include "numerics/linear_program.hpp"
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/steps_over_decay.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

ParameterValue size(std::int64_t n) {
  return n;
}

std::unique_ptr<Model> small(const std::string& parametrisation, std::uint64_t seed = 2) {
  return make_model("diagonal_linear_network",
                    {{"samples", size(5)},
                     {"dimension", size(10)},
                     {"initial_variance", 1.0},
                     {"parametrisation", parametrisation}},
                    seed);
}

/// The problem of figure 4 on the paper's own points.
std::unique_ptr<Model> figure4(const std::string& parametrisation) {
  const ModelInfo* info = find_model("diagonal_linear_network");
  Parameters parameters(info->parameters);
  parameters.set("parametrisation", parametrisation);
  parameters.set("features", std::string("fourier"));
  const std::string file =
      std::string(GRADFLOW_SOURCE) + "/examples/grokking/data/figure4_points.csv";
  parameters.set_file("points", file, read_data_file(file));
  return info->make(parameters, 0);
}

}  // namespace

TEST_CASE("The diagonal network's derivatives agree with finite differences, in all forms") {
  RandomStream stream(1, "test");
  for (const char* kind : {"difference", "product", "square"}) {
    for (const auto& [n, d] :
         std::vector<std::pair<int, int>>{{1, 1}, {1, 5}, {5, 1}, {3, 8}, {8, 3}, {12, 30}})
      check_loss_model(
          *make_model("diagonal_linear_network", {{"samples", size(n)},
                                                  {"dimension", size(d)},
                                                  {"parametrisation", std::string(kind)}}),
          stream);
    check_loss_model(
        *make_model("diagonal_linear_network", {{"features", std::string("fourier")},
                                                {"frequencies", size(4)},
                                                {"parametrisation", std::string(kind)}}),
        stream);
  }
}

TEST_CASE("The outputs are X beta of the stated parametrisation, the loss its mean square") {
  RandomStream stream(2, "test");
  for (const std::string kind : {"difference", "product"}) {
    const auto model = small(kind);
    Loss& loss = loss_of(*model);
    const Vector w = random_vector(20, stream);
    const Vector u = w.head(10), v = w.tail(10);
    const Vector beta =
        kind == "difference" ? Vector(u.cwiseAbs2() - v.cwiseAbs2()) : Vector(u.cwiseProduct(v));
    // X from the outputs at w with beta = e_i.
    Matrix inputs(5, 10);
    Vector f(5);
    for (Index i = 0; i < 10; ++i) {
      Vector unit = Vector::Zero(20);
      unit[i] = 1;
      if (kind == "product") unit[10 + i] = 1;
      loss.map().evaluate(unit, f);
      inputs.col(i) = f;
    }
    loss.map().evaluate(w, f);
    CHECK(relative_error(f, inputs * beta) < 1e-14);
    const auto& squared = dynamic_cast<const SquaredLoss&>(loss.output_loss());
    CHECK(loss.value(w) == Approx((f - squared.targets()).squaredNorm() / 10).epsilon(1e-14));
  }
}

TEST_CASE("u^2 is u^2 - v^2 with v = 0, along the whole flow") {
  const auto square = small("square"), difference = small("difference");
  FlowSettings flow;
  flow.weight_decay = 1e-2;
  SolverSettings settings;
  settings.rtol = 1e-10;
  settings.atol = 1e-13;
  const Vector u = square->initial_state(flow);
  REQUIRE(u.size() == 10);
  Vector both = Vector::Zero(20);
  both.head(10) = u;
  const std::vector<double> times = log_times(1e-2, 1e3, 20);
  for (const LinearKind linear :
       {LinearKind::structured, LinearKind::gauss_newton, LinearKind::dense}) {
    settings.linear = linear;
    INFO(linear_kind_name(linear));
    const Run one = run_model(*square, flow, settings, times, false);
    const Run two = run_from(both, *difference, flow, settings, times, false);
    for (std::size_t k = 0; k < times.size(); ++k) {
      CHECK(two.states[k].tail(10).norm() == 0);
      CHECK((one.states[k] - two.states[k].head(10)).norm() < 1e-7 * u.norm());
    }
  }
  CHECK(square->observables(flow).size() + 1 == difference->observables(flow).size());
}

/// Blanc, Gupta, Valiant and Valiant (2020), HaoChen, Wei, Lee and Ma (2021): steps of length h
/// with b samples, on targets with noise of variance s, drift along the minimisers of F by
/// -(h s/4b) grad tr hess F. For u^2 that is towards a least weighted 1-norm: the sparse teacher,
/// where it can be recovered. Nothing drives descent there, with whole batches or of one sample.
TEST_CASE(
    "Label noise finds the sparse solution in u^2 (d = 100, m = 40), plain descent does not") {
  const auto model = make_model(
      "diagonal_linear_network",
      {{"samples", size(40)}, {"dimension", size(100)}, {"parametrisation", std::string("square")}},
      1);
  FlowSettings flow;
  flow.kind = "sgd";
  flow.step = 0.01;
  const auto run_for = [&](Index batch, double noise, std::uint64_t seed) {
    flow.batch = batch;
    flow.label_noise = noise;
    flow.seed = seed;
    return run_model(*model, flow, SolverSettings{}, {0, 750, 1500});
  };
  for (const Index batch : {1, 40}) {
    const Run plain = run_for(batch, 0, 0);
    CHECK(plain.last("train_error") < 1e-4);
    CHECK(plain.last("test_error") > 0.15);
    CHECK(plain.last("l1_norm") > 5);
  }
  for (const std::uint64_t seed : {1, 2}) {
    const Run noisy = run_for(1, 0.1, seed);
    CHECK(noisy.last("test_error") < 0.02);
    CHECK(noisy.last("l1_norm") == Approx(3).margin(0.3));
  }
}

TEST_CASE("u v (or u^2 - v^2) decays as exp(-2 lambda t) along the flow") {
  for (const char* kind : {"difference", "product"})
    for (const double lambda : {0.0, 1e-3, 0.1}) {
      const auto model = small(kind);
      FlowSettings flow;
      flow.weight_decay = lambda;
      SolverSettings settings;
      settings.rtol = 1e-9;
      settings.atol = 1e-12;
      const double end = lambda > 0 ? 3 / lambda : 1e4;
      for (const LinearKind linear :
           {LinearKind::structured, LinearKind::gauss_newton, LinearKind::dense}) {
        settings.linear = linear;
        INFO(kind << ", lambda = " << lambda << ", " << linear_kind_name(linear));
        const Run run = run_model(*model, flow, settings, log_times(1e-2, end, 30));
        const auto& invariant = run.observables.at("invariant");
        for (std::size_t k = 0; k < run.times.size(); ++k) {
          const Vector expected = invariant.front() * std::exp(-2 * lambda * run.times[k]);
          // Quadratic in the state: each of some 300 steps errs by up to rtol |u| |v| + atol |w|.
          CHECK((invariant[k] - expected).norm() < 300 * 1e-9 * invariant.front().norm());
        }
      }
    }
}

TEST_CASE("Figure 4's run ends at the teacher, with the norm of its parametrisation") {
  // min |w|^2 over u^2 - v^2 = beta is |beta|_1, over u v = beta twice that; |beta*|_1 = 3.
  for (const std::string kind : {"difference", "product"}) {
    INFO(kind);
    const auto model = figure4(kind);
    FlowSettings flow;
    flow.weight_decay = 1e-4;
    const Run run = run_model(*model, flow, {}, log_times(1e-2, 3e5, 50));
    CHECK(run.outcome.warnings == 0);
    CHECK(run.last("norm") == Approx(std::sqrt(kind == "difference" ? 3.0 : 6.0)).margin(1e-3));
    CHECK(run.last("l1_norm") == Approx(3).margin(2e-3));
    CHECK(run.last("test_error") < 1e-5);
    // Grokking: the training points are fitted long before.
    std::size_t fitted = 0;
    while (run.observables.at("train_error")[fitted][0] > 1e-4) ++fitted;
    CHECK(run.times[fitted] < 1e3);
    CHECK(run.observables.at("test_error")[fitted][0] > 0.1);
    // The prediction on the grid is the teacher's: 1 + sin(3 pi x) + sin(21 pi x / 2).
    const Vector& prediction = run.observables.at("prediction").back();
    for (Index i = 0; i < prediction.size(); ++i) {
      const double x =
          -1 + 2.0 * static_cast<double>(i) / static_cast<double>(prediction.size() - 1);
      const double pi = 3.14159265358979323846;
      CHECK(std::abs(prediction[i] - (1 + std::sin(3 * pi * x) + std::sin(10.5 * pi * x))) < 0.02);
    }
  }
}

TEST_CASE("The steps to 10/lambda do not grow with 1/lambda") {
  for (const char* kind : {"difference", "product"}) {
    CAPTURE(kind);
    check_steps_over_decay(*small(kind));
  }
}

TEST_CASE("As lambda falls, the end of the slow phase tends to a minimum-l1 interpolant") {
  // 2|beta|_1 <= |u|^2 + |v|^2 for u v, with equality at the end; |beta|_1 = |w|^2 for u^2 - v^2.
  for (const std::string kind : {"difference", "product"}) {
    const auto model = small(kind);
    FlowSettings flow;
    flow.weight_decay = 1e-6;
    const Run run = run_model(*model, flow, {}, log_times(1, 3e7, 20));
    const double factor = kind == "difference" ? 1 : 2;
    CHECK(run.last("norm") * run.last("norm") ==
          Approx(factor * run.last("l1_norm")).epsilon(1e-3));
    CHECK(run.last("train_error") < 1e-10);
    for (const Vector& l1 : run.observables.at("l1_norm")) CHECK(std::isfinite(l1[0]));
  }
}

TEST_CASE(
    "The limit t -> infinity is the least-l1 solution of a linear program, to order one in "
    "lambda") {
  const Index n = 5, d = 10;
  for (const std::uint64_t seed : {11, 12, 13}) {
    Matrix inputs(n, d);
    Vector targets(n), row(d);
    RandomStream stream(seed, "least l1");
    for (Index i = 0; i < n; ++i) {
      stream.fill_normal(row);
      inputs.row(i) = row.transpose();
    }
    stream.fill_normal(targets);
    // beta = p - q with p, q >= 0: min sum (p + q) subject to X (p - q) = y, as two inequalities.
    Matrix a(2 * n, 2 * d);
    a << inputs, -inputs, -inputs, inputs;
    Vector b(2 * n);
    b << targets, -targets;
    LinearProgram program(a, b, Vector::Zero(2 * d),
                          Vector::Constant(2 * d, std::numeric_limits<double>::infinity()));
    const LinearSolution solution = program.minimise(Vector::Ones(2 * d));
    REQUIRE((solution.feasible && solution.bounded));
    const Vector sparse = solution.x.head(d) - solution.x.tail(d);
    REQUIRE((inputs * sparse - targets).norm() < 1e-9);
    // Coordinates outside the support die as exp(-2 slack tau), slack = 1 - |X^T nu|, nu the dual
    // solution: from .47 in one of these draws to .003 in another.
    const Vector dual =
        inputs.transpose() * (solution.multipliers.head(n) - solution.multipliers.tail(n));
    double slack = 1;
    for (Index j = 0; j < d; ++j)
      if (std::abs(sparse[j]) < 1e-9) slack = std::min(slack, 1 - std::abs(dual[j]));
    REQUIRE(slack > 0);

    for (const std::string kind : {"difference", "product"}) {
      Parameters p(find_model("diagonal_linear_network")->parameters);
      p.set("parametrisation", kind);
      p.set("initial_variance", 1.0);
      p.set_file("inputs", "inputs", inputs);
      p.set_file("targets", "targets", targets);
      const auto model = find_model("diagonal_linear_network")->make(p, 4);
      Vector lambda(4), error(4);
      lambda << 1e-2, 1e-3, 1e-4, 1e-5;
      for (Index k = 0; k < 4; ++k) {
        FlowSettings flow;
        flow.weight_decay = lambda[k];
        const auto system = model->system(flow);
        const Vector start = model->initial_state(flow);
        const SolverSettings used = tightened({}, start);
        const auto stepper = make_stepper(*system, used);
        IntegrationControl control;
        control.times = {0, 40 / slack / lambda[k]};
        control.sample = [](std::size_t, double, ConstVectorRef) {};
        const Outcome outcome = integrate(*system, *stepper, used, start, control);
        REQUIRE(outcome.status == Status::ok);
        const Vector u = outcome.final_state.head(d), v = outcome.final_state.tail(d);
        const Vector beta = kind == "difference" ? Vector(u.cwiseAbs2() - v.cwiseAbs2())
                                                 : Vector(u.cwiseProduct(v));
        error[k] = (beta - sparse).norm();
      }
      INFO(kind << ", seed " << seed << ", slack " << slack);
      CAPTURE(error.transpose());
      // A lasso: its path is straight in lambda until its support changes.
      CHECK(std::abs(fit_power_law(lambda, error).exponent - 1) < 0.02);
    }
  }
}

TEST_CASE("The Fourier features and the default teacher are those of the paper's figure") {
  const auto model = figure4("difference");
  Loss& loss = loss_of(*model);
  CHECK(loss.dimension() == 122);
  CHECK(loss.outputs() == 12);
  // beta = e_k gives feature k at the points: 1, cos(k pi x / 2), sin(k pi x / 2).
  const Matrix file =
      read_data_file(std::string(GRADFLOW_SOURCE) + "/examples/grokking/data/figure4_points.csv");
  const Vector points = Eigen::Map<const Vector>(file.data(), file.size());
  const double pi = 3.14159265358979323846;
  Vector f(12);
  for (const Index k : {0, 1, 30, 31, 60}) {
    Vector w = Vector::Zero(122);
    w[k] = 1;
    loss.map().evaluate(w, f);
    for (Index i = 0; i < 12; ++i)
      CHECK(f[i] == Approx(k <= 30 ? std::cos(static_cast<double>(k) * pi / 2 * points[i])
                                   : std::sin(static_cast<double>(k - 30) * pi / 2 * points[i]))
                        .margin(1e-13));
  }
  const auto& targets = dynamic_cast<const SquaredLoss&>(loss.output_loss()).targets();
  for (Index i = 0; i < 12; ++i)
    CHECK(targets[i] ==
          Approx(1 + std::sin(3 * pi * points[i]) + std::sin(10.5 * pi * points[i])).margin(1e-13));
}
