#include "numerics/long_vectors.hpp"

#include <atomic>
#include <cmath>

namespace gradflow::long_vectors {

double dot(ConstVectorRef u, ConstVectorRef v) {
  return sum_of_stretches(u.size(), [&](Index first, Index count) {
    return u.segment(first, count).dot(v.segment(first, count));
  });
}

double norm(ConstVectorRef v) {
  return std::sqrt(sum_of_stretches(
      v.size(), [&](Index first, Index count) { return v.segment(first, count).squaredNorm(); }));
}

bool all_finite(ConstVectorRef v) {
  std::atomic<bool> finite = true;
  for_stretches(v.size(), [&](Index first, Index count) {
    if (finite && !v.segment(first, count).allFinite()) finite = false;
  });
  return finite;
}

bool same(ConstVectorRef u, ConstVectorRef v) {
  if (u.size() != v.size()) return false;
  std::atomic<bool> equal = true;
  for_stretches(u.size(), [&](Index first, Index count) {
    if (equal && !(u.segment(first, count) == v.segment(first, count))) equal = false;
  });
  return equal;
}

void copy(ConstVectorRef from, VectorRef to) {
  for_stretches(from.size(), [&](Index first, Index count) {
    to.segment(first, count) = from.segment(first, count);
  });
}

void divide(ConstVectorRef v, double c, VectorRef out) {
  for_stretches(v.size(), [&](Index first, Index count) {
    out.segment(first, count) = v.segment(first, count) / c;
  });
}

void add_scaled(double c, ConstVectorRef v, VectorRef out) {
  for_stretches(v.size(), [&](Index first, Index count) {
    out.segment(first, count) += c * v.segment(first, count);
  });
}

void combine(ConstMatrixRef K, ConstVectorRef c, VectorRef out) {
  for_stretches(K.rows(), [&](Index first, Index count) {
    out.segment(first, count).noalias() = K.middleRows(first, count) * c;
  });
}

}  // namespace gradflow::long_vectors
