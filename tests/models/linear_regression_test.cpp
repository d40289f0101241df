#include "models/linear_regression.hpp"

#include <string>
#include <tuple>
#include <vector>

#include "numerics/decompositions.hpp"
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

struct Data {
  Matrix inputs;
  Vector targets, initial;
};

Data gaussian_data(Index n, Index d, std::uint64_t seed, bool noisy = true) {
  RandomStream stream(seed, "test");
  Data data{Matrix(n, d), Vector(n), Vector(d)};
  stream.fill_normal(data.inputs);
  data.targets = data.inputs * random_vector(d, stream);
  if (noisy) data.targets += random_vector(n, stream, 0.3);
  stream.fill_normal(data.initial);
  return data;
}

std::unique_ptr<Model> model_of(const Data& data) {
  const ModelInfo* info = find_model("linear_regression");
  Parameters parameters(info->parameters);
  parameters.set_file("inputs", "x.npy", data.inputs);
  parameters.set_file("targets", "y.npy", data.targets);
  parameters.set_file("initial", "w.npy", data.initial);
  return info->make(parameters, 0);
}

/// w(t) of w' = -X^T (X w - y) - lambda w by the singular values of X: each mode tends to
/// s (u.y) / (s^2 + lambda) at the rate s^2 + lambda, what is in no mode decays at the rate lambda.
Vector closed_form(const Data& data, double lambda, double t) {
  const Eigen::BDCSVD<Matrix> svd(data.inputs, Eigen::ComputeFullU | Eigen::ComputeFullV);
  const Vector& s = svd.singularValues();
  const Vector coefficients = svd.matrixV().transpose() * data.initial;
  Vector result = coefficients * std::exp(-lambda * t);
  for (Index i = 0; i < s.size(); ++i) {
    const double rate = s[i] * s[i] + lambda;
    const double limit = s[i] * svd.matrixU().col(i).dot(data.targets) / rate;
    result[i] = limit + (coefficients[i] - limit) * std::exp(-rate * t);
  }
  return svd.matrixV() * result;
}

double worst_error(const Data& data, double lambda, const Run& run) {
  double worst = 0;
  for (std::size_t k = 0; k < run.times.size(); ++k) {
    const Vector exact = closed_form(data, lambda, run.times[k]);
    worst = std::max(worst, (run.states[k] - exact).norm() / exact.norm());
  }
  return worst;
}

}  // namespace

TEST_CASE("Linear regression's derivatives agree with finite differences, for all shapes") {
  RandomStream stream(1, "test");
  for (const auto& [n, d] :
       std::vector<std::pair<Index, Index>>{{1, 1}, {1, 6}, {6, 1}, {4, 9}, {9, 4}, {20, 50}}) {
    const auto model = model_of(gaussian_data(n, d, 3));
    check_loss_model(*model, stream);
    CHECK(loss_of(*model).map().affine());
  }
}

TEST_CASE("Linear regression's flow is its closed form to 2e-9, by every method and structure") {
  SolverSettings tight;
  tight.rtol = 1e-10;
  tight.atol = 1e-13;
  struct Way {
    std::string method;
    LinearKind linear;
  };
  const std::vector<Way> ways{
      {"cvode", LinearKind::automatic},    {"cvode", LinearKind::dense},
      {"cvode", LinearKind::gauss_newton}, {"cvode", LinearKind::krylov},
      {"rodas", LinearKind::automatic},    {"rodas", LinearKind::dense},
      {"dopri5", LinearKind::automatic},   {"rosenbrock4", LinearKind::automatic},
      {"rock4", LinearKind::automatic}};
  for (const auto& [n, d] : std::vector<std::pair<Index, Index>>{{6, 15}, {15, 6}})
    for (const double lambda : {0.0, 0.1}) {
      const Data data = gaussian_data(n, d, 7);
      const auto model = model_of(data);
      FlowSettings flow;
      flow.weight_decay = lambda;
      const std::vector<double> times = log_times(1e-3, 30, 60);
      for (const Way& way : ways) {
        INFO("n = " << n << ", d = " << d << ", lambda = " << lambda << ", " << way.method << ", "
                    << linear_kind_name(way.linear));
        tight.method = way.method;
        tight.linear = way.linear;
        const Run run = run_model(*model, flow, tight, times);
        // The dense output of these is of order 3: between their long steps of order 4 it is good
        // to the square root of that order's ratio, a hundred times the tolerance.
        const bool coarse = way.method == "rosenbrock4" || way.method == "rock4";
        CHECK(worst_error(data, lambda, run) < (coarse ? 2e-8 : 2e-9));
      }
    }
}

