#pragma once

#include <vector>

#include "numerics/parallel.hpp"
#include "numerics/types.hpp"

/// Arithmetic on vectors of a state's length, by stretches that the threads of the run share out.
/// Their bits do not depend on the number of threads: a sum is that of its stretches' sums in
/// order. Outputs overlap no input but where they are it.
namespace gradflow::long_vectors {

/// Entries that stay in the second-level cache with all vectors of a step.
inline constexpr Index stretch = 8192;

/// visit(first, count) for the stretches of 0..n-1, in parallel.
template <class Visit>
void for_stretches(Index n, const Visit& visit) {
  for_each_stretch(n, stretch, [&](Index, Index first, Index count) { visit(first, count); });
}

/// sum of part(first, count) over the stretches of 0..n-1.
template <class Part>
double sum_of_stretches(Index n, const Part& part) {
  if (n <= stretch) return part(Index{0}, n);
  std::vector<double> parts(static_cast<std::size_t>((n + stretch - 1) / stretch));
  for_each_stretch(n, stretch, [&](Index k, Index first, Index count) {
    parts[static_cast<std::size_t>(k)] = part(first, count);
  });
  double sum = 0;
  for (const double each : parts) sum += each;
  return sum;
}

/// One pass each: 2 n flops or fewer, n numbers of each vector.
double dot(ConstVectorRef u, ConstVectorRef v);
double norm(ConstVectorRef v);
bool all_finite(ConstVectorRef v);
bool same(ConstVectorRef u, ConstVectorRef v);
void copy(ConstVectorRef from, VectorRef to);
/// out = v / c; `out` may be v.
void divide(ConstVectorRef v, double c, VectorRef out);
/// out += c v.
void add_scaled(double c, ConstVectorRef v, VectorRef out);
/// out = K c: 2 n columns flops, K read once.
void combine(ConstMatrixRef K, ConstVectorRef c, VectorRef out);

}  // namespace gradflow::long_vectors
