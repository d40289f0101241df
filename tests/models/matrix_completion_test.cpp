#include "models/matrix_completion.hpp"

#include "io/data_file.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/fit.hpp"
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

std::unique_ptr<Model> completion(std::int64_t rows, std::int64_t columns, std::int64_t rank,
                                  std::int64_t true_rank, double observed = 0.5) {
  return make_model("matrix_completion",
                    {{"rows", size(rows)},
                     {"columns", size(columns)},
                     {"rank", size(rank)},
                     {"true_rank", size(true_rank)},
                     {"observed", observed}},
                    4);
}

std::unique_ptr<Model> figure2() {
  const std::string data = std::string(GRADFLOW_SOURCE) + "/examples/grokking/data/";
  const ModelInfo* info = find_model("matrix_completion");
  Parameters parameters(info->parameters);
  for (const std::string name : {"target", "mask"}) {
    const std::string file = data + "matrix_completion_" + name + ".csv";
    parameters.set_file(name, file, read_data_file(file));
  }
  return info->make(parameters, 0);
}

Matrix as_rows(const Vector& values, Index rows, Index columns) {
  return Eigen::Map<const RowMatrix>(values.data(), rows, columns);
}

}  // namespace

TEST_CASE("Matrix completion's derivatives agree with finite differences, for all shapes") {
  RandomStream stream(1, "test");
  struct Shape {
    std::int64_t rows, columns, rank, true_rank;
    double observed;
  };
  for (const Shape& s : std::vector<Shape>{{1, 1, 1, 1, 1},
                                           {1, 5, 2, 1, 0.6},
                                           {5, 1, 1, 1, 1},
                                           {4, 6, 3, 2, 0.5},
                                           {6, 4, 1, 1, 0.3},
                                           {3, 3, 5, 2, 1},
                                           {8, 7, 2, 3, 0.02}})
    check_loss_model(*completion(s.rows, s.columns, s.rank, s.true_rank, s.observed), stream);
}

