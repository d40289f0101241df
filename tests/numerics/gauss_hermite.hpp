#pragma once

#include <cmath>

#include "numerics/decompositions.hpp"
#include "numerics/hermite.hpp"

/// Expectations under N(0, 1) by another way than that of src.
namespace gradflow::test {

/// h_k(x) for k < h.size(), by the recurrence of src.
inline void evaluate_hermite(double x, VectorRef h) {
  if (h.size() > 0) h[0] = 1;
  if (h.size() > 1) h[1] = x;
  for (Index k = 1; k + 1 < h.size(); ++k) h[k + 1] = next_hermite(k, x, h[k], h[k - 1]);
}

/// Gauss-Hermite rule: exact for polynomials of degree 2n - 1; weights sum to 1, and those of far
/// nodes may underflow to 0. n to some 500: beyond, h_n overflows at the outer nodes.
inline QuadratureRule gauss_hermite(Index n) {
  // Golub-Welsch for the nodes: eigenvalues of the Jacobi matrix. Each is then polished by Newton's
  // method and gets its weight from h_{n-1}, since the eigenvectors' small components, whose
  // squares the outer weights would be, are accurate only relative to 1.
  Vector off_diagonal(n - 1);
  for (Index k = 1; k < n; ++k) off_diagonal[k - 1] = std::sqrt(static_cast<double>(k));
  Eigen::SelfAdjointEigenSolver<Matrix> jacobi;
  jacobi.computeFromTridiagonal(Vector::Zero(n), off_diagonal, Eigen::EigenvaluesOnly);

  QuadratureRule rule{jacobi.eigenvalues(), Vector(n)};
  const auto count = static_cast<double>(n);
  Vector h(n + 1);
  for (Index i = n / 2; i < n; ++i) {
    double& x = rule.nodes[i];
    if (2 * i + 1 == n) x = 0;
    for (int step = 0; step < 2 && x != 0; ++step) {
      evaluate_hermite(x, h);
      x -= h[n] / (std::sqrt(count) * h[n - 1]);
    }
    evaluate_hermite(x, h);
    rule.weights[i] = 1 / h[n - 1] / h[n - 1] / count;
    rule.nodes[n - 1 - i] = -x;
    rule.weights[n - 1 - i] = rule.weights[i];
  }
  return rule;
}

}  // namespace gradflow::test
