#pragma once

#include <algorithm>

#include "numerics/parallel.hpp"
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

/// Neurons that one thread takes at a time.
constexpr Index chunk_size = 4096;

inline Index chunks(Index m) {
  return (m + chunk_size - 1) / chunk_size;
}

/// f(start, count, chunk) for each pack of 0..m-1; only the last may be short. Chunks of packs run
/// in parallel (solver.threads).
template <class F>
void for_each(Index m, F f) {
  parallel_for(chunks(m), [&](Index chunk) {
    const Index end = std::min((chunk + 1) * chunk_size, m);
    for (Index i = chunk * chunk_size; i < end; i += width) f(i, std::min(width, end - i), chunk);
  });
}

/// Sums over neurons of weight s^n, n = 0..size-1, kept as one partial sum a chunk and lane.
class PowerSums {
 public:
  void reset(Index size, Index neurons) {
    size_ = size;
    sums_.setZero(width, size * chunks(neurons));
  }
  void clear() { sums_.setZero(); }
  void add(Pack weight, const Pack& s, Index chunk) {
    for (Index n = chunk * size_; n < (chunk + 1) * size_; ++n) {
      sums_.col(n) += weight;
      weight *= s;
    }
  }
  void total(VectorRef out) const {
    out.setZero();
    for (Index n = 0; n < sums_.cols(); ++n) out[n % size_] += sums_.col(n).sum();
  }

 private:
  Index size_ = 0;
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
