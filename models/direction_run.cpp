#include "models/direction_run.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "numerics/types.hpp"

namespace gradflow {
namespace {

using std::numbers::ln10;

constexpr LineFit no_line{nan, nan, nan, nan, nan, 0};

/// The line through the points, whose error is the larger of its standard error and its change in
/// the later half. In units of the last values, whose squares may overflow.
LineFit trend(std::vector<double> a, std::vector<double> b) {
  if (a.size() < 10) return no_line;
  const double unit_a = a.back(), unit_b = b.back();
  for (double& value : a) value /= unit_a;
  for (double& value : b) value /= unit_b;
  const auto from = [&](std::size_t first) {
    const auto points = static_cast<Index>(a.size() - first);
    return fit_line(Eigen::Map<const Vector>(a.data() + first, points),
                    Eigen::Map<const Vector>(b.data() + first, points));
  };
  LineFit line = from(0);
  line.slope_error = std::max(line.slope_error, std::abs(from(a.size() / 2).slope - line.slope));
  line.slope *= unit_b / unit_a;
  line.slope_error *= std::abs(unit_b / unit_a);
  return line;
}

}  // namespace

double angle_between(ConstVectorRef a, ConstVectorRef b) {
  return 2 * std::asin(std::min(1.0, 0.5 * (a - b).norm()));
}

std::vector<Index> heavy_samples(ConstVectorRef weights, double share) {
  std::vector<Index> all;
  for (Index i = 0; i < weights.size(); ++i)
    if (weights[i] > share * weights.maxCoeff()) all.push_back(i);
  return all;
}

SettledTime settled_time(const DirectionSamples& run, bool accelerated) {
  SettledTime out;
  const std::vector<double>&angles = run.angle, &log_time = run.log10_time;
  std::size_t k = angles.size();
  while (k > 0 && angles[k - 1] <= settled_angle) --k;
  if (k == angles.size()) return out;
  out.time = run.time[k];
  out.log10_time = log_time[k];
  if (k == 0 || !(log_time[k - 1] > 0) || !(angles[k] > 0)) return out;
  const double share =
      std::log(angles[k - 1] / settled_angle) / std::log(angles[k - 1] / angles[k]);
  out.log10_time = log_time[k - 1] * std::pow(log_time[k] / log_time[k - 1], share);
  out.time = accelerated ? run.time[k - 1] + share * (run.time[k] - run.time[k - 1])
                         : std::pow(10.0, out.log10_time);
  return out;
}

LineFit angle_law(const DirectionSamples& run, double floor) {
  std::vector<double> x, y;
  const double last = std::log(run.log10_time.back() * ln10);
  for (std::size_t k = 0; k < run.time.size(); ++k) {
    const double log_time = run.log10_time[k] * ln10;
    if (log_time > std::exp(1.0) && run.angle[k] > floor &&
        std::log(log_time) > last - (last - 1) / 3) {
      x.push_back(std::log(log_time));
      y.push_back(std::log(run.angle[k]));
    }
  }
  return trend(std::move(x), std::move(y));
}

LineFit loss_law(const DirectionSamples& run) {
  std::vector<double> x, y;
  const std::vector<double>& log_time = run.log10_time;
  const std::size_t count = run.time.size();
  // At least twenty samples where log t itself grows like exp s.
  for (std::size_t k = 0; k < count; ++k)
    if (log_time[k] > 0 && (log_time[k] > 0.5 * log_time.back() || k + 20 >= count)) {
      x.push_back(log_time[k]);
      y.push_back(run.log10_loss[k]);
    }
  return trend(std::move(x), std::move(y));
}

ExtrapolatedDirection extrapolate_direction(const DirectionSamples& run, Index d) {
  ExtrapolatedDirection out{Vector::Constant(d, nan)};
  const std::vector<double>& norm = run.norm;
  const std::size_t count = norm.size();
  const auto below = [&](double size) {
    std::size_t k = count - 1;
    while (k > 0 && norm[k] > size) --k;
    return k;
  };
  const auto unit = [&](std::size_t k) {
    return Vector(Eigen::Map<const Vector>(run.direction.data() + static_cast<Index>(k) * d, d));
  };
  const double size = norm.back();
  const std::size_t last = count - 1, half = below(size / 2), quarter = below(norm[half] / 2);
  if (quarter == 0 || !(size > 4) || !std::isfinite(size)) return out;
  const Vector step = unit(last) - unit(half), before = unit(half) - unit(quarter);
  const double ratio = before.squaredNorm() > 0 ? step.dot(before) / before.squaredNorm() : 0;
  // beta = a u + b, u -> infinity (potentials that grow like powers or faster): the direction is
  // off by order 1/|beta|, and differences of beta lose b.
  if (ratio < 0.7) {
    const auto beta = [&](std::size_t k) { return Vector(norm[k] / size * unit(k)); };
    out.direction = (beta(last) - beta(half)).stableNormalized();
    out.error = angle_between(out.direction, (beta(half) - beta(quarter)).stableNormalized());
    return out;
  }
  // A smaller power of |beta| (entropies): Aitken's process on directions at sizes between which
  // the error halves.
  const double factor =
      std::exp2(std::min(-1 / std::log2(std::min(ratio, 0.999)), 0.2 * std::log2(size)));
  std::size_t index[4] = {last, 0, 0, 0};
  for (int k = 1; k < 4; ++k) index[k] = below(norm[index[k - 1]] / factor);
  if (index[3] == 0) return out;
  const auto aitken = [&](std::size_t a, std::size_t b, std::size_t c) {
    const Vector new_step = unit(a) - unit(b), old_step = unit(b) - unit(c);
    // The sizes of samples are not quite in the ratio asked for.
    const double shrink = std::clamp(new_step.norm() / old_step.norm(), 0.0, 0.95);
    return Vector((unit(a) + shrink / (1 - shrink) * new_step).normalized());
  };
  out.direction = aitken(index[0], index[1], index[2]);
  out.error = angle_between(out.direction, aitken(index[1], index[2], index[3]));
  return out;
}

ExtrapolatedDirection extrapolate_direction(const DirectionSamples& run, const Matrix& margins,
                                            ConstVectorRef weights, const Vector& last) {
  ExtrapolatedDirection out = extrapolate_direction(run, margins.cols());
  if (!out.direction.allFinite()) return out;
  // Where the margins of points that share the gradient differ, some are on their way out.
  const Vector margin = margins * out.direction;
  double least = std::numeric_limits<double>::infinity(), most = -least;
  Index tied = -1;
  for (const Index i : heavy_samples(weights, 1e-3)) {
    least = std::min(least, margin[i]);
    most = std::max(most, margin[i]);
    if (weights[i] > 1e-2 * weights.maxCoeff() && (tied < 0 || margin[i] < margin[tied])) tied = i;
  }
  if (!(least > 0)) {
    out.direction.setConstant(nan);  // no direction that separates
    out.error = nan;
    return out;
  }
  const double resolution = std::max(1e-12, out.error);
  out.error = std::max(out.error, std::min(std::numbers::pi, (most - least) / least));
  // The path bends ahead where a point without weight has the least margin in that direction, by
  // more than its error explains.
  for (Index i = 0; i < margins.rows(); ++i)
    if (margin[i] < margin[tied] - resolution * (margins.row(i) - margins.row(tied)).norm())
      out.error = std::max(out.error, angle_between(out.direction, last));
  return out;
}

}  // namespace gradflow
