#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flow/horizon.hpp"
#include "flow/max_margin.hpp"
#include "flow/observable.hpp"
#include "models/separable_problem.hpp"

namespace gradflow {

/// Where the theorem sends the mirror flow on separable data: along the phi_inf-maximum margin.
/// Solved when it is first asked for; belongs to one thread.
class SeparablePrediction {
 public:
  explicit SeparablePrediction(const SeparableProblem& problem)
      : problem_(problem), horizon_(problem.potential) {}

  const Horizon& horizon() const { return horizon_; }
  const MaxMargin& margin();
  /// The data are separable, and their margin in phi_inf is a finite number.
  bool has_margin() { return margin().separable && !horizon_.degenerate(); }
  /// The data are separable, and the maximum margin is found and unique.
  bool has_direction();
  /// Of a unit vector to the predicted direction, in radians; NaN without one.
  double angle(ConstVectorRef direction);
  /// phi_inf of a vector without zeros against the formula's limit by numbers: relative difference,
  /// and its error.
  Extrapolated horizon_check();
  /// What of the theorem's assumptions does not hold, and what the run gives all the same.
  std::vector<std::string> broken();

 private:
  const SeparableProblem& problem_;
  Horizon horizon_;
  std::optional<MaxMargin> margin_;
};

/// In the plane: sublevel sets of phi at growing levels and their limit, all of unit size.
std::vector<Measurement> shapes_in_plane(const SeparablePotential& potential,
                                         const Horizon& horizon);

}  // namespace gradflow
