#include "bench/condition.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/problems.hpp"
#include "bench/solvers.hpp"

namespace gradflow::bench {
namespace {

constexpr double rtol = 1e-6;
constexpr double longest = 4;  ///< processor seconds for one row

std::vector<Problem> problems() {
  std::vector<Problem> all;
  all.push_back(completion(1e-3, 1e5));
  all.push_back(diagonal(1e-4, 3e5));
  all.push_back(tanh_network(200, 40, 1e-5));
  all.push_back(mean_field(100, 1e-4));
  for (const double epsilon : {1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12})
    all.push_back(mean_field(1000, epsilon));
  all.push_back(deep_linear());
  all.push_back(relu_network(200, 20, 1e-3, 1e4));
  return all;
}

double lower_quartile(std::vector<double> values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 4);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

void measure_condition(std::ostream& out, int repeat) {
  // Memory that is given back is taken again in every run, page by page, as often as what ran
  // before has left the heap: the differences would be those.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  out << "| problem | solver | steps | without, ms | with, ms | ratio "
         "|\n|---|---|--:|--:|--:|--:|\n";
  for (const Problem& problem : problems()) {
    for (const std::string solver : {"auto", "cvode", "rodas"}) {
      std::vector<double> seconds[2];
      Run run;
      // In turns, so that both meet the same machine.
      double total = 0;
      while (static_cast<int>(seconds[1].size()) < repeat && total < longest)
        for (const bool with : {false, true}) {
          run = solve(problem, solver + (with ? "" : without_condition), rtol, HUGE_VAL);
          if (!run.finished) throw std::runtime_error(problem.name + ": " + run.note);
          seconds[with].push_back(run.seconds);
          total += run.seconds;
        }
      const double without = lower_quartile(seconds[0]), with = lower_quartile(seconds[1]);
      char numbers[80];
      std::snprintf(numbers, sizeof numbers, "%.3g | %.3g | %.2f |", 1e3 * without, 1e3 * with,
                    with / without);
      out << "| " << problem.name << " | " << solver << " | " << run.steps << " | " << numbers
          << '\n';
    }
  }
}

}  // namespace gradflow::bench
