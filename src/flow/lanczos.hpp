#pragma once

#include "flow/system.hpp"

namespace gradflow {

/// The Jacobian of a gradient flow at (t, y) on a Krylov space: J is self-adjoint in the system's
/// metric, and in a basis that is orthonormal in it J is tridiagonal.
struct JacobianKrylovSpace {
  Matrix basis;              ///< (n, k), <column i, column j>_G = 1 for i = j, else 0
  Vector diagonal;           ///< (k)
  Vector off_diagonal;       ///< (k - 1)
  double remainder = 0;      ///< length of what J of the last column has outside of the space
  double longest_image = 0;  ///< the largest |J column|_G, no more than the norm of J
};

/// Lanczos with full reorthogonalisation in <., .>_G from a fixed random start: at most
/// `iterations` products with the Jacobian and 2 n k^2 flops of inner products; ends early in an
/// invariant subspace, and is exact where that is the whole space. Empty (k = 0) where the metric
/// or a product is not finite.
JacobianKrylovSpace lanczos(System& system, double t, ConstVectorRef y, Index iterations);
/// The same from a start of the caller's.
JacobianKrylovSpace lanczos(System& system, double t, ConstVectorRef y, Index iterations,
                            Vector start);

}  // namespace gradflow
