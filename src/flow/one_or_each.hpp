#pragma once

#include "numerics/types.hpp"

/// Learning rates, weight decays and shifts c: an entry for each parameter, or a vector of size one
/// that stands for all.
namespace gradflow::one_or_each {

inline double entry(ConstVectorRef c, Index i) {
  return c.size() == 1 ? c[0] : c[i];
}

/// What c is for the entries from `first` on.
inline auto part(const Vector& c, Index first, Index count) {
  return c.size() == 1 ? c.segment(0, 1) : c.segment(first, count);
}

void part(Vector&& c, Index first, Index count) = delete;  // it would be gone

/// v_i <- c_i v_i.
inline void multiply(ConstVectorRef c, VectorRef v) {
  if (c.size() == 1)
    v *= c[0];
  else
    v.array() *= c.array();
}

/// v_i <- v_i / c_i.
inline void divide(ConstVectorRef c, VectorRef v) {
  if (c.size() == 1)
    v /= c[0];
  else
    v.array() /= c.array();
}

/// out_i += c_i v_i.
inline void add_product(ConstVectorRef c, ConstVectorRef v, VectorRef out) {
  if (c.size() == 1)
    out += c[0] * v;
  else
    out.array() += c.array() * v.array();
}

/// sum_i c_i v_i^2.
inline double square_sum(ConstVectorRef c, ConstVectorRef v) {
  if (c.size() == 1) return c[0] * v.squaredNorm();
  return (c.array() * v.array().square()).sum();
}

/// sum of two of them, each of one entry or of all.
inline Vector sum(ConstVectorRef a, ConstVectorRef b) {
  if (a.size() == b.size()) return a + b;
  return a.size() == 1 ? (b.array() + a[0]).matrix() : (a.array() + b[0]).matrix();
}

}  // namespace gradflow::one_or_each
