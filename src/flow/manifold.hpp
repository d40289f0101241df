#pragma once

#include "numerics/types.hpp"

namespace gradflow {

/// For a System whose formulas hold on a manifold alone, which its flow never leaves: what a check
/// of its derivatives must know to stay there.
class OnManifold {
 public:
  virtual ~OnManifold() = default;
  /// Moves y, which is near, on to the manifold.
  virtual void to_manifold(VectorRef y) const = 0;
  /// Takes out of v what leads off the manifold at y.
  virtual void to_tangent(ConstVectorRef y, VectorRef v) const = 0;
};

}  // namespace gradflow
