#include "numerics/symmetric_product.hpp"

#include <algorithm>

#include "numerics/parallel.hpp"

namespace gradflow {

void add_symmetric_product(double c, ConstMatrixRef A, ConstMatrixRef B, MatrixRef K) {
  // Wide enough that packing A anew for each panel costs little.
  constexpr Index panel = 256;
  const Index n = K.rows();
  parallel_for((n + panel - 1) / panel, [&](Index p) {
    const Index start = p * panel, below = n - start;
    const Index columns = std::min(panel, below);
    K.block(start, start, below, columns).noalias() +=
        c * (A.rightCols(below).transpose() * B.middleCols(start, columns));
  });
}

}  // namespace gradflow
