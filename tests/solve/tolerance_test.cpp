#include <cmath>

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

using Setting = std::pair<std::string, ParameterValue>;

struct Case {
  std::string model;
  std::vector<Setting> parameters;
  double weight_decay;
  double first, end;
  std::string reference;  ///< a method other than the default one
};

std::vector<Case> smooth_models() {
  return {
      {"linear_regression",
       {{"samples", std::int64_t{8}}, {"dimension", std::int64_t{5}}},
       1e-2,
       1e-2,
       1e3,
       "rodas"},
      {"diagonal_linear_network", {}, 1e-3, 1e-2, 1e4, "rodas"},
      {"matrix_completion", {}, 1e-2, 1e-2, 1e3, "rodas"},
      {"two_layer_network",
       {{"width", std::int64_t{10}}, {"activation", std::string("tanh")}},
       1e-3,
       1e-2,
       1e4,
       "rodas"},
      {"deep_linear_network", {{"width", std::int64_t{3}}}, 1e-3, 1e-2, 1e4, "rodas"},
      {"single_index_mean_field",
       {{"width", std::int64_t{50}}, {"epsilon", 1e-3}},
       0,
       1e-5,
       1,
       "cvode"},
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

}  // namespace

TEST_CASE("The error follows the tolerance, for the default method of each smooth model") {
  for (const Case& c : smooth_models()) {
    FlowSettings flow;
    flow.weight_decay = c.weight_decay;
    const auto times = log_times(c.first, c.end, 40);
    const auto solve = [&](const std::string& method, double rtol) {
      const auto model = make_model(c.model, c.parameters);
      SolverSettings settings;
      settings.method = method;
      settings.rtol = rtol;
      settings.atol = 1e-2 * rtol;
      return run_model(*model, flow, settings, times);
    };
    const Run reference = solve(c.reference, 1e-11);
    std::vector<double> errors;
    std::string shown;
    for (const double rtol : {1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9}) {
      errors.push_back(error_of(solve("auto", rtol), reference));
      shown += " " + std::to_string(std::log10(errors.back()));
    }
    INFO(c.model << ": log10 of the errors" << shown);
    CHECK(errors.back() <= errors.front() * std::pow(5.0, -5));
    for (std::size_t k = 1; k < errors.size(); ++k) CHECK(errors[k] <= errors[k - 1]);
  }
}
