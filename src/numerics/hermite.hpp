#pragma once

#include <cmath>
#include <functional>
#include <span>

#include "numerics/activation.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// Nodes and weights: the integral of f is approximated by the sum of weights[i] f(nodes[i]).
struct QuadratureRule {
  Vector nodes;    ///< ascending
  Vector weights;  ///< positive
};

/// Gauss-Legendre rule on [0, 1]: exact for polynomials of degree 2n - 1; weights sum to 1. Throws
/// std::invalid_argument for n < 1. Cost n^2.
QuadratureRule gauss_legendre(Index n);

/// Normalised probabilists' Hermite polynomials h_k = He_k/sqrt(k!), orthonormal under N(0, 1):
/// h_{k+1}(x) of h_k and h_{k-1}, by sqrt(k + 1) h_{k+1} = x h_k - sqrt(k) h_{k-1}. Derivatives
/// follow from h_k' = sqrt(k) h_{k-1}.
inline double next_hermite(Index k, double x, double h, double before) {
  return (x * h - std::sqrt(static_cast<double>(k)) * before) /
         std::sqrt(static_cast<double>(k + 1));
}

/// The expansion f = sum_k coefficients[k] h_k in L^2(N(0, 1)), cut after a degree K.
struct HermiteSeries {
  Vector coefficients;          ///< E f(x) h_k(x), k = 0..K
  double tail = 0;              ///< truncation error sqrt(E f^2 - sum_{k<=K} coefficients[k]^2)
  double quadrature_error = 0;  ///< estimate of the largest error of a coefficient; 0: closed form
  /// |f sqrt(phi)| at the ends of the quadrature, phi the density, over the norm of f: where it is
  /// not small, f grows too fast for the series, or has none; 0: closed form
  double beyond = 0;
};

/// The series of an activation up to `degree`: in closed form for relu, leaky_relu, erf, gelu,
/// quadratic and identity, by quadrature for the others. Throws std::invalid_argument for
/// degree < 0.
HermiteSeries hermite_series(const Activation& activation, Index degree);

/// The series of a function by Gauss-Legendre panels on [-14, 14], with panel ends at `kinks`,
/// halved until the coefficients no longer change. f is piecewise smooth between the kinks and
/// grows more slowly than exp(x^2/8); beyond 14 the density and any h_k together are below 1e-21.
/// Where the panels do not settle (an undeclared jump), `quadrature_error` says so. Throws
/// std::invalid_argument for degree < 0.
HermiteSeries hermite_series_by_quadrature(const std::function<double(double)>& f, Index degree,
                                           std::span<const double> kinks = {});

}  // namespace gradflow
