#include <cmath>

#include "solve/spectral_radius.hpp"
#include "solve/stationary_point.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

using Setting = std::pair<std::string, ParameterValue>;

struct Case {
  std::string name;  ///< the model, and what tells it from others of the same
  std::string model;
  std::vector<Setting> parameters;
  FlowSettings flow;
  double first, end;
  std::string method;     ///< that "auto" takes
  std::string reference;  ///< another one
  /// That it takes first, where the flow is not stiff or a Newton matrix next to nothing; without a
  /// condition not at tight tolerances.
  std::string mild = {};
};

FlowSettings decay(double lambda) {
  FlowSettings flow;
  flow.weight_decay = lambda;
  return flow;
}

FlowSettings of_kind(const std::string& kind, double lambda = 0) {
  FlowSettings flow = decay(lambda);
  flow.kind = kind;
  return flow;
}

std::vector<Case> smooth_models() {
  const auto size = [](std::int64_t n) { return ParameterValue(n); };
  // Activation and target of four Hermite modes, as in bench/problems.cpp.
  const auto single_index = [&](std::int64_t width, double epsilon,
                                std::vector<Setting> more = {}) {
    more.insert(more.end(), {{"width", size(width)},
                             {"epsilon", epsilon},
                             {"target_hermite", std::vector<double>{1, -1, 2.0 / 3, 0.3}},
                             {"activation_hermite", std::vector<double>{0.4, 0.5, 0.3, 0.2}}});
    return more;
  };
  FlowSettings accelerated = of_kind("mirror");
  accelerated.accelerated = true;
  return {
      {"linear regression",
       "linear_regression",
       {{"samples", size(8)}, {"dimension", size(5)}},
       decay(1e-2),
       1e-2,
       1e3,
       "rodas",
       "cvode"},
      {"linear regression, heavy ball",
       "linear_regression",
       {{"samples", size(8)}, {"dimension", size(5)}},
       of_kind("heavy_ball", 1e-2),
       1e-2,
       1e3,
       "cvode",
       "rodas",
       "rodas"},
      {"diagonal network",
       "diagonal_linear_network",
       {},
       decay(1e-3),
       1e-2,
       1e4,
       "cvode",
       "cvode_adams",
       "rodas"},
      {"diagonal network, heavy ball",
       "diagonal_linear_network",
       {},
       of_kind("heavy_ball", 1e-3),
       1e-2,
       1e4,
       "cvode",
       "rodas",
       "rodas"},
      {"diagonal network, Riemannian flow",
       "diagonal_linear_network",
       {},
       of_kind("riemannian"),
       1e-2,
       5,
       "dopri5",
       "cvode_adams"},
      {"completion", "matrix_completion", {}, decay(1e-2), 1e-2, 1e3, "cvode", "rodas", "rock4"},
      {"sensing",
       "matrix_sensing",
       {{"rows", size(5)}, {"columns", size(5)}, {"rank", size(3)}, {"measurements", size(15)}},
       decay(1e-2),
       1e-2,
       1e3,
       "cvode",
       "rodas"},
      {"two layers",
       "two_layer_network",
       {{"width", size(10)}, {"activation", std::string("tanh")}},
       decay(1e-3),
       1e-2,
       1e4,
       "cvode",
       "rodas"},
      {"perceptron",
       "multilayer_perceptron",
       {{"widths", std::vector<std::int64_t>{2, 6, 6, 1}}, {"samples", size(20)}},
       decay(1e-3),
       1e-2,
       1e4,
       "cvode",
       "rodas"},
      {"modular addition",
       "modular_addition",
       {{"modulus", size(3)}, {"width", size(8)}},
       decay(1e-3),
       1e-2,
       1e4,
       "cvode",
       "rodas"},
      {"deep linear network",
       "deep_linear_network",
       {{"width", size(3)}},
       decay(1e-3),
       1e-2,
       1e4,
       "cvode",
       "rodas",
       "rodas"},
      {"separable data, mirror flow in accelerated time",
       "separable_classification",
       {},
       accelerated,
       1e-2,
       6,
       "cvode",
       "rodas",
       "rodas"},
      {"separable data, mirror flow",
       "separable_classification",
       {},
       of_kind("mirror"),
       1e-3,
       1e6,
       "cvode",
       "rodas",
       "rodas"},
      {"mean field",
       "single_index_mean_field",
       {{"width", size(50)}, {"epsilon", 1e-3}},
       {},
       1e-5,
       1,
       "rodas",
       "cvode",
       "dopri5"},
      {"mean field, epsilon = 1e-4",
       "single_index_mean_field",
       single_index(1000, 1e-4),
       {},
       1e-6,
       1,
       "rodas",
       "cvode"},
      {"mean field, epsilon = 1e-9",
       "single_index_mean_field",
       single_index(1000, 1e-9),
       {},
       1e-11,
       1,
       "cvode",
       "rodas"},
      {"single-index network",
       "single_index_network",
       single_index(5, 1e-2, {{"dimension", size(8)}}),
       {},
       1e-4,
       10,
       "cvode",
       "rodas",
       "dopri5"},
      {"overlaps",
       "single_index_overlaps",
       single_index(5, 1e-2, {{"dimension", size(8)}}),
       {},
       1e-4,
       10,
       "cvode",
       "rodas",
       "dopri5"},
  };
}

