#include "numerics/column_sums.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace gradflow {
namespace {

using Sums = void (*)(const double*, const double*, Index, const double*, const double*, double*,
                      double*, Index);

/// With the number of columns known the compiler keeps both sums of several rows in registers.
template <std::size_t Columns>
void add_columns_of(const double* __restrict base, const double* __restrict K, Index stride,
                    const double* a, const double* c, double* __restrict point,
                    double* __restrict sum, Index n) {
  std::array<double, Columns> of_point, of_sum;
  std::copy_n(a, Columns, of_point.begin());
  std::copy_n(c, Columns, of_sum.begin());
  for (Index i = 0; i < n; ++i) {
    double p = base[i], s = 0;
    for (std::size_t k = 0; k < Columns; ++k) {
      const double entry = K[static_cast<Index>(k) * stride + i];
      p += of_point[k] * entry;
      s += of_sum[k] * entry;
    }
    point[i] = p;
    sum[i] = s;
  }
}

template <std::size_t... Columns>
constexpr std::array<Sums, sizeof...(Columns)> of_each(std::index_sequence<Columns...>) {
  return {&add_columns_of<Columns + 1>...};
}

}  // namespace

void add_columns(ConstVectorRef base, ConstMatrixRef K, ConstVectorRef a, ConstVectorRef c,
                 VectorRef point, VectorRef sum) {
  constexpr std::size_t most = 8;  // columns whose numbers the registers hold
  static constexpr std::array<Sums, most> sums = of_each(std::make_index_sequence<most>{});
  const auto columns = static_cast<std::size_t>(K.cols());
  if (columns > 0 && columns <= most)
    return sums[columns - 1](base.data(), K.data(), K.outerStride(), a.data(), c.data(),
                             point.data(), sum.data(), K.rows());
  point = base;
  point.noalias() += K * a;
  sum.noalias() = K * c;
}

}  // namespace gradflow
