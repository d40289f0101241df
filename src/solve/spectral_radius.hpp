#pragma once

#include <cstdint>

#include "flow/system.hpp"
#include "numerics/archive.hpp"

namespace gradflow {

/// The largest rate at which disturbances of a flow decay, the spectral radius of its Jacobian on
/// the negative side, followed along a run. J is self-adjoint in the metric of a gradient flow: a
/// few Lanczos steps that begin from the last fastest mode, with a share of a fixed random vector
/// so that no other is missed. Where the system tells of no such metric, the power method.
class SpectralRadius {
 public:
  explicit SpectralRadius(System& system);

  /// At (t, y), with a margin for what Lanczos has not seen. Some 6 to 30 products with J.
  /// \throws SolverError where products are not finite
  double estimate(double t, ConstVectorRef y);

  /// Products with J so far.
  std::int64_t products() const { return products_; }
  void exchange(Archive& archive);

 private:
  double by_lanczos(double t, ConstVectorRef y);
  double by_powers(double t, ConstVectorRef y);

  System& system_;
  Vector mode_;  ///< the fastest that was found; empty before
  std::int64_t products_ = 0;
};

}  // namespace gradflow
