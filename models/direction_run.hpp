#pragma once

#include <limits>
#include <vector>

#include "numerics/fit.hpp"
#include "numerics/types.hpp"

/// What a run towards a direction at infinity shows of it: functions of the samples alone.
namespace gradflow {

/// Within so many radians of its prediction a direction counts as settled.
constexpr double settled_angle = 1e-3;

/// Angle between two vectors, in radians.
double angle_between(ConstVectorRef a, ConstVectorRef b);
/// The samples whose weight is more than a share of the largest.
std::vector<Index> heavy_samples(ConstVectorRef weights, double share);

/// The samples of a run, an entry or (direction) d entries a time.
struct DirectionSamples {
  const std::vector<double>& time;
  const std::vector<double>& angle;  ///< to the predicted direction; NaN without one
  const std::vector<double>& log10_time;
  const std::vector<double>& log10_loss;
  const std::vector<double>& norm;       ///< |beta|
  const std::vector<double>& direction;  ///< unit vectors, row by row
};

struct SettledTime {
  double time = std::numeric_limits<double>::quiet_NaN();
  double log10_time = std::numeric_limits<double>::quiet_NaN();
};
/// Where the angle passes `settled_angle` for the last time, as a power of log t between samples;
/// NaN where it does not. `accelerated`: times are log10(1 + s), interpolated in themselves.
SettledTime settled_time(const DirectionSamples& run, bool accelerated);

/// Slope of log angle against log log t in the last third; NaN of fewer than ten samples. Angles
/// below `floor` are left out. `slope_error` is the larger of the standard error and the change in
/// the later half: the points have no noise but a trend of their own.
LineFit angle_law(const DirectionSamples& run, double floor);
/// The same of log L against log t, in the last half.
LineFit loss_law(const DirectionSamples& run);

struct ExtrapolatedDirection {
  Vector direction;                                         ///< NaN where there is none
  double error = std::numeric_limits<double>::quiet_NaN();  ///< radians
};
/// The limit of the direction from its values at sizes |beta|, |beta|/F, ... of the run.
ExtrapolatedDirection extrapolate_direction(const DirectionSamples& run, Index d);
/// The same with what the margins y_i x_i (n, d) say of it: points that share the gradient have
/// equal margins in the limit. `weights` are the shares of the samples in the gradient and `last`
/// the direction at the end.
ExtrapolatedDirection extrapolate_direction(const DirectionSamples& run, const Matrix& margins,
                                            ConstVectorRef weights, const Vector& last);

}  // namespace gradflow
