#pragma once

#include "flow/loss.hpp"

namespace gradflow {

/// The gradient of the output loss that a Gauss-Newton step leaves, u = l'(f) + D J delta with
/// (diag(shift) + scale J^T D J) delta = -scale (J^T l'(f) + Lambda w). By Woodbury, with K = J
/// diag(1/shift) J^T,
///   (I + scale D K) u = l'(f) - scale D J diag(1/shift) Lambda w,
/// which is solved as it stands where D is a number: as a difference, l' ~ tolerance and D J delta
/// would cancel down to u ~ lambda. One Gram matrix and N^3/3 flops; memory 16 N^2.
class SettledGradient {
 public:
  explicit SettledGradient(const Loss& loss) : loss_(loss) {}

  /// At w; `shift` and `decay` (Lambda) have one entry or p. False where the matrices do not fit,
  /// or are singular up to rounding.
  bool find(ConstVectorRef w, ConstVectorRef shift, double scale, ConstVectorRef decay);
  /// u, shape (N).
  const Vector& gradient() const { return gradient_; }

 private:
  Loss loss_;
  Matrix gram_;
  Vector gradient_, weight_, step_, outputs_;
};

}  // namespace gradflow
