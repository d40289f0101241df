#pragma once

#include "flow/loss.hpp"

namespace gradflow {

/// Eigenvalues of hess F at a point, in ascending order, with their vectors (columns): all of them
/// up to `dense_limit` parameters (p Hessian-vector products and 9 p^3 flops); beyond, the `count`
/// smallest and the `count` largest by Lanczos with Hessian-vector products (Spectra), to 1e-8 of the
/// largest.
struct HessianSpectrum {
  Vector values;
  Matrix vectors;
  bool complete = false;  ///< all eigenvalues are there
};

inline constexpr Index dense_spectrum_limit = 1500;

HessianSpectrum hessian_spectrum(Loss& loss, ConstVectorRef w, Index count,
                                 Index dense_limit = dense_spectrum_limit);

/// The separation of time scales at a point of w' = -grad F - lambda w.
struct ScaleSeparation {
  Index fast_modes = 0;  ///< eigenvalues above the largest gap
  double gap = 1;        ///< ratio of the rates at the gap
};

/// The largest ratio of neighbours in the sorted rates |mu_i + lambda|, where rates below
/// `floor` x the largest (rounding) count as the floor. With the ends of the spectrum alone the gap
/// may be taken across those that are not known.
ScaleSeparation scale_separation(const Vector& eigenvalues, double lambda, double floor = 1e-14);

}  // namespace gradflow
