#include "numerics/fit.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

namespace gradflow {

namespace {

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

/// `known_sd`: of a value of weight 1; estimated from the residuals without it.
LineFit weighted_line(ConstVectorRef x, ConstVectorRef y, ConstVectorRef weights,
                      std::optional<double> known_sd) {
  const Index n = x.size();
  require(n >= 2, "a line fit needs at least two points");
  require(y.size() == n && weights.size() == n, "a line fit needs vectors of one length");
  require(x.allFinite() && y.allFinite() && weights.allFinite(), "a line fit needs finite values");
  require(weights.minCoeff() > 0, "the weights of a line fit must be positive");
  require(x.maxCoeff() > x.minCoeff(), "a line fit needs two different x");

  // About the weighted means: sums of products of raw values would cancel.
  const double total = weights.sum();
  const double x_mean = weights.dot(x) / total;
  const double y_mean = weights.dot(y) / total;
  const Vector dx = x.array() - x_mean;
  const Vector dy = y.array() - y_mean;
  const double sxx = (weights.array() * dx.array().square()).sum();
  const double sxy = (weights.array() * dx.array() * dy.array()).sum();

  LineFit fit;
  fit.points = n;
  fit.slope = sxy / sxx;
  fit.intercept = y_mean - fit.slope * x_mean;
  const double squares = (weights.array() * (dy - fit.slope * dx).array().square()).sum();
  fit.residual_sd = n > 2 ? std::sqrt(squares / static_cast<double>(n - 2))
                          : std::numeric_limits<double>::quiet_NaN();
  const double sd = known_sd.value_or(fit.residual_sd);
  fit.slope_error = sd / std::sqrt(sxx);
  fit.intercept_error = sd * std::sqrt(1 / total + x_mean * x_mean / sxx);
  return fit;
}

}  // namespace

LineFit fit_line(ConstVectorRef x, ConstVectorRef y) {
  return fit_line(x, y, Vector::Ones(x.size()));
}

LineFit fit_line(ConstVectorRef x, ConstVectorRef y, ConstVectorRef weights) {
  return weighted_line(x, y, weights, std::nullopt);
}

LineFit fit_line_with_errors(ConstVectorRef x, ConstVectorRef y, ConstVectorRef errors) {
  require(errors.size() > 0 && errors.minCoeff() > 0, "the errors of a line fit must be positive");
  return weighted_line(x, y, errors.array().square().inverse().matrix(), 1.0);
}

PowerLaw fit_power_law(ConstVectorRef x, ConstVectorRef y) {
  require((x.array() > 0).all() && (y.array() > 0).all(), "a power law needs positive x and y");
  PowerLaw law;
  law.line = fit_line(x.array().log().matrix(), y.array().log().matrix());
  law.exponent = law.line.slope;
  law.prefactor = std::exp(law.line.intercept);
  return law;
}

}  // namespace gradflow
