#include "bench/battery.hpp"

#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bench/problems.hpp"
#include "bench/solvers.hpp"
#include "flow/parameters.hpp"
#include "numerics/short_number.hpp"

namespace gradflow::bench {
namespace {

/// Tolerances tried, in errors asked: down to the first that has the error.
constexpr double ladder[] = {1e2, 1e1, 1, 1e-1, 1e-2, 1e-3};
constexpr double reference_rtol = 1e-4;  ///< in errors asked
constexpr double reference_cap = 120;    ///< processor seconds
constexpr double auto_cap = 120;
/// What is shorter is repeated, and never cut: the clock and the caches would decide.
constexpr double short_run = 0.02;
constexpr int repetitions = 5;
/// What is shorter than this is repeated once more, since the first run takes its memory from the
/// system.
constexpr double medium_run = 0.5;

/// \param decay 0: to t = 1e3, else to 10/decay
Problem problem_of(const std::string& model, const std::vector<Setting>& settings, double decay,
                   double end = 0) {
  if (end == 0) end = decay > 0 ? 10 / decay : 1e3;
  return make_problem(model, model, settings, decay, 1e-5 * std::min(end, 1e3), end);
}

Setting of(const char* key, std::int64_t value) {
  return {key, value};
}
Setting of(const char* key, double value) {
  return {key, value};
}
Setting of(const char* key, const char* value) {
  return {key, std::string(value)};
}
Setting of(const char* key, std::vector<double> values) {
  return {key, std::move(values)};
}
Setting of(const char* key, std::vector<std::int64_t> values) {
  return {key, std::move(values)};
}

using Make = std::function<Problem()>;

/// Made one at a time: the larger ones hold data.
std::vector<Make> problems() {
  std::vector<Make> all;
  const auto add = [&](const std::string& model, std::vector<Setting> settings, double decay,
                       double end = 0) {
    all.push_back([=] { return problem_of(model, settings, decay, end); });
  };
  add("linear_regression", {of("samples", 40L), of("dimension", 20L)}, 0);
  add("linear_regression", {of("samples", 100L), of("dimension", 200L)}, 1e-4);
  add("linear_regression", {of("samples", 500L), of("dimension", 1000L)}, 1e-6);

  add("diagonal_linear_network", {of("samples", 10L), of("dimension", 20L)}, 1e-2);
  add("diagonal_linear_network", {of("samples", 40L), of("dimension", 100L)}, 1e-4);
  add("diagonal_linear_network", {of("samples", 100L), of("dimension", 1000L)}, 1e-6);
  add("diagonal_linear_network", {of("samples", 300L), of("dimension", 200L)}, 1e-4);

  const auto completion_of = [&](std::int64_t rows, std::int64_t columns, std::int64_t rank,
                                 double observed, double decay, double end = 0) {
    add("matrix_completion",
        {of("rows", rows), of("columns", columns), of("rank", rank), of("true_rank", rank),
         of("observed", observed)},
        decay, end);
  };
  completion_of(10, 10, 2, 0.6, 1e-2);
  completion_of(20, 20, 10, 0.5, 1e-4);
  completion_of(40, 30, 3, 0.5, 1e-6);
  completion_of(200, 150, 3, 0.5, 0, 0.2);
  completion_of(100, 80, 3, 0.5, 1e-3);
  completion_of(40, 40, 10, 0.3, 1e-3, 1e5);

  const auto two_layer = [&](const char* activation, std::int64_t width, std::int64_t samples,
                             std::int64_t inputs, double decay) {
    add("two_layer_network",
        {of("activation", activation), of("width", width), of("samples", samples),
         of("input_dimension", inputs), of("output_scale", "sqrt")},
        decay);
  };
  two_layer("tanh", 20, 40, 1, 1e-2);
  two_layer("tanh", 200, 40, 1, 1e-5);
  two_layer("tanh", 100, 40, 10, 1e-6);
  two_layer("softplus", 50, 300, 5, 1e-3);
  two_layer("relu", 20, 10, 1, 1e-2);
  two_layer("relu", 100, 20, 1, 1e-3);

  const auto deep_linear_of = [&](std::int64_t depth, std::int64_t width,
                                  std::vector<double> target, double decay, double end = 0) {
    add("deep_linear_network",
        {of("depth", depth), of("width", width), of("target_singular_values", std::move(target)),
         of("initial_scale", 0.1)},
        decay, end);
  };
  deep_linear_of(3, 6, {3, 2, 1}, 1e-4);
  deep_linear_of(2, 20, {3, 2, 1, 0.5}, 1e-6);
  deep_linear_of(4, 10, {2, 1.5, 1}, 1e-3);
  {
    std::vector<double> large;
    for (int k = 0; k < 64; ++k) large.push_back(3.0 - k / 32.0);
    deep_linear_of(2, 32, large, 0, 10);
  }

  for (const auto& [modulus, width, decay] :
       {std::tuple{5L, 16L, 1e-2}, {7L, 32L, 1e-3}, {11L, 48L, 1e-3}})
    add("modular_addition",
        {of("modulus", modulus), of("width", width), of("train_fraction", 0.7),
         of("input_variance", 0.64), of("output_variance", 0.01)},
        decay);

  const auto perceptron = [&](std::vector<std::int64_t> widths, const char* loss,
                              std::int64_t samples, double decay) {
    add("multilayer_perceptron",
        {of("widths", std::move(widths)), of("loss", loss), of("samples", samples),
         of("activation", "tanh")},
        decay);
  };
  perceptron({2, 8, 8, 1}, "squared", 20, 1e-2);
  perceptron({5, 20, 20, 1}, "squared", 50, 1e-4);
  perceptron({5, 20, 3}, "cross_entropy", 60, 1e-3);
  perceptron({10, 32, 32, 5}, "squared", 100, 1e-3);

  const auto sensing = [&](std::int64_t rows, std::int64_t rank, std::int64_t measurements,
                           double decay) {
    add("matrix_sensing",
        {of("rows", rows), of("rank", rank), of("true_rank", 2L), of("measurements", measurements)},
        decay);
  };
  sensing(6, 3, 20, 1e-2);
  sensing(12, 6, 60, 1e-4);
  sensing(20, 20, 150, 1e-6);

  const std::vector<double> target{1, -1, 2.0 / 3, 0.3}, activation{0.4, 0.5, 0.3, 0.2};
  const auto single_index = [&](const char* model, std::int64_t width, double epsilon,
                                std::vector<Setting> more = {}) {
    more.insert(more.end(), {of("width", width), of("epsilon", epsilon),
                             of("target_hermite", target), of("activation_hermite", activation)});
    add(model, more, 0, 1);
  };
  single_index("single_index_mean_field", 50, 1e-1);
  single_index("single_index_mean_field", 1000, 1e-2);
  single_index("single_index_mean_field", 1000, 1e-4);
  single_index("single_index_mean_field", 200, 1e-6);
  const std::vector<Setting> ten{of("dimension", 10L)}, hundred{of("dimension", 100L)};
  single_index("single_index_overlaps", 5, 1e-1, hundred);
  single_index("single_index_overlaps", 20, 1e-2, hundred);
  single_index("single_index_overlaps", 20, 1e-4, hundred);
  single_index("single_index_network", 5, 1e-1, ten);
  single_index("single_index_network", 20, 1e-2, ten);
  single_index("single_index_network", 20, 1e-4, hundred);

  for (const char* potential : {"squared_norm", "hyperbolic_entropy", "cosh"})
    add("separable_classification",
        {{"potential", std::vector<std::string>{potential}},
         of("samples", 40L),
         of("dimension", potential == std::string("cosh") ? 20L : 2L)},
        0, 1e4);
  return all;
}

/// Processor seconds of a run at this tolerance, the least of a few where it is short.
Run timed(const Problem& problem, const std::string& solver, double rtol, double cap) {
  Run best = solve(problem, solver, rtol, cap);
  for (int k = 1;
       k < repetitions && best.finished && best.seconds < (k == 1 ? medium_run : short_run); ++k) {
    const Run again = solve(problem, solver, rtol, cap);
    best.seconds = std::min(best.seconds, again.seconds);
  }
  return best;
}

struct Measured {
  double seconds = std::numeric_limits<double>::infinity();  ///< to the error asked
  double rtol = 0;                                           ///< that first had it
  std::string note;
};

Measured measure(const Problem& problem, const std::string& solver,
                 const std::vector<Vector>& reference, double error_asked, double cap) {
  Measured result;
  double error_before = 0, seconds_before = 0;
  for (const double step : ladder) {
    const double rtol = step * error_asked;
    const Run run = timed(problem, solver, rtol, cap);
    result.note = run.note;
    if (!run.finished) return result;
    const double error = largest_error(problem, run, reference);
    if (error <= error_asked) {
      result.rtol = rtol;
      result.seconds = run.seconds;
      if (seconds_before > 0 && error > 0) {
        const double share = std::log(error_before / error_asked) / std::log(error_before / error);
        result.seconds = seconds_before * std::pow(run.seconds / seconds_before, share);
      }
      return result;
    }
    error_before = error;
    seconds_before = run.seconds;
  }
  return result;
}

const std::vector<std::string>& pairs() {
  static const std::vector<std::string> all{"cvode+dense",
                                            "cvode+structured",
                                            "cvode+gauss_newton",
                                            "cvode+krylov",
                                            "rodas+dense",
                                            "rodas+structured",
                                            "rodas+gauss_newton",
                                            "rodas+krylov",
                                            "cvode_adams",
                                            "method:dopri5",
                                            "rock4",
                                            "method:rosenbrock4"};
  return all;
}

}  // namespace

void measure_battery(std::ostream& out, double error, bool quick, Shard shard) {
  // Memory that is given back is taken again in every run, page by page.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  out << "| problem | p | auto | seconds | best of all pairs | seconds | ratio |\n"
         "|---|--:|---|--:|---|--:|--:|\n";
  std::set<std::string> seen;
  int number = 0;
  for (const Make& make : problems()) {
    if (number++ % shard.count != shard.index - 1) continue;
    const Problem problem = make();
    if (quick && !seen.insert(problem.name).second) continue;
    out << "| " << problem.setting << " | " << problem.start.size() << " | " << std::flush;
    const Run reference = solve(problem, "auto", reference_rtol * error, reference_cap);
    if (!reference.finished) {
      out << "no reference: " << reference.note << " ||||| |" << std::endl;
      continue;
    }
    const Measured ours = measure(problem, "auto", reference.states, error, auto_cap);
    double best = ours.seconds;
    std::string best_solver = "auto";
    for (const std::string& solver : pairs()) {
      try {
        const double cap =
            std::max(std::isfinite(ours.seconds) ? ours.seconds : auto_cap, short_run);
        const Measured other = measure(problem, solver, reference.states, error, cap);
        if (other.seconds < best) best = other.seconds, best_solver = solver;
      } catch (const ParameterError&) {  // a matrix that the problem does not offer
      }
    }
    out << ours.note << " | " << short_number(ours.seconds, 3) << " | " << best_solver << " | "
        << short_number(best, 3) << " | " << short_number(ours.seconds / best, 3) << " |"
        << std::endl;
  }
}

}  // namespace gradflow::bench
