#pragma once

#include "flow/system.hpp"

namespace gradflow {

/// A flow of second order, y = (w, w') with w'' + friction w' = -grad E(w). It rests where the
/// descent w' = -grad E(w) does, and leaves the saddles that this leaves; its own metric, the rate
/// at which energy is dissipated, sees velocities alone and tells nothing of them. A system of this
/// kind derives from this class as well.
class InertialFlow {
 public:
  virtual ~InertialFlow() = default;

  /// w' = -grad E(w), in the Euclidean metric.
  virtual System& descent() = 0;
  virtual double friction() const = 0;
};

}  // namespace gradflow