TEST_CASE("Linear regression takes a Rosenbrock method with the cheaper of its exact matrices") {
  for (const auto& [n, d, linear] : std::vector<std::tuple<Index, Index, std::string>>{
           {6, 15, "gauss_newton"}, {15, 6, "dense"}}) {
    const auto model = model_of(gaussian_data(n, d, 7));
    const auto system = model->system({});
    const auto stepper = make_stepper(*system, {});
    INFO(n << " samples, " << d << " parameters: " << stepper->linear());
    CHECK(stepper->method() == "dopri5 if not stiff, else rodas (RODAS5P)");
    CHECK(stepper->linear().rfind(linear + " ", 0) == 0);
  }
}

TEST_CASE("Over long times, in the slow phase, linear regression stays on its closed form") {
  // lambda = 1e-6 to t = 10/lambda: the fast modes are at rest, the kernel decays.
  const Data data = gaussian_data(6, 15, 8);
  const auto model = model_of(data);
  FlowSettings flow;
  flow.weight_decay = 1e-6;
  SolverSettings settings;
  settings.rtol = 1e-10;
  settings.atol = 1e-13;
  for (const LinearKind kind : {LinearKind::dense, LinearKind::gauss_newton, LinearKind::krylov}) {
    settings.linear = kind;
    const Run run = run_model(*model, flow, settings, log_times(1e-3, 1e7, 80));
    INFO(linear_kind_name(kind));
    CHECK(worst_error(data, 1e-6, run) < 2e-9);
    CHECK(run.outcome.warnings == 0);
  }
}

