#include "measure/two_phases.hpp"

#include <cmath>

#include "models/diagonal_linear_network.hpp"
#include "models/matrix_completion.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/fit.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

std::unique_ptr<Model> make(const ModelInfo& info,
                            const std::vector<std::pair<std::string, ParameterValue>>& values,
                            std::uint64_t seed = 0) {
  Parameters p(info.parameters);
  for (const auto& [name, value] : values) p.set(name, value);
  return info.make(p, seed);
}

FlowSettings flow(const std::string& kind, double lambda) {
  FlowSettings settings;
  settings.kind = kind;
  settings.weight_decay = lambda;
  return settings;
}

/// Slope of log(error) against log(lambda) for the slow phase and the composite.
struct Orders {
  double slow, composite, fast;
};

Orders orders(Model& model) {
  SolverSettings settings;
  settings.rtol = 1e-10;
  settings.atol = 1e-13;
  const PhaseWindows windows{20, 0.1, 2};
  const auto gradient = model.system(flow("gradient", 0)),
             slow = model.system(flow("riemannian", 0));
  const Vector start = model.initial_state(flow("gradient", 0));
  const PhaseReference reference = phase_reference(*gradient, *slow, start, settings, windows, {});
  Vector lambda(4), slow_error(4), composite(4), fast(4);
  lambda << 1e-3, 1e-4, 1e-5, 1e-6;
  for (Index k = 0; k < 4; ++k) {
    const auto decayed = model.system(flow("gradient", lambda[k]));
    const TwoPhaseErrors errors = two_phase_errors(*decayed, *gradient, *slow, start, lambda[k],
                                                   reference, windows, settings, {});
    slow_error[k] = errors.slow;
    composite[k] = errors.composite;
    fast[k] = errors.fast;
  }
  return {fit_power_law(lambda, slow_error).exponent, fit_power_law(lambda, composite).exponent,
          fit_power_law(lambda, fast).exponent};
}

}  // namespace

TEST_CASE("The slow phase is reached with order one in lambda") {
  for (const std::string kind : {"difference", "product"}) {
    CAPTURE(kind);
    const auto model = make(diagonal_linear_network(), {{"parametrisation", kind},
                                                        {"samples", std::int64_t{5}},
                                                        {"dimension", std::int64_t{10}},
                                                        {"initial_variance", 1.0}});
    const Orders found = orders(*model);
    CHECK(std::abs(found.slow - 1) < 0.02);       // the issue's own bound
    CHECK(std::abs(found.composite - 1) < 0.05);  // the next order is lambda^2 log(1/lambda)
    CHECK(std::abs(found.fast - 1) < 0.02);
  }
  const auto completion = make(matrix_completion(), {{"rows", std::int64_t{6}},
                                                     {"columns", std::int64_t{6}},
                                                     {"rank", std::int64_t{6}},
                                                     {"true_rank", std::int64_t{1}}});
  CHECK(std::abs(orders(*completion).slow - 1) < 0.02);
}

TEST_CASE("The slow flow of u^2 - v^2 agrees with its closed form") {
  // u_i^2 = u_i(0)^2 exp(-2 tau + 2 (X^T nu)_i), v_i^2 = v_i(0)^2 exp(-2 tau - 2 (X^T nu)_i), with
  // nu(tau) solving X (u^2 - v^2) = y: Newton on a convex dual problem, from the run's start.
  const Index n = 4, d = 9;
  Matrix inputs(n, d);
  Vector targets(n), initial(2 * d);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j)
      inputs(i, j) = std::sin(1.7 * static_cast<double>((i * d + j) * (i * d + j)) + 0.3);
    targets[i] = std::cos(2.1 * static_cast<double>(i));
  }
  for (Index i = 0; i < 2 * d; ++i) initial[i] = 0.8 + 0.5 * std::cos(3.3 * static_cast<double>(i));
  Parameters p(diagonal_linear_network().parameters);
  p.set_file("inputs", "inputs", inputs);
  p.set_file("targets", "targets", targets);
  p.set_file("initial", "initial", initial);
  const auto model = diagonal_linear_network().make(p, 0);

  SolverSettings settings;
  settings.rtol = 1e-11;
  settings.atol = 1e-14;
  const auto gradient = model->system(flow("gradient", 0)),
             slow = model->system(flow("riemannian", 0));
  const PhaseWindows windows{20, 0.01, 5};
  const PhaseReference reference =
      phase_reference(*gradient, *slow, initial, settings, windows, {});

  Vector nu = Vector::Zero(n);
  double worst = 0;
  for (std::size_t k = 0; k < reference.slow_times.size(); ++k) {
    const double tau = reference.slow_times[k];
    Vector u2(d), v2(d);
    for (int iteration = 0; iteration < 200; ++iteration) {
      const Vector z = inputs.transpose() * nu;
      u2 = initial.head(d).array().square() * (-2 * tau + 2 * z.array()).exp();
      v2 = initial.tail(d).array().square() * (-2 * tau - 2 * z.array()).exp();
      const Vector r = inputs * (u2 - v2) - targets;
      const Matrix slope = inputs * (2 * (u2 + v2)).asDiagonal() * inputs.transpose();
      Vector step = slope.partialPivLu().solve(r);
      const double limit = (inputs.transpose() * step).lpNorm<Eigen::Infinity>();
      if (limit > 1) step /= limit;  // damped: the exponentials are stiff far from the solution
      nu -= step;
      if (step.norm() < 1e-15 * (1 + nu.norm())) break;
    }
    const Vector state = reference.slow_states.col(static_cast<Index>(k));
    worst = std::max(worst, (state.head(d).array().square() - u2.array()).abs().maxCoeff());
    worst = std::max(worst, (state.tail(d).array().square() - v2.array()).abs().maxCoeff());
    const Vector product = state.head(d).cwiseProduct(state.tail(d)) * std::exp(2 * tau);
    CHECK((product - initial.head(d).cwiseProduct(initial.tail(d))).lpNorm<Eigen::Infinity>() <
          1e-8);
    CHECK((inputs * (state.head(d).cwiseAbs2() - state.tail(d).cwiseAbs2()) - targets).norm() <
          1e-10);
  }
  CHECK(worst < 1e-8);
}
