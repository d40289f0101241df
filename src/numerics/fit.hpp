#pragma once

#include "numerics/types.hpp"

namespace gradflow {

/// A fitted line y = intercept + slope x. Standard errors are those of the estimates when the
/// residuals are independent with one variance (in the weighted fit: variance proportional to
/// 1/weight), estimated from the residuals on `points` - 2 degrees of freedom; NaN for two points.
struct LineFit {
  double intercept = 0;
  double slope = 0;
  double intercept_error = 0;  ///< standard error
  double slope_error = 0;      ///< standard error
  double residual_sd = 0;      ///< sqrt(sum w r^2/(points - 2)), w = 1 in the unweighted fit
  Index points = 0;
};

/// A fitted power law y = prefactor * x^exponent: the line log y = log(prefactor) + exponent log x,
/// whose errors are in `line`.
struct PowerLaw {
  double prefactor = 0;
  double exponent = 0;
  LineFit line;
};

/// Ordinary least squares. Throws std::invalid_argument for fewer than two points, different
/// lengths, values that are not finite, or all x equal.
LineFit fit_line(ConstVectorRef x, ConstVectorRef y);

/// Weighted least squares: minimises sum w_i (y_i - a - b x_i)^2. Weights are positive and matter
/// up to a common factor, except in `residual_sd`. Throws as above, and for weights that are not
/// positive.
LineFit fit_line(ConstVectorRef x, ConstVectorRef y, ConstVectorRef weights);

/// Weighted least squares of values with known standard errors: weights 1/error^2, and standard
/// errors of the estimates that follow from these alone, of two points too. `residual_sd` is 1
/// where the line and the errors are right. Throws as above, and for errors that are not positive.
LineFit fit_line_with_errors(ConstVectorRef x, ConstVectorRef y, ConstVectorRef errors);

/// Least squares in log-log. Throws as `fit_line`, and for x or y that are not positive.
PowerLaw fit_power_law(ConstVectorRef x, ConstVectorRef y);

}  // namespace gradflow
