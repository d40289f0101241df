#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// How fast an even potential grows, slowest family first. What decides the horizon function:
/// of two families the faster one dominates, within a family the constants weigh coordinates.
struct Growth {
  enum class Family {
    linear,      ///< phi ~ a |b|: the gradient is bounded, outside the theorem
    entropy,     ///< phi ~ a |b| log |b|
    power,       ///< phi ~ a |b|^p, p > 1
    exponential  ///< log phi ~ (a |b|)^q, q > 0
  };
  Family family = Family::power;
  double coefficient = 1;  ///< a
  double exponent = 2;     ///< p of powers, q of exponentials, else 1
};

/// A point of the variable x in which a coordinate is integrated, and what the flow needs of the
/// potential there.
struct ChartPoint {
  double beta = 0;
  double slope = 1;               ///< d beta/d x
  double curvature = 0;           ///< d^2 beta/d x^2
  double log_mobility = 0;        ///< log m, where d x = m d theta, m = 1/(phi'' slope)
  double log_mobility_slope = 0;  ///< d log m/d x
};

/// An even, strictly convex function of one coordinate, phi(b), with phi'(b) = theta and inverse
/// b = (phi*)'(theta). A new potential is these four functions; the rest has defaults.
class Potential {
 public:
  virtual ~Potential() = default;
  virtual std::string name() const = 0;

  virtual double value(double beta) const = 0;                ///< phi
  virtual double gradient(double beta) const = 0;             ///< phi'
  virtual double conjugate_gradient(double theta) const = 0;  ///< (phi*)'
  virtual double conjugate_hessian(double theta) const = 0;   ///< (phi*)''

  /// (phi*)'''; by default a central difference of (phi*)''. Only Jacobians use it.
  virtual double conjugate_third(double theta) const;
  /// log phi, where phi itself may overflow. Used for horizon functions only.
  virtual double log_value(double beta) const;

  /// The variable of integration: theta by default. A potential whose gradient grows faster than
  /// any power is integrated in beta itself: coordinates that are not at the maximum have duals
  /// that are differences of large numbers.
  virtual double to_chart(double beta) const { return gradient(beta); }
  virtual ChartPoint at(double x) const;

  /// In closed form where it is known; otherwise `measured_growth` finds it.
  virtual std::optional<Growth> growth() const { return std::nullopt; }
  /// Whether phi'' is finite and positive everywhere, as the theorem on directions assumes.
  virtual bool smooth() const { return true; }
  /// Where ((phi*)')' is infinite at 0, a flow started at beta = 0 exactly has a right-hand side
  /// that is not Lipschitz: runs start this far off.
  virtual double least_start() const { return 0; }
};

/// b^2.
std::shared_ptr<const Potential> squared_norm_potential();
/// |b|^p, p > 1. \throws std::invalid_argument
std::shared_ptr<const Potential> power_potential(double p);
/// cosh b - 1.
std::shared_ptr<const Potential> cosh_potential();
/// b arcsinh b - sqrt(b^2 + 1) + 1.
std::shared_ptr<const Potential> hyperbolic_entropy_potential();
/// The potential of diagonal networks of depth D > 2 (Woodworth et al., arXiv 2002.09277):
/// (phi*)'(theta) = ((1 - theta)^-k - (1 + theta)^-k)/(2k), k = D/(D - 2), |theta| < 1. Its
/// gradient is bounded, so that the theorem does not cover it. \throws std::invalid_argument
std::shared_ptr<const Potential> deep_diagonal_potential(int depth);
/// c phi(b/c).
std::shared_ptr<const Potential> scaled(std::shared_ptr<const Potential> potential, double c);

/// A separable potential of R^d: one for each coordinate.
using SeparablePotential = std::vector<std::shared_ptr<const Potential>>;

/// The family, exponent and coefficient read off values and gradients at large b. Factors that vary
/// slowly (logarithms) are extrapolated away.
Growth measured_growth(const Potential& potential);
/// The closed form, or the measured one.
Growth growth_of(const Potential& potential);

}  // namespace gradflow
