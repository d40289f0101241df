#include "solve/energy_identity.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/long_vectors.hpp"

namespace gradflow {

EnergyIdentity::EnergyIdentity(System& system, const SolverSettings& settings, double first_time)
    : system_(system),
      rtol_(settings.rtol),
      atol_(settings.atol),
      next_boundary_(first_time > 0 ? std::floor(std::log10(first_time)) + 1 : 0),
      y_(system.dimension(), 3),
      slope_(system.dimension(), 3) {
  decade_start_ = next_boundary_ - 1;
}

void EnergyIdentity::start(double, ConstVectorRef y0) {
  energy_at_decade_ = last_energy_ = highest_ = lowest_ = system_.energy(y0);
}

/// How far an error of the tolerances can move E: first order through the slope, second through the
/// largest curvature, and rounding.
double EnergyIdentity::noise(ConstVectorRef y) const {
  const double error =
      rtol_ * long_vectors::norm(y) + atol_ * std::sqrt(static_cast<double>(y.size()));
  // Without a curvature (flows on a manifold, whose states are off it by the tolerance) E is known
  // to a part of its range.
  const double unknown = curvature_ > 0 ? 0 : 10 * rtol_ * (highest_ - lowest_);
  return 10 * speed_ * error + 100 * curvature_ * error * error + unknown +
         1e-13 * std::max(std::abs(highest_), std::abs(last_energy_));
}

double EnergyIdentity::integrate_dissipation(Stepper& stepper, double from, double to) {
  static const double nodes[3] = {0.5 - 0.3872983346207417, 0.5, 0.5 + 0.3872983346207417};
  static const double weights[3] = {5.0 / 18, 8.0 / 18, 5.0 / 18};
  std::array<double, Stepper::nodes> times;
  for (std::size_t k = 0; k < 3; ++k) times[k] = from + (to - from) * nodes[k];
  stepper.interpolate_nodes(times, y_, slope_);
  double sum = 0;
  for (Index k = 0; k < 3; ++k)
    sum += weights[k] * system_.inner_product(y_.col(k), slope_.col(k), slope_.col(k));
  return sum * (to - from);
}

void EnergyIdentity::close_decade(double energy) {
  EnergyDecade decade;
  decade.log10_start = decade_start_;
  decade.drop = energy_at_decade_ - energy;
  decade.dissipation = dissipation_;
  const double scale = std::max(std::abs(decade.drop), decade.dissipation);
  // Below the noise of E there is nothing to compare.
  if (scale > 10 * noise_)
    decade.defect = std::max(0.0, std::abs(decade.drop - decade.dissipation) - noise_) / scale;
  worst_ = std::max(worst_, decade.defect);
  // A rise that is small beside the range of the whole run, as all is that a slow phase does.
  const double range = highest_ - lowest_;
  if (-decade.drop > 10 * noise_ && -decade.drop > rise_ * range) {
    rise_ = range > 0 ? -decade.drop / range : 1;
    rise_time_ = std::pow(10.0, decade_start_);
  }
  decades_.push_back(decade);
  energy_at_decade_ = energy;
  dissipation_ = 0;
}

void EnergyIdentity::accept(Stepper& stepper, double curvature, double speed) {
  curvature_ = std::max(curvature_, curvature);
  speed_ = speed;
  double from = stepper.previous_time();
  const double to = stepper.time();
  noise_ = noise(stepper.state());
  while (to > std::pow(10.0, next_boundary_)) {
    const double boundary = std::pow(10.0, next_boundary_);
    if (boundary > from) {
      dissipation_ += integrate_dissipation(stepper, from, boundary);
      stepper.interpolate(boundary, y_.col(0));
      close_decade(system_.energy(y_.col(0)));
      from = boundary;
    }
    decade_start_ = next_boundary_;
    next_boundary_ += 1;
  }
  dissipation_ += integrate_dissipation(stepper, from, to);
  const double energy = system_.energy(stepper.state());
  const double range = highest_ - lowest_;
  if (energy - lowest_ > noise_ + 1e-3 * range && energy - lowest_ > rise_ * range) {
    rise_ = range > 0 ? (energy - lowest_) / range : 1;
    rise_time_ = to;
  }
  highest_ = std::max(highest_, energy);
  lowest_ = std::min(lowest_, energy);
  last_energy_ = energy;
}

void EnergyIdentity::exchange(Archive& archive) {
  archive("next_boundary", next_boundary_);
  archive("decade_start", decade_start_);
  archive("energy_at_decade", energy_at_decade_);
  archive("last_energy", last_energy_);
  archive("highest", highest_);
  archive("lowest", lowest_);
  archive("dissipation", dissipation_);
  archive("curvature", curvature_);
  archive("speed", speed_);
  archive("noise", noise_);
  archive("rise", rise_);
  archive("rise_time", rise_time_);
  archive("worst", worst_);
  constexpr double EnergyDecade::*members[] = {&EnergyDecade::log10_start, &EnergyDecade::drop,
                                               &EnergyDecade::dissipation, &EnergyDecade::defect};
  std::vector<double> all;
  for (const EnergyDecade& decade : decades_)
    for (const auto member : members) all.push_back(decade.*member);
  archive("decades", all);
  decades_.resize(all.size() / std::size(members));
  std::size_t k = 0;
  for (EnergyDecade& decade : decades_)
    for (const auto member : members) decade.*member = all[k++];
}

void EnergyIdentity::finish() {
  close_decade(last_energy_);
}

}  // namespace gradflow
