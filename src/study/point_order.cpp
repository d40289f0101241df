#include "study/point_order.hpp"

#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

struct Mean {
  double sum = 0;
  std::size_t count = 0;
  void add(double x) {
    sum += x;
    ++count;
  }
  double value() const { return count > 0 ? sum / static_cast<double>(count) : 0; }
};

}  // namespace

bool sort_long_first(const Config& config, const PointFiles& finished,
                     std::vector<std::size_t>& points) {
  constexpr double shortest = 1e-4;  // seconds: below, times say nothing
  const std::vector<StudyDimension>& dimensions = config.design().dimensions();
  const std::size_t length = config.bisection() != nullptr ? config.bisection()->longest() : 1;
  std::vector<std::vector<Mean>> means;
  std::vector<std::vector<double>> effects;  // logarithms, by dimension and place
  for (std::size_t a = 0; a < dimensions.size(); ++a) {
    means.emplace_back(dimensions[a].length);
    effects.push_back(config.log_lengths(a));
  }
  Mean all;
  for (const auto& [number, place] : finished.points()) {
    const std::size_t point = number / length;
    if (point >= config.points()) continue;
    const double time = std::log(std::max(place.seconds, shortest));
    all.add(time);
    const std::vector<std::size_t> index = config.design().places(point);
    for (std::size_t a = 0; a < dimensions.size(); ++a) means[a][index[a]].add(time);
  }
  for (std::size_t a = 0; a < dimensions.size(); ++a) {
    const bool measured = std::any_of(means[a].begin(), means[a].end(),
                                      [](const Mean& mean) { return mean.count > 0; });
    for (std::size_t i = 0; measured && i < effects[a].size(); ++i)
      if (means[a][i].count > 0) effects[a][i] = means[a][i].value() - all.value();
  }
  std::vector<double> expected(config.points(), 0);
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (const std::size_t k : points) {
    const std::vector<std::size_t> index = config.design().places(k);
    for (std::size_t a = 0; a < dimensions.size(); ++a) expected[k] += effects[a][index[a]];
    least = std::min(least, expected[k]);
    most = std::max(most, expected[k]);
  }
  if (!(most - least > std::log(2.0))) return false;
  std::stable_sort(points.begin(), points.end(),
                   [&](std::size_t a, std::size_t b) { return expected[a] > expected[b]; });
  return true;
}

}  // namespace gradflow
