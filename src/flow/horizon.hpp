#pragma once

#include <string>
#include <vector>

#include "flow/potential.hpp"

namespace gradflow {

/// Coordinates whose potentials grow alike: one term of the horizon function.
struct GrowthClass {
  Growth::Family family = Growth::Family::power;
  double exponent = 2;         ///< of powers and exponentials
  std::vector<Index> index;    ///< coordinates
  std::vector<double> weight;  ///< their constants a
};

/// The horizon function phi_inf of a separable potential: the gauge of the limit shape of its
/// sublevel sets (Pesme, Dragomir, Flammarion, arXiv 2406.12763, section 3). One class: sum a|b|
/// (entropy), (sum a |b|^p)^(1/p) (powers) or max a|b| (exponentials). More than one: the limit
/// shape is degenerate, flat in the coordinates of all classes but the slowest.
class Horizon {
 public:
  explicit Horizon(const SeparablePotential& potential);

  /// Fastest growth first.
  const std::vector<GrowthClass>& classes() const { return classes_; }
  bool degenerate() const { return classes_.size() > 1; }
  /// False where the gradient of a potential is bounded.
  bool coercive_gradient() const;
  /// phi_inf(b); infinite where a degenerate shape has no such point.
  double operator()(ConstVectorRef beta) const;
  /// "the 1-norm", "the weighted 2-norm", ...
  std::string name() const;

  static double term(const GrowthClass& part, ConstVectorRef beta);
  static std::string name(const GrowthClass& part);

 private:
  std::vector<GrowthClass> classes_;
};

struct Extrapolated {
  double value = 0;
  double error = 0;
};

/// lim eta phi_0^{-1}(phi(b/eta)) as eta -> 0, numerically: four values of eta down to 1e-160 (or
/// as far as log phi is a number), extrapolated in 1/log(1/eta), in which the slow families
/// (entropy) converge. Needs no closed form.
Extrapolated numeric_horizon(const SeparablePotential& potential, ConstVectorRef beta);

/// The r with phi(r u) = exp(log_level): the boundary of a sublevel set in the direction u.
double level_radius(const SeparablePotential& potential, ConstVectorRef u, double log_level);

}  // namespace gradflow
