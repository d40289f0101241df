#include "measure/grokking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/short_number.hpp"
#include "numerics/types.hpp"

namespace gradflow {

GrokkingTimes grokking_times(const std::vector<double>& times,
                             const std::vector<double>& train_error,
                             const std::vector<double>& test_error, double threshold,
                             double latest) {
  GrokkingTimes found;
  found.fit = found.plateau = found.plateau_error = found.grok = nan;
  const auto without = [&](const std::string& why) {
    found.missing = why;
    return found;
  };
  const std::size_t n = times.size();
  if (n < 3) return without("there are too few samples");
  const double fitted = threshold * train_error[0];
  std::size_t fit = 0;
  while (fit < n && !(train_error[fit] <= fitted)) ++fit;
  if (fit >= n)
    return without("the training error does not fall to measure.fit_threshold = " +
                   short_number(threshold) + " of its start");
  found.fit = times[fit];

  double least = std::numeric_limits<double>::infinity();
  std::size_t plateau = n;
  const double window = std::pow(10.0, 1.0 / 3);
  for (std::size_t i = std::max<std::size_t>(fit, 1); i < n && times[i] <= latest; ++i) {
    std::size_t j = i;
    while (j + 1 < n && times[j] < window * times[i]) ++j;
    const double change = std::abs(test_error[j] - test_error[i]) / std::log(times[j] / times[i]);
    if (j > i && change < least) {
      least = change;
      plateau = i;
    }
  }
  if (plateau >= n)
    return without("the training error is fitted only when the slow phase has begun (0.1/lambda)");
  const auto half_decade_end = [&](std::size_t i) {
    std::size_t j = i;
    while (j + 1 < n && times[j] < std::sqrt(10.0) * times[i]) ++j;
    return j;
  };
  const double level = test_error[plateau], end = test_error[n - 1];
  const auto [lowest, highest] = std::minmax_element(
      test_error.begin() + static_cast<std::ptrdiff_t>(plateau),
      test_error.begin() + static_cast<std::ptrdiff_t>(half_decade_end(plateau)) + 1);
  if (!(*highest - *lowest <= 0.2 * level)) {
    found.falls_without_plateau = end < 0.5 * level;
    return without(found.falls_without_plateau
                       ? "the test error falls by degrees, without a plateau"
                       : "the test error has no plateau after the fit");
  }
  if (!(train_error[plateau] <= fitted))
    return without("where the test error stays, the training error is not fitted any more");
  if (!(level > threshold * test_error[0]))
    return without("the test error is fitted with the training error");
  found.plateau = times[plateau];
  found.plateau_error = level;
  const double half = 0.5 * (level + end);
  // Only a fall is grokking; the last crossing, so that wiggles before it do not count.
  if (!(end < 0.5 * level))
    return without("the test error does not fall to half of its plateau by the end");
  double fall = nan;
  for (std::size_t i = n - 1; i > plateau && std::isnan(fall); --i)
    if (test_error[i - 1] > half && test_error[i] <= half) {
      const double s = (test_error[i - 1] - half) / (test_error[i - 1] - test_error[i]);
      fall = times[i - 1] * std::pow(times[i] / times[i - 1], s);
    }
  if (fall < 0.1 * latest)
    return without("the test error falls at t = " + short_number(fall, 3) +
                   ", long before 1/lambda: weight decay has no part in it");
  found.grok = fall;
  return found;
}

}  // namespace gradflow
