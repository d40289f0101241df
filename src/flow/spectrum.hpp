#pragma once

#include "flow/loss.hpp"

namespace gradflow {

/// Eigenvalues of hess F + diag(decay) at a point, in ascending order, with their vectors
/// (columns): all of them up to `dense_limit` parameters (p Hessian-vector products and 9 p^3
/// flops); beyond, the `count` smallest and the `count` largest by Lanczos with Hessian-vector
/// products (Spectra), to 1e-8 of the largest |eigenvalue|; NaN in the place of an end that is not
/// found in 300 restarts (many eigenvalues within 1e-9 of the largest of each other).
struct HessianSpectrum {
  Vector values;
  Matrix vectors;
  bool complete = false;  ///< all eigenvalues are there
};

inline constexpr Index dense_spectrum_limit = 1500;

/// `decay` has one entry for all parameters, or one for each.
HessianSpectrum hessian_spectrum(Loss& loss, ConstVectorRef w, ConstVectorRef decay, Index count,
                                 Index dense_limit = dense_spectrum_limit);

/// The largest eigenvalue of hess F at a point: by Lanczos, some dozens of Hessian-vector products,
/// to 1e-9 of the largest |eigenvalue|; of a few parameters by the whole Hessian, without its
/// vectors. NaN where 300 restarts do not find it.
double largest_hessian_eigenvalue(Loss& loss, ConstVectorRef w);

/// The separation of time scales at a point of w' = -grad F - Lambda w.
struct ScaleSeparation {
  Index fast_modes = 0;  ///< modes above the largest gap; 0 where the gap is below `least_gap`
  double gap = 1;        ///< slowest of the fast rates over the largest of the others
};

/// Fast modes are those that contract fastest. With the eigenvalues of hess F + Lambda in
/// descending order, the gap below the k-th is mu_k over the largest |mu_j|, j > k: growing modes
/// count among the others with their rate, so that an eigenvalue that passes through 0 makes no gap
/// as long as another mode grows. Rates below `floor` x the largest (rounding) count as the floor.
/// NaN eigenvalues make a NaN gap. With the ends of the spectrum alone the gap may be taken across
/// those that are not known.
ScaleSeparation scale_separation(const Vector& eigenvalues, double floor = 1e-14);

/// Below a ratio of 10 there is no telling fast from slow.
inline constexpr double least_gap = 10;

}  // namespace gradflow
