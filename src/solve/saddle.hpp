#pragma once

#include "flow/system.hpp"

namespace gradflow {

/// The fastest growing mode of disturbances at (t, y): the largest eigenvalue of the Jacobian,
/// which is self-adjoint in the system's metric, by Lanczos in that metric from a fixed random
/// start.
struct GrowingMode {
  double rate = 0;
  double fastest = 0;    ///< largest |rate| seen, the scale
  double amplitude = 0;  ///< |<mode, rhs>| / rate: how much of the mode the state holds
  Vector mode;           ///< of length one in the metric
};

/// At most `products` products with the Jacobian.
GrowingMode fastest_growing_mode(System& system, double t, ConstVectorRef y, int products = 24);

}  // namespace gradflow