/// The largest error over the run, beside the largest state.
double error_of(const Run& run, const Run& reference) {
  double error = 0, size = 0;
  for (std::size_t k = 0; k < run.states.size(); ++k) {
    error = std::max(error, (run.states[k] - reference.states[k]).norm());
    size = std::max(size, reference.states[k].norm());
  }
  return error / size;
}

/// The model's; of the Riemannian flow, which lives on the minimisers, where the gradient flow
/// from there ends.
Vector start_of(const Case& c) {
  const auto model = make_model(c.model, c.parameters);
  Vector start = model->initial_state(c.flow);
  if (c.flow.kind != "riemannian") return start;
  SolverSettings tight;
  tight.rtol = 1e-10;
  tight.atol = 1e-13;
  start = flow_limit(*model->system({}), tight, start).y;
  model->system(c.flow)->correct(0, start);
  return start;
}

}  // namespace

namespace {

/// What a run of `c` with `method` makes of a relative tolerance.
class ErrorOf {
 public:
  ErrorOf(const Case& c, std::string method, const std::string& reference)
      : case_(c),
        method_(std::move(method)),
        start_(start_of(c)),
        reference_(solve(reference, 1e-11)) {}
  double operator()(double rtol) { return error_of(solve(method_, rtol), reference_); }
  /// That the last run took, in a word.
  std::string used() const { return used_; }

 private:
  Run solve(const std::string& asked, double rtol) {
    const auto model = make_model(case_.model, case_.parameters);
    SolverSettings settings;
    settings.method = asked;
    settings.rtol = rtol;
    settings.atol = 1e-2 * rtol;
    Run run = run_from(start_, *model, case_.flow, settings, log_times(case_.first, case_.end, 40),
                       false);
    used_ = run.outcome.method.substr(0, run.outcome.method.find(' '));
    return run;
  }

  const Case& case_;
  std::string method_, used_;
  Vector start_;
  Run reference_;
};

/// Checks that a tenth of the tolerance gives less than a fifth of the error, over all of them, and
/// that no tolerance gives more error than the one before, unless it is below `negligible` of it.
void check_follows(ErrorOf& error, const std::vector<double>& tolerances, double negligible = 0) {
  std::vector<double> errors;
  std::string shown;
  for (const double rtol : tolerances) {
    errors.push_back(error(rtol));
    shown += " " + std::to_string(std::log10(errors.back()));
  }
  INFO("log10 of the errors" << shown);
  CHECK(errors.back() <=
        errors.front() * std::pow(tolerances.back() / tolerances.front(), std::log10(5.0)));
  for (std::size_t k = 1; k < errors.size(); ++k)
    CHECK((errors[k] <= errors[k - 1] || errors[k] < negligible * tolerances[k]));
}

}  // namespace

