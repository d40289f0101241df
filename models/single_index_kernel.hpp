#pragma once

#include <optional>

#include "numerics/activation.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// U(r) = E sigma(x) sigma(y) for standard normal x, y of correlation r = sum_k sigma_k^2 r^k, with
/// two derivatives. Closed forms for relu (Cho and Saul 2009), leaky_relu, erf (Williams 1998),
/// gelu, quadratic and identity; the series for the others, long enough that `bound` is small.
class OverlapKernel {
 public:
  /// Of an activation given by name.
  explicit OverlapKernel(Activation activation);
  /// Of a finite Hermite series.
  explicit OverlapKernel(const Vector& sigma);

  /// value, first and second derivative at r[i], i < n; each output may be null. Smooth
  /// across |r| = 1 but for relu and leaky_relu, which are cut there, and whose second derivative
  /// is infinite at 1: it is cut where 1 - r^2 = 1e-16.
  void evaluate(const double* r, Index n, double* value, double* first, double* second) const;

  /// Bound of |U - this| on [-1, 1]; 0 for closed forms.
  double bound() const { return bound_; }

 private:
  std::optional<Activation::Kind> closed_;
  Vector series_;
  double bound_ = 0;
};

}  // namespace gradflow