TEST_CASE("The loss is the sum over observed entries, by a naive loop") {
  RandomStream stream(2, "test");
  for (const auto& [rows, columns] : std::vector<std::pair<Index, Index>>{{3, 4}, {5, 2}, {1, 3}}) {
    const auto model = completion(rows, columns, 2, 1, 0.6);
    const auto constants = model->constants({});
    Matrix target, mask;
    for (const Measurement& m : constants) {
      const Vector values =
          Eigen::Map<const Vector>(m.values.data(), static_cast<Index>(m.values.size()));
      if (m.name == "target") target = as_rows(values, rows, columns);
      if (m.name == "mask") mask = as_rows(values, rows, columns);
    }
    CHECK(mask.sum() == std::round(0.6 * static_cast<double>(rows * columns)));
    const Vector w = random_vector((rows + columns) * 2, stream);
    double sum = 0, unobserved = 0;
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) {
        double entry = 0;
        for (Index k = 0; k < 2; ++k) entry += w[i * 2 + k] * w[rows * 2 + j * 2 + k];
        const double square = (entry - target(i, j)) * (entry - target(i, j));
        (mask(i, j) == 1 ? sum : unobserved) += square;
      }
    CHECK(loss_of(*model).value(w) == Approx(sum).epsilon(1e-13));
    for (const Observable& observable : model->observables({})) {
      double value = 0;
      if (observable.name == "train_error") {
        observable.evaluate({0, w, 1}, &value);
        CHECK(value == Approx(sum / mask.sum()).epsilon(1e-13));
      }
      if (observable.name == "test_error") {
        observable.evaluate({0, w, 2}, &value);
        CHECK(value == Approx(unobserved / (1 - mask.array()).sum()).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("U^T U - V^T V decays as exp(-2 lambda t) along the flow") {
  for (const double lambda : {0.0, 1e-2}) {
    const auto model = completion(6, 5, 3, 1, 0.7);
    FlowSettings flow;
    flow.weight_decay = lambda;
    SolverSettings settings;
    settings.rtol = 1e-9;
    settings.atol = 1e-12;
    for (const LinearKind linear :
         {LinearKind::gauss_newton, LinearKind::dense, LinearKind::krylov}) {
      settings.linear = linear;
      INFO("lambda = " << lambda << ", " << linear_kind_name(linear));
      const Run run = run_model(*model, flow, settings, log_times(1e-3, 300, 25));
      const auto& invariant = run.observables.at("invariant");
      for (std::size_t k = 0; k < run.times.size(); ++k) {
        const Vector expected = invariant.front() * std::exp(-2 * lambda * run.times[k]);
        // Quadratic in the state: each of some 500 steps errs by up to rtol |w|^2.
        CHECK((invariant[k] - expected).norm() < 500 * 1e-9 * run.states.front().squaredNorm());
      }
    }
  }
}

TEST_CASE(
    "The flow's end state is gradient descent's of the paper's step, as far as the step allows") {
  // Explicit Euler's error: h/2 times |w''| along the way; it is of order h, so half the step must
  // halve it, and both must be near the flow.
  const auto model = figure2();
  FlowSettings flow;
  flow.weight_decay = 2e-3;
  SolverSettings settings;
  const std::vector<double> times{0, 1, 10, 100};
  const Run exact = run_model(*model, flow, settings, times);
  flow.kind = "gradient_descent";
  std::vector<double> early, late;
  for (const double step : {1e-2, 5e-3, 2.5e-3}) {
    flow.step = step;
    const Run descent = run_model(*model, flow, settings, times);
    CHECK(descent.outcome.statistics.steps == std::llround(100 / step));
    early.push_back((descent.states[1] - exact.states[1]).norm());
    late.push_back((descent.states[3] - exact.states[3]).norm());
    CHECK(descent.last("test_error") == Approx(exact.last("test_error")).epsilon(20 * step));
    CHECK(descent.last("norm") == Approx(exact.last("norm")).epsilon(2 * step));
  }
  for (const auto& errors : {early, late}) {
    INFO(errors[0] << ", " << errors[1] << ", " << errors[2]);
    CHECK(errors[1] / errors[2] == Approx(2).epsilon(0.15));
    CHECK(errors[0] / errors[1] == Approx(2).epsilon(0.4));
    CHECK(errors[2] < 0.02 * exact.states[3].norm());
  }
}

TEST_CASE("At rest, flow and gradient descent are at the same point whatever the step") {
  // Stationary points are the flow's and the iteration's alike; one start, one basin.
  const auto model = completion(5, 5, 2, 1, 0.8);
  FlowSettings flow;
  flow.weight_decay = 0.1;
  SolverSettings settings;
  settings.rtol = 1e-10;
  settings.atol = 1e-13;
  const Run exact = run_model(*model, flow, settings, {0, 4000});
  flow.kind = "gradient_descent";
  flow.step = 1e-2;
  const Run descent = run_model(*model, flow, settings, {0, 4000});
  CHECK(exact.last("gradient_norm") < 1e-8);
  CHECK(descent.last("gradient_norm") < 1e-8);
  const auto& a = exact.observables.at("singular_values").back();
  const auto& b = descent.observables.at("singular_values").back();
  CHECK((a - b).norm() < 1e-6 * a.norm());
}

TEST_CASE("Completion takes no more steps to 10/lambda as lambda falls") {
  check_steps_over_decay(*figure2());
}

TEST_CASE("Figure 2's run recovers the matrix in at most 650 steps, its norm at the nuclear one") {
  const auto model = figure2();
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  SolverSettings settings;
  settings.rtol = 1e-6;
  const Run run = run_model(*model, flow, settings, log_times(1e-2, 1e5, 100));
  // 595 with a Newton matrix at each step; one of some steps ago may cost a tenth.
  CHECK(run.outcome.statistics.steps <= 650);
  CHECK(run.outcome.warnings == 0);
  CHECK(run.observables.at("test_error").front()[0] > 1);
  CHECK(run.last("test_error") < 1e-3);
  Vector target;
  for (const Measurement& m : model->constants(flow))
    if (m.name == "target_singular_values")
      target = Eigen::Map<const Vector>(m.values.data(), static_cast<Index>(m.values.size()));
  const double nuclear = target.sum();
  // ||w||^2 = 2 |UV^T|_* at the minimum over factorisations; lambda shrinks it by O(lambda).
  CHECK(run.last("norm") * run.last("norm") == Approx(2 * nuclear).epsilon(1e-2));
  const Vector& singular = run.observables.at("singular_values").back();
  CHECK((singular.head(3) - target.head(3)).norm() < 1e-2 * target.norm());
  CHECK(singular.tail(singular.size() - 3).norm() < 1e-2);
}

TEST_CASE("Singular values are those of U V^T, in falling order, as many as the rank allows") {
  RandomStream stream(5, "test");
  for (const auto& [rows, columns, rank] :
       std::vector<std::tuple<Index, Index, Index>>{{4, 6, 2}, {6, 4, 9}, {3, 3, 3}}) {
    const auto model = completion(rows, columns, rank, 1);
    const Vector w = random_vector((rows + columns) * rank, stream);
    const Matrix U = as_rows(w.head(rows * rank), rows, rank),
                 V = as_rows(w.tail(columns * rank), columns, rank);
    const Vector expected = Eigen::JacobiSVD<Matrix>(U * V.transpose()).singularValues();
    for (const Observable& observable : model->observables({})) {
      if (observable.name != "singular_values") continue;
      REQUIRE(observable.size() == std::min({rows, columns, rank}));
      Vector values(observable.size());
      observable.evaluate({0, w, 1}, values.data());
      CHECK((values - expected.head(values.size())).norm() < 1e-12 * expected.norm());
    }
  }
}

TEST_CASE(
    "The limit t -> infinity has the least nuclear norm, by a dual certificate of order lambda") {
  // Y = -grad F / lambda lives on the observed entries. For any matrix Z with the observed values
  // <Y, M> = <Y, Z> <= |Y|_op |Z|_nuclear: <Y, M> / |Y|_op bounds the least nuclear norm from
  // below.
  const Index rows = 6, columns = 7, r = 6;
  RandomStream stream(5, "certificate");
  Vector left(rows), right(columns);
  stream.fill_normal(left);
  stream.fill_normal(right);
  const Matrix target = left * right.transpose();
  Matrix mask = Matrix::Ones(rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      if ((3 * i + 5 * j + i * j) % 5 < 2) mask(i, j) = 0;
  Parameters p(find_model("matrix_completion")->parameters);
  p.set("rank", std::int64_t{r});
  p.set_file("target", "target", target);
  p.set_file("mask", "mask", mask);
  const auto model = find_model("matrix_completion")->make(p, 1);
  Vector lambda(3), gap(3);
  lambda << 1e-2, 1e-3, 1e-4;
  for (Index k = 0; k < 3; ++k) {
    FlowSettings flow;
    flow.weight_decay = lambda[k];
    SolverSettings settings;
    settings.rtol = 1e-9;
    const auto system = model->system(flow);
    const Vector start = model->initial_state(flow);
    const auto stepper = make_stepper(*system, settings);
    IntegrationControl control;
    control.times = {0, 300 / lambda[k]};
    control.sample = [](std::size_t, double, ConstVectorRef) {};
    const Outcome outcome = integrate(*system, *stepper, settings, start, control);
    REQUIRE(outcome.status == Status::ok);
    const Eigen::Map<const RowMatrix> u(outcome.final_state.data(), rows, r);
    const Eigen::Map<const RowMatrix> v(outcome.final_state.data() + rows * r, columns, r);
    const Matrix product = u * v.transpose();
    const Matrix dual = (2 / lambda[k]) * mask.cwiseProduct(target - product);
    const double nuclear = Eigen::JacobiSVD<Matrix>(product).singularValues().sum();
    const double largest = Eigen::JacobiSVD<Matrix>(dual).singularValues()[0];
    const double bound = dual.cwiseProduct(target).sum() / std::max(1.0, largest);
    CHECK(largest < 1 + 1e-4);
    // The end state misses the data by O(lambda), and so its norm is below the bound by that.
    gap[k] = std::abs(nuclear - bound) / bound;
  }
  CAPTURE(gap.transpose());
  CHECK(gap[2] < 1e-3);
  CHECK(std::abs(fit_power_law(lambda, gap).exponent - 1) < 0.05);
}