TEST_CASE("Where right-hand sides are smooth, the classical method of order 4 is of that order") {
  // A kink on the way, such as at the manifold that a flow keeps to, is seen in the order of every
  // one-step method and in nothing else.
  std::vector<Case> all = smooth_models();
  const auto add = [&](const std::string& name, const std::string& model,
                       std::vector<Setting> parameters, FlowSettings flow) {
    all.push_back({name, model, std::move(parameters), std::move(flow), 1e-2, 1e3, {}, {}});
  };
  for (const char* activation : {"softplus", "gelu", "erf", "sigmoid"})
    add(std::string("two layers, ") + activation, "two_layer_network",
        {{"width", std::int64_t{10}}, {"activation", std::string(activation)}}, decay(1e-3));
  for (const char* activation : {"erf", "gelu", "quadratic"})
    add(std::string("single-index network, ") + activation, "single_index_network",
        {{"width", std::int64_t{5}},
         {"dimension", std::int64_t{8}},
         {"epsilon", 1e-2},
         {"target_hermite", std::vector<double>{1, -1, 2.0 / 3}},
         {"activation", std::string(activation)}},
        {});
  for (const char* potential : {"hyperbolic_entropy", "cosh"})
    add(std::string("separable data, ") + potential, "separable_classification",
        {{"potential", std::vector<std::string>{potential}}}, of_kind("mirror"));
  for (const Case& c : all) {
    INFO(c.name);
    const auto model = make_model(c.model, c.parameters);
    const auto system = model->system(c.flow);
    const Vector start = start_of(c);
    const Index p = start.size();
    const double h = std::min(1 / SpectralRadius(*system).estimate(0, start), c.end / 200);
    const auto after = [&](int steps) {
      Vector y = start, k1(p), k2(p), k3(p), k4(p);
      const double step = 8 * h / steps;
      for (int k = 0; k < steps; ++k) {
        const double t = k * step;
        system->rhs(t, y, k1);
        system->rhs(t + step / 2, y + step / 2 * k1, k2);
        system->rhs(t + step / 2, y + step / 2 * k2, k3);
        system->rhs(t + step, y + step * k3, k4);
        y += step / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
      }
      return y;
    };
    const Vector once = after(16), twice = after(32), four_times = after(64);
    const double ratio = (once - twice).norm() / (twice - four_times).norm();
    INFO("ratio of differences " << ratio);
    // 16, and what the next order adds at half a time scale a step.
    CHECK(ratio > 11);
    CHECK(ratio < 23);
  }
}

TEST_CASE("The error follows the tolerance, for the default method of each smooth model") {
  for (const Case& c : smooth_models()) {
    INFO(c.name);
    ErrorOf error(c, c.mild.empty() ? "auto" : c.method, c.reference);
    check_follows(error, {1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9});
    CHECK(error.used() == c.method);
  }
}

TEST_CASE("Where auto begins with another method, its error is not that of a looser tolerance") {
  int mild = 0;
  for (const Case& c : smooth_models()) {
    if (c.mild.empty()) continue;
    ++mild;
    INFO(c.name);
    ErrorOf error(c, "auto", c.reference), other(c, c.method, c.reference);
    const bool follows_condition =
        make_model(c.model, c.parameters)->system(c.flow)->has_condition();
    for (const double rtol : {1e-4, 1e-5, 1e-6, 1e-7, 1e-9}) {
      INFO("rtol " << rtol);
      const double found = error(rtol);
      CHECK(error.used() == (rtol < 1e-7 && !follows_condition ? c.method : c.mild));
      CHECK(found <= std::max(rtol, 10 * other(rtol)));
    }
  }
  CHECK(mild > 8);
}

TEST_CASE("The error of rock4 follows the tolerance on every smooth model it can follow") {
  for (const Case& c : smooth_models()) {
    if (c.name == "mean field, epsilon = 1e-9") continue;  // 10^9 times stiffer than its flow
    INFO(c.name);
    ErrorOf error(c, "rock4", c.method);
    check_follows(error, {1e-4, 1e-6, 1e-8}, 0.1);
    CHECK(error.used() == "rock4");
  }
}
