#include "solve/tolerances.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradflow {

double root_mean_square(ConstVectorRef y) {
  return std::sqrt(y.squaredNorm() / static_cast<double>(std::max<Index>(1, y.size())));
}

double hidden_deviation(ConstVectorRef y0) {
  double smallest = std::numeric_limits<double>::infinity();
  for (Index i = 0; i < y0.size(); ++i)
    if (y0[i] != 0) smallest = std::min(smallest, std::abs(y0[i]));
  return smallest < 1e-8 * root_mean_square(y0) ? smallest : 0;
}

SolverSettings no_looser_than(SolverSettings settings, double rtol, double atol) {
  settings.rtol = std::min(settings.rtol, rtol);
  settings.atol = std::min(settings.atol, atol);
  return settings;
}

SolverSettings with_tolerances_times(SolverSettings settings, double factor) {
  settings.rtol *= factor;
  settings.atol *= factor;
  return settings;
}

SolverSettings tightened_to_size(SolverSettings settings, ConstVectorRef y0) {
  const double rms = root_mean_square(y0);
  if (rms > 0) settings.atol = std::min(settings.atol, 1e-6 * rms);
  return settings;
}

}  // namespace gradflow
