#pragma once

#include <vector>

#include "flow/system.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

/// Checks E(t2) - E(t1) = -int <y', y'> dt over each decade of t, and that E never rises.
///
/// y' is the derivative of the solver's dense output, not the right-hand side: on a slow manifold
/// an error of the tolerance in a stiff direction makes a right-hand side many times the true
/// velocity, while the interpolant's slope is the motion itself. What is tested is that the motion
/// is the descent of E. (Explicit steppers do give the right-hand side: they are at no stiff
/// manifold.) Three Gauss points a step and one energy a step.
class EnergyIdentity {
 public:
  EnergyIdentity(System& system, const SolverSettings& settings, double first_time);

  void start(double t0, ConstVectorRef y0);
  /// After an accepted step. `curvature` is the largest |growth rate| seen, for the scale of
  /// rounding and tolerance in E. `speed` is |y'| (Euclidean) at the step's end.
  void accept(Stepper& stepper, double curvature, double speed);

  /// Closes the last decade.
  void finish();

  /// After an accepted step.
  void exchange(Archive& archive);

  const std::vector<EnergyDecade>& decades() const { return decades_; }
  double worst_defect() const { return worst_; }
  /// A rise beyond what the tolerances allow, relative to the energy's range so far; 0 without.
  double rise() const { return rise_; }
  double rise_time() const { return rise_time_; }

 private:
  double integrate_dissipation(Stepper& stepper, double from, double to);
  void close_decade(double energy);
  double noise(ConstVectorRef y) const;

  System& system_;
  double rtol_, atol_;
  double next_boundary_;  ///< log10 of the end of the current decade
  double decade_start_ = 0;
  double energy_at_decade_ = 0, last_energy_ = 0;
  double highest_ = 0, lowest_ = 0;
  double dissipation_ = 0;
  double curvature_ = 0, speed_ = 0, noise_ = 0;
  double rise_ = 0, rise_time_ = 0, worst_ = 0;
  Matrix y_, slope_;  ///< at the Gauss points, a column each
  std::vector<EnergyDecade> decades_;
};

}  // namespace gradflow
