#pragma once

#include <memory>

#include "flow/system.hpp"

namespace gradflow {

/// Eigenvalues of the energy's Hessian below this share of the largest are flat modes: directions
/// of a symmetry (rotations of hidden layers, equal neurons, rays), neither stable nor unstable.
inline constexpr double flat_share = 1e-6;

/// The Hessian A of a gradient flow's energy at a state, split into unstable, flat and stable
/// modes. A = -G J with the flow's Jacobian J and its (constant, diagonal) metric G, so that it is
/// symmetric; of a flow with kinks it is that of the smooth piece which the system holds.
///
/// Up to `largest_dense` parameters by all eigenpairs: p Jacobian products and 9 p^3 flops. Beyond,
/// the ends of the spectrum by Lanczos with 120 products, and systems by the flow's matrix-free
/// Newton matrix: `flat` is then not known (-1), and what is flat is damped, not left out.
class HessianModes {
 public:
  static constexpr Index largest_dense = 1500;

  HessianModes(System& system, double t, ConstVectorRef y, double share = flat_share);
  ~HessianModes();

  Index unstable() const { return unstable_; }
  Index flat() const { return flat_; }
  /// The lowest eigenvalue that is not flat; 0 where all are.
  double lowest() const { return lowest_; }
  double largest() const { return largest_; }  ///< largest |eigenvalue|
  /// Growth rate of the fastest growing mode, 0 at a minimum.
  double growth() const { return unstable_ > 0 ? -lowest_ : 0; }
  /// The k-th unstable mode, the fastest first; of length one.
  Vector unstable_mode(Index k) const { return vectors_.col(k); }
  /// Takes the unstable modes for none, as where a kink across them holds the flow.
  void set_unstable_aside();
  /// Length of b's part along flat modes; 0 where they are not known.
  double flat_part(ConstVectorRef b) const;
  /// A^+ b, flat modes left out.
  Vector solve(ConstVectorRef b);
  /// b A^+ b over every mode that b has a part in above rounding, however flat.
  double inverse_form(ConstVectorRef b);

 private:
  void split(const Vector& values);

  System& system_;
  Vector y_;
  double t_, share_, threshold_ = 0, lowest_ = 0, largest_ = 0;
  Index negative_ = 0;  ///< eigenvalues below the flat ones
  Index unstable_ = 0, flat_ = 0;
  Vector metric_, values_;
  Matrix vectors_;
  std::unique_ptr<NewtonMatrix> newton_;  ///< beyond largest_dense
  double gamma_ = 0;
};

/// A at (t, y), as a matrix: p Jacobian products.
Matrix energy_hessian(System& system, double t, ConstVectorRef y);

/// The diagonal of the system's metric, which must not depend on the state.
Vector metric_diagonal(System& system, ConstVectorRef y);

}  // namespace gradflow
