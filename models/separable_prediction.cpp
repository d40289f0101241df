#include "models/separable_prediction.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/direction_run.hpp"
#include "numerics/short_number.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

using std::numbers::ln10;

}  // namespace

const MaxMargin& SeparablePrediction::margin() {
  if (!margin_) margin_ = solve_max_margin(*problem_.margins, horizon_);
  return *margin_;
}

bool SeparablePrediction::has_direction() {
  return margin().separable && margin().unique && margin().converged;
}

double SeparablePrediction::angle(ConstVectorRef direction) {
  if (!has_direction() || !direction.allFinite()) return nan;
  return angle_between(direction, margin().direction);
}

Extrapolated SeparablePrediction::horizon_check() {
  if (!has_margin() || !margin().converged) return {nan, nan};
  // Not at the solution itself, which may be zero in most coordinates.
  const Vector& solution = margin().solution;
  const Vector b = solution.cwiseAbs().array() + solution.lpNorm<Eigen::Infinity>();
  const double closed = horizon_(b) / horizon_(Vector::Unit(b.size(), 0));
  const Extrapolated formula = numeric_horizon(problem_.potential, b);
  return {std::abs(formula.value / closed - 1), formula.error / closed};
}

std::vector<std::string> SeparablePrediction::broken() {
  std::vector<std::string> all;
  const MaxMargin& p = margin();
  if (!p.separable)
    all.push_back(
        "the data are not linearly separable: the loss has a positive infimum and there "
        "is no limit direction; loss, direction and shares of the samples are those of "
        "the flow to it");
  if (!horizon_.coercive_gradient())
    all.push_back(
        "the gradient of the potential is bounded (not coercive), which the theorem does "
        "not cover; the prediction is the maximum margin of its horizon function, " +
        horizon_.name());
  if (!std::all_of(problem_.potential.begin(), problem_.potential.end(),
                   [](const auto& phi) { return phi->smooth(); }))
    all.push_back(
        "phi'' is zero or infinite at 0, where the theorem assumes it positive; the prediction "
        "is made as if it were");
  const Extrapolated check = horizon_check();
  if (check.value > 1e-2 + 10 * check.error)
    all.push_back("phi_inf as read off the potential's growth, " + horizon_.name() +
                  ", differs by " + short_number(check.value, 3) +
                  " from the limit of its formula, so that the prediction is doubtful");
  if (horizon_.degenerate())
    all.push_back(
        "the potentials grow differently, so that the limit of their sublevel sets is "
        "degenerate (" +
        horizon_.name() +
        "), which the theorem does not cover; the "
        "prediction is the limit of argmin phi at growing margin");
  if (p.separable && !p.converged)
    all.push_back("the maximum-margin problem was not solved to rounding (defect " +
                  short_number(p.residual, 3) + "), so that there is no prediction");
  else if (p.separable && !p.unique)
    all.push_back(
        "the maximum-margin problem has more than one solution, so that the theorem "
        "predicts no direction; the margin ratio tends to 1 all the same, and "
        "solution_lowest and solution_highest bound the solutions");
  return all;
}

std::vector<Measurement> shapes_in_plane(const SeparablePotential& potential,
                                         const Horizon& horizon) {
  constexpr Index directions = 241;
  Axis angle{"polar_angle", {}, "polar angle in the plane of beta", false};
  const Axis level{"level", {0, 1, 2, 4, 8, 16, 64, 256}, "log10 of the level of phi", true};
  std::vector<double> limit, sublevel;
  Matrix u(2, directions);
  for (Index k = 0; k < directions; ++k) {
    const double phi = 2 * std::numbers::pi * static_cast<double>(k) / (directions - 1);
    angle.coordinate.push_back(phi);
    u.col(k) << std::cos(phi), std::sin(phi);
    // Exactly on the axes, where a degenerate shape is not zero.
    if (k % ((directions - 1) / 4) == 0) u.col(k) = u.col(k).array().round();
    limit.push_back(1 / horizon(u.col(k)));
  }
  const auto to_unit_size = [](std::vector<double>& radius, std::size_t first) {
    const double most = *std::max_element(radius.begin() + static_cast<long>(first), radius.end());
    for (std::size_t k = first; k < radius.size(); ++k) radius[k] /= most;
  };
  to_unit_size(limit, 0);
  for (const double c : level.coordinate) {
    const std::size_t first = sublevel.size();
    for (Index k = 0; k < directions; ++k)
      sublevel.push_back(level_radius(potential, u.col(k), c * ln10));
    to_unit_size(sublevel, first);
  }
  return {{"limit_shape", "radius of {phi_inf <= 1}, scaled to unit size", {angle}, limit},
          {"sublevel_shape",
           "radius of {phi <= level}, scaled to unit size",
           {level, angle},
           sublevel}};
}

}  // namespace gradflow
