#pragma once

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "numerics/decompositions.hpp"

namespace gradflow::test {

/// t = c epsilon^p as a straight line in logarithms, after what theory has besides the power.
struct TimeScale {
  double exponent = 0;
  double exponent_error = 0;  ///< half width of a 95 % interval, see `fit_time_scale`
  double constant = 0;        ///< c
};

/// What to take out before the fit.
struct TimeScaleTheory {
  /// t = c epsilon^p log(A/sqrt(epsilon)) where A > 0: the logarithm is divided out.
  double log_prefactor = 0;
  /// t = c epsilon^p (1 + b epsilon^q) where q > 0: log t is fitted with a term epsilon^q.
  double correction_exponent = 0;
};

/// Fits c and p to (epsilon, t). The times of one flow scatter by rounding only, so that what
/// limits the exponent is the drift of its local value as epsilon falls: the error is that of the
/// regression (Student's t, 95 %) plus the change of the fit when the larger half of the epsilons
/// is left out. Pairs that are not finite and positive are left out. All NaN with fewer pairs than
/// parameters + 1.
inline TimeScale fit_time_scale(std::span<const double> epsilon, std::span<const double> t,
                                const TimeScaleTheory& theory = {}) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::pair<double, double>> points;  // logarithms
  for (std::size_t i = 0; i < std::min(epsilon.size(), t.size()); ++i) {
    if (!(epsilon[i] > 0) || !(t[i] > 0) || !std::isfinite(t[i])) continue;
    double value = t[i];
    if (theory.log_prefactor > 0)
      value /= std::log(theory.log_prefactor) - 0.5 * std::log(epsilon[i]);
    if (value > 0) points.emplace_back(std::log(epsilon[i]), std::log(value));
  }
  const auto count = static_cast<Index>(points.size());
  const bool corrected = theory.correction_exponent > 0;
  const Index parameters = corrected ? 3 : 2;
  if (count < parameters + 1) return {nan, nan, nan};
  // By falling epsilon, so that the smaller half is the tail.
  std::sort(points.begin(), points.end(), std::greater<>());
  struct Fit {
    double constant, exponent, error;
  };
  const auto fit = [&](Index first) -> Fit {
    const Index rows = count - first;
    Matrix design(rows, parameters);
    Vector target(rows);
    for (Index i = 0; i < rows; ++i) {
      const auto [x, y] = points[static_cast<std::size_t>(first + i)];
      design(i, 0) = 1;
      design(i, 1) = x;
      if (corrected) design(i, 2) = std::exp(theory.correction_exponent * x);
      target[i] = y;
    }
    const Vector c = Eigen::ColPivHouseholderQR<Matrix>(design).solve(target);
    const double freedom = static_cast<double>(rows - parameters);
    const double variance = (target - design * c).squaredNorm() / freedom;
    const double inverse = (design.transpose() * design).inverse()(1, 1);
    const double quantile =
        boost::math::quantile(boost::math::students_t_distribution<double>(freedom), 0.975);
    return {c[0], c[1], quantile * std::sqrt(std::max(variance * inverse, 0.0))};
  };
  const Fit all = fit(0);
  TimeScale scale{all.exponent, all.error, std::exp(all.constant)};
  if (count - count / 2 >= parameters + 1)
    scale.exponent_error += std::abs(fit(count / 2).exponent - all.exponent);
  return scale;
}

}  // namespace gradflow::test
