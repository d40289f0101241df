#pragma once

#include <functional>

#include "solve/integrate.hpp"

namespace gradflow {

/// Where a gradient flow tends, found by integrating it, with what certifies it.
struct StationaryPoint {
  Vector y;
  double speed = 0;      ///< |rhs(y)|
  double t = 0;          ///< time integrated
  bool converged = false;
  Outcome outcome;
};

/// lim_{t -> infinity} of the flow from y0: integrated at the given tolerances until |rhs| is
/// below `speed` and |rhs| / (slowest rate seen) below the tolerance, at most to t = longest.
StationaryPoint flow_limit(System& system, const SolverSettings& settings, ConstVectorRef y0,
                           double speed = 1e-12, double longest = 1e12,
                           const std::function<bool()>& interrupted = {});

}  // namespace gradflow
