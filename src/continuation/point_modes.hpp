#pragma once

#include <memory>

#include "numerics/types.hpp"

namespace gradflow {

/// The spectrum of A = H + lambda I at a stationary point, split as HessianModes does into growing,
/// flat and other modes.
///
/// Up to `largest_dense` parameters all eigenpairs are taken (9 p^3 flops). Beyond, A = Q T Q^T
/// with a tridiagonal T (4/3 p^3), whose eigenvalues are all there is to count, and shifted systems
/// with T cost of the order of p: eigenvectors are made where they are asked for.
class PointModes {
 public:
  static constexpr Index largest_dense = 400;

  PointModes() = default;
  /// Modes within flat_tolerance of the largest |eigenvalue| are flat.
  PointModes(const Matrix& a, double flat_tolerance, Index most_dense = largest_dense);

  Vector values;
  double largest = 0, threshold = 0;
  Index unstable = 0, flat = 0;
  double lowest = 0;  ///< flat modes apart; 0 where all are flat

  /// Eigenvectors, as columns.
  const Matrix& vectors() const;
  /// A^+ b over the modes that are not flat, and the critical one of a fold.
  Vector solve(ConstVectorRef b) const;
  double inverse_form(ConstVectorRef b) const { return b.dot(solve(b)); }

 private:
  class Tridiagonal;
  Vector solve_dense(ConstVectorRef b) const;

  std::shared_ptr<const Tridiagonal> tridiagonal_;  ///< null where all eigenpairs are taken
  mutable std::shared_ptr<const Matrix> vectors_;
};

}  // namespace gradflow
