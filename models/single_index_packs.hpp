#pragma once

#include <algorithm>

#include "numerics/parallel.hpp"
#include "numerics/types.hpp"

/// Loops over neurons in packs: powers and Horner sums of a pack stay in registers, so that loops
/// vectorise and read each array once.
namespace gradflow::packs {

constexpr Index width = 16;

/// As many numbers as one register holds.
#if defined(__AVX512F__)
constexpr Index lanes = 8;
#elif defined(__AVX__)
constexpr Index lanes = 4;
#else
constexpr Index lanes = 2;
#endif
using Lanes = double __attribute__((vector_size(lanes * sizeof(double))));
using LanesInMemory =
    double __attribute__((vector_size(lanes * sizeof(double)), aligned(8), may_alias));

/// N numbers in registers, with arithmetic by entry. A struct of two halves, down to one register:
/// what the compiler takes apart, as it does not an array. All is inlined whatever it weighs: a
/// call would take the numbers out of their registers.
template <Index N>
struct Registers {
  Registers<N / 2> low, high;
  EIGEN_ALWAYS_INLINE static Registers constant(double value) {
    const auto half = Registers<N / 2>::constant(value);
    return {half, half};
  }
  EIGEN_ALWAYS_INLINE static Registers at(const double* p) {
    return {Registers<N / 2>::at(p), Registers<N / 2>::at(p + N / 2)};
  }
  EIGEN_ALWAYS_INLINE void write(double* p) const {
    low.write(p);
    high.write(p + N / 2);
  }
  template <class F>
  EIGEN_ALWAYS_INLINE static Registers of(const Registers& x, const Registers& y, F f) {
    return {Registers<N / 2>::of(x.low, y.low, f), Registers<N / 2>::of(x.high, y.high, f)};
  }
};

template <>
struct Registers<lanes> {
  Lanes value;
  EIGEN_ALWAYS_INLINE static Registers constant(double value) { return {value - Lanes{}}; }
  EIGEN_ALWAYS_INLINE static Registers at(const double* p) {
    return {*reinterpret_cast<const LanesInMemory*>(p)};
  }
  EIGEN_ALWAYS_INLINE void write(double* p) const { *reinterpret_cast<LanesInMemory*>(p) = value; }
  template <class F>
  EIGEN_ALWAYS_INLINE static Registers of(const Registers& x, const Registers& y, F f) {
    return {f(x.value, y.value)};
  }
};

using Pack = Registers<width>;

#define GRADFLOW_PACK_OPERATOR(op)                                                \
  EIGEN_ALWAYS_INLINE Pack operator op(const Pack& x, const Pack& y) {            \
    return Pack::of(x, y, [](const Lanes& a, const Lanes& b) { return a op b; }); \
  }                                                                               \
  EIGEN_ALWAYS_INLINE Pack operator op(double x, const Pack& y) {                 \
    return Pack::constant(x) op y;                                                \
  }                                                                               \
  EIGEN_ALWAYS_INLINE Pack operator op(const Pack& x, double y) {                 \
    return x op Pack::constant(y);                                                \
  }
GRADFLOW_PACK_OPERATOR(+)
GRADFLOW_PACK_OPERATOR(-)
GRADFLOW_PACK_OPERATOR(*)
GRADFLOW_PACK_OPERATOR(/)
#undef GRADFLOW_PACK_OPERATOR
EIGEN_ALWAYS_INLINE Pack max(const Pack& x, const Pack& y) {
  return Pack::of(x, y, [](const Lanes& a, const Lanes& b) { return a > b ? a : b; });
}

/// For what is said of all entries: sums, counts.
using Entries = Eigen::Array<double, width, 1>;
EIGEN_ALWAYS_INLINE Entries entries(const Pack& pack) {
  Entries out;
  pack.write(out.data());
  return out;
}

/// `count` numbers, with zeros beyond.
EIGEN_ALWAYS_INLINE Pack load(const double* p, Index count) {
  if (count == width) return Pack::at(p);
  double padded[width] = {};
  std::copy(p, p + count, padded);
  return Pack::at(padded);
}

EIGEN_ALWAYS_INLINE void store(const Pack& value, double* p, Index count) {
  if (count == width) return value.write(p);
  const Entries all = entries(value);
  std::copy(all.data(), all.data() + count, p);
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
  EIGEN_ALWAYS_INLINE void add(Pack weight, const Pack& s, Index chunk) {
    double* sum = sums_.data() + chunk * size_ * width;
    for (double* const end = sum + size_ * width; sum != end; sum += width) {
      (Pack::at(sum) + weight).write(sum);
      weight = weight * s;
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
EIGEN_ALWAYS_INLINE void horner(const Vector& c, const Pack& s, Pack& p, Pack& d1) {
  p = Pack::constant(c[c.size() - 1]);
  d1 = Pack::constant(0);
  for (Index k = c.size() - 2; k >= 0; --k) {
    d1 = d1 * s + p;
    p = p * s + c[k];
  }
}

/// Also half of the second derivative.
EIGEN_ALWAYS_INLINE void horner(const Vector& c, const Pack& s, Pack& p, Pack& d1, Pack& half_d2) {
  p = Pack::constant(c[c.size() - 1]);
  d1 = Pack::constant(0);
  half_d2 = Pack::constant(0);
  for (Index k = c.size() - 2; k >= 0; --k) {
    half_d2 = half_d2 * s + d1;
    d1 = d1 * s + p;
    p = p * s + c[k];
  }
}

}  // namespace gradflow::packs
