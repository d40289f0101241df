#pragma once

#include <algorithm>

#include "numerics/types.hpp"

/// Loops over neurons in packs: powers and Horner sums of a pack stay in registers, so that loops
/// vectorise and read each array once.
namespace gradflow::packs {

constexpr Index width = 16;
using Pack = Eigen::Array<double, width, 1>;

/// `count` numbers, with zeros beyond.
inline Pack load(const double* p, Index count) {
  if (count == width) return Eigen::Map<const Pack>(p);
  Pack out = Pack::Zero();
  for (Index i = 0; i < count; ++i) out[i] = p[i];
  return out;
}

inline void store(const Pack& value, double* p, Index count) {
  if (count == width) {
    Eigen::Map<Pack>{p} = value;
    return;
  }
  for (Index i = 0; i < count; ++i) p[i] = value[i];
}

/// f(start, count) for each pack of 0..m-1; only the last may be short.
template <class F>
void for_each(Index m, F f) {
  for (Index i = 0; i < m; i += width) f(i, std::min(width, m - i));
}

/// Sums over neurons of weight s^n, n = 0..size-1, kept as one partial sum a lane.
class PowerSums {
 public:
  explicit PowerSums(Index size) : sums_(width, size) {}
  void resize(Index size) { sums_.setZero(width, size); }
  void clear() { sums_.setZero(); }
  void add(Pack weight, const Pack& s) {
    for (Index n = 0; n < sums_.cols(); ++n) {
      sums_.col(n) += weight;
      weight *= s;
    }
  }
  void total(VectorRef out) const { out = sums_.colwise().sum().matrix().transpose(); }

 private:
  Eigen::Array<double, width, Eigen::Dynamic> sums_;
};

/// p = sum_k c_k s^k and its derivative.
inline void horner(const Vector& c, const Pack& s, Pack& p, Pack& d1) {
  p = Pack::Constant(c[c.size() - 1]);
  d1.setZero();
  for (Index k = c.size() - 2; k >= 0; --k) {
    d1 = d1 * s + p;
    p = p * s + c[k];
  }
}

/// Also half of the second derivative.
inline void horner(const Vector& c, const Pack& s, Pack& p, Pack& d1, Pack& half_d2) {
  p = Pack::Constant(c[c.size() - 1]);
  d1.setZero();
  half_d2.setZero();
  for (Index k = c.size() - 2; k >= 0; --k) {
    half_d2 = half_d2 * s + d1;
    d1 = d1 * s + p;
    p = p * s + c[k];
  }
}

}  // namespace gradflow::packs
