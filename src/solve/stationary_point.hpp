#pragma once

#include <functional>
#include <optional>
#include <string>

#include "solve/integrate.hpp"
#include "solve/solver_settings.hpp"

namespace gradflow {

/// What tells a minimum, or a point of a manifold of minima, from a saddle and from a slow place.
struct Certificate {
  double speed = 0;  ///< |rhs(y)|
  /// Distance to rest, relative to |y|: what one implicit Euler step moves that is longer than
  /// every time scale but those slower than 1e-8 of the fastest. NaN where no exact matrix is at
  /// hand.
  double distance = 0;
  /// Growth rate of the fastest growing mode (the largest eigenvalue of the Jacobian, by Lanczos;
  /// negative or zero at a minimum), and the fastest rate of all.
  double growth_rate = 0, fastest_rate = 0;
  /// How much of that mode the state holds.
  double growing_amplitude = 0;
  /// Modes that grow faster than 1e-8 of the fastest rate, by the inertia of a pivoted
  /// factorisation of (I - gamma J). None where the model offers no exact matrix of a size that
  /// fits.
  std::optional<Index> unstable_modes;

  bool stable() const {
    return unstable_modes ? *unstable_modes == 0 : growth_rate <= 1e-6 * fastest_rate;
  }
};

/// Judges the state of a gradient flow at time t. 24 Jacobian products, and one set-up of the exact
/// Newton matrix.
Certificate certify(System& system, double t, ConstVectorRef y);

/// Where a gradient flow tends, found by integrating it, with what certifies it.
struct StationaryPoint {
  Vector y;
  double speed = 0;  ///< |rhs(y)|
  double t = 0;      ///< time integrated
  bool converged = false;
  Certificate certificate;  ///< of y, where converged
  Outcome outcome;
};

/// lim_{t -> infinity} of the flow from y0: integrated at the given tolerances until |rhs| is
/// below `speed` max(1, |y|), at most to t = longest.
StationaryPoint flow_limit(System& system, const SolverSettings& settings, ConstVectorRef y0,
                           double speed = 1e-12, double longest = 1e12,
                           const std::function<bool()>& interrupted = {},
                           Checkpoints* checkpoints = nullptr);

/// Phi(w0): where the flow without weight decay ends, on the manifold of interpolating minimisers
/// on which the slow flow goes on from there.
struct InterpolatingLimit {
  Vector y;          ///< the limit, corrected onto the manifold where it was reached
  double speed = 0;  ///< |rhs| of the limit
  double t = 0;      ///< time at which it was reached
  enum class Missing { nothing, limit, fit };
  Missing missing = Missing::nothing;
  std::string reason;  ///< what is missing, in words; empty where nothing is
  /// The limit is no minimum. It may fit the data nevertheless, as far as its certificate can tell.
  bool saddle = false;
};

/// Phi(w0) of `descent`, without weight decay, from y0, found as by `flow_limit` within t = 1e12
/// and corrected by `slow`. It fits the data where the correction moves it by less than 1e-3 of its
/// size and leaves a misfit below 1e-8. \throws SolverError where the run fails
InterpolatingLimit interpolating_limit(System& descent, System& slow,
                                       const SolverSettings& settings, ConstVectorRef y0,
                                       double speed, const std::function<bool()>& interrupted,
                                       Checkpoints* checkpoints);

}  // namespace gradflow
