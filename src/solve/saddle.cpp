#include "solve/saddle.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "numerics/random.hpp"

namespace gradflow {

GrowingMode fastest_growing_mode(System& system, double t, ConstVectorRef y, int products) {
  const Index n = system.dimension();
  const Index most = std::min<Index>(n, products);
  Matrix basis(n, most);
  Vector alpha = Vector::Zero(most), beta = Vector::Zero(most), next(n);
  RandomStream stream(0, "saddle");
  Vector start(n);
  stream.fill_normal(start);
  const double length = std::sqrt(system.inner_product(y, start, start));
  GrowingMode found;
  if (!(length > 0) || !std::isfinite(length)) return found;
  basis.col(0) = start / length;
  Index size = 0;
  while (size < most) {
    system.jacobian_times(t, y, basis.col(size), next);
    if (!next.allFinite()) return found;
    // Twice is enough: full orthogonalisation in the metric.
    for (int pass = 0; pass < 2; ++pass)
      for (Index k = 0; k <= size; ++k) {
        const double c = system.inner_product(y, basis.col(k), next);
        if (k == size) alpha[size] += c;
        next -= c * basis.col(k);
      }
    const double remainder = std::sqrt(system.inner_product(y, next, next));
    ++size;
    if (size == most || !(remainder > 1e-12 * std::abs(alpha.head(size).maxCoeff()) + 1e-300))
      break;
    beta[size - 1] = remainder;
    basis.col(size) = next / remainder;
  }
  Matrix tridiagonal = Matrix::Zero(size, size);
  tridiagonal.diagonal() = alpha.head(size);
  for (Index k = 0; k + 1 < size; ++k) tridiagonal(k + 1, k) = tridiagonal(k, k + 1) = beta[k];
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(tridiagonal);
  found.rate = eigen.eigenvalues()[size - 1];
  found.fastest = eigen.eigenvalues().cwiseAbs().maxCoeff();
  found.mode = basis.leftCols(size) * eigen.eigenvectors().col(size - 1);
  if (found.rate > 0) {
    system.rhs(t, y, next);
    found.amplitude = std::abs(system.inner_product(y, found.mode, next)) / found.rate;
  }
  return found;
}

}  // namespace gradflow