TEST_CASE("Linear regression's observables are what they say, along the run") {
  const Data data = gaussian_data(5, 9, 9);
  const auto model = model_of(data);
  FlowSettings flow;
  flow.weight_decay = 0.01;
  const Run run = run_model(*model, flow, {}, log_times(1e-2, 100, 10));
  // The least-squares solution of least norm, by the pseudo-inverse.
  const Eigen::BDCSVD<Matrix> svd(data.inputs, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Vector minimum = svd.solve(data.targets);
  for (std::size_t k = 0; k < run.times.size(); ++k) {
    const Vector& w = run.states[k];
    const Vector residual = data.inputs * w - data.targets;
    CHECK(run.observables.at("train_loss")[k][0] == Approx(0.5 * residual.squaredNorm()));
    CHECK(run.observables.at("train_error")[k][0] == Approx(residual.squaredNorm() / 5));
    CHECK(run.observables.at("norm")[k][0] == Approx(w.norm()));
    CHECK(run.observables.at("gradient_norm")[k][0] ==
          Approx((data.inputs.transpose() * residual + 0.01 * w).norm()));
    CHECK(run.observables.at("minimum_norm_distance")[k][0] == Approx((w - minimum).norm()));
  }
  // Targets from a file have no teacher to be tested against.
  CHECK(run.observables.count("test_error") == 0);
}

TEST_CASE("Without noise and decay, and with enough data, the teacher is found") {
  const auto model = make_model("linear_regression",
                                {{"samples", std::int64_t{30}}, {"dimension", std::int64_t{5}}});
  const Run run = run_model(*model, {}, {}, {0, 1, 100});
  CHECK(run.observables.at("test_error").front()[0] > 0.1);
  CHECK(run.last("test_error") < 1e-15);
  CHECK(run.last("train_loss") < 1e-15);
}

TEST_CASE("Heavy ball on linear regression is the damped oscillator in each mode") {
  // One parameter, X = 1, y = 0: w'' + mu w' + w = 0 from w = 1 at rest.
  const Data data{Matrix::Ones(1, 1), Vector::Zero(1), Vector::Ones(1)};
  const auto model = model_of(data);
  FlowSettings flow;
  flow.kind = "heavy_ball";
  flow.friction = 0.2;
  SolverSettings settings;
  settings.rtol = 1e-9;
  settings.atol = 1e-12;
  for (const LinearKind kind : {LinearKind::dense, LinearKind::gauss_newton, LinearKind::krylov}) {
    settings.linear = kind;
    const Run run = run_model(*model, flow, settings, {0, 0.5, 1, 3, 10, 30});
    const double a = 0.1, omega = std::sqrt(1 - a * a);
    for (std::size_t k = 0; k < run.times.size(); ++k) {
      const double t = run.times[k];
      const double exact =
          std::exp(-a * t) * (std::cos(omega * t) + a / omega * std::sin(omega * t));
      // BDF's phase errors add up over five periods: a hundred steps each of the tolerance.
      CHECK(std::abs(run.states[k][0] - exact) < 1e-6);
    }
  }
}

TEST_CASE(
    "Langevin dynamics has the Gibbs density, at any learning rate, and noise from its time") {
  // Two modes, h = x^2 + lambda. Euler-Maruyama's own stationary variance in each is
  // T / (h (1 - step eta h / 2)): eleven per cent above T / h in the first.
  const Data data{Matrix(Vector{{1.0, 0.5}}.asDiagonal()), Vector{{1.0, -1.0}}, Vector::Zero(2)};
  const auto model = model_of(data);
  FlowSettings flow;
  flow.kind = "langevin";
  flow.weight_decay = 0.1;
  flow.temperature = 0.3;
  flow.step = 0.1;
  flow.learning_rates = {2};
  flow.seed = 3;
  const auto system = model->system(flow);
  Vector w = model->initial_state(flow), sum = Vector::Zero(2), squares = Vector::Zero(2);
  const int burn_in = 1000, steps = 1000000;
  for (int k = 0; k < burn_in + steps; ++k) {
    system->discrete_step(k * flow.step, flow.step, w);
    if (k < burn_in) continue;
    sum += w;
    squares += w.cwiseAbs2();
  }
  const Vector mean = sum / steps, variance = squares / steps - mean.cwiseAbs2();
  const double time = 2 * flow.step * steps;
  for (Index i = 0; i < 2; ++i) {
    const double x = data.inputs(i, i), h = x * x + flow.weight_decay;
    // Five standard deviations of averages over `time`, the noise's correlation being exp(-h t).
    CHECK(mean[i] == Approx(x * data.targets[i] / h)
                         .margin(5 * std::sqrt(2 * flow.temperature / (h * h * time))));
    CHECK(variance[i] ==
          Approx(flow.temperature / (h * (1 - 0.1 * h))).epsilon(5 * std::sqrt(2 / (h * time))));
  }

  // From its time alone, bit for bit; by seed; and gradient descent at temperature 0.
  Vector once = w, again = w, other = w, cold = w, descended = w;
  system->discrete_step(7, flow.step, once);
  model->system(flow)->discrete_step(7, flow.step, again);
  CHECK(once == again);
  flow.seed = 4;
  model->system(flow)->discrete_step(7, flow.step, other);
  CHECK((once - other).norm() > 1e-3);
  flow.temperature = 0;
  model->system(flow)->discrete_step(7, flow.step, cold);
  flow.kind = "gradient_descent";
  model->system(flow)->discrete_step(7, flow.step, descended);
  CHECK(cold == descended);
}

TEST_CASE("Learning rates by parameter group and gradient descent have their closed forms") {
  const Data data = gaussian_data(6, 3, 12);
  const auto model = model_of(data);
  FlowSettings flow;
  flow.weight_decay = 0.2;
  flow.learning_rates = {3};  // one group: time runs three times as fast
  SolverSettings settings;
  settings.rtol = 1e-10;
  settings.atol = 1e-13;
  const Run fast = run_model(*model, flow, settings, {0, 0.1, 1});
  CHECK((fast.states[1] - closed_form(data, 0.2, 0.3)).norm() < 1e-8);
  CHECK((fast.states[2] - closed_form(data, 0.2, 3)).norm() < 1e-8);

  flow.learning_rates.clear();
  flow.kind = "gradient_descent";
  flow.step = 1e-2;
  const Run descent = run_model(*model, flow, settings, {0, 0.01, 0.5});
  Vector w = data.initial;
  for (int k = 0; k < 50; ++k) {
    w -= 0.01 * (data.inputs.transpose() * (data.inputs * w - data.targets) + 0.2 * w);
    if (k == 0) CHECK((descent.states[1] - w).norm() < 1e-14);
  }
  CHECK((descent.states[2] - w).norm() < 1e-13);
}
