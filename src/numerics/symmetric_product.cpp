#include "numerics/symmetric_product.hpp"

#include <algorithm>

#include "numerics/parallel.hpp"

namespace gradflow {

void add_symmetric_product(double c, ConstMatrixRef A, ConstMatrixRef B, MatrixRef K) {
  // Tiles large enough that packing their factors costs little (a tenth of the arithmetic), and
  // small enough that a matrix of some hundred rows has work for a dozen threads. What a tile is
  // does not depend on their number.
  constexpr Index side = 96;
  const Index n = K.rows(), lines = (n + side - 1) / side;
  parallel_for(lines * (lines + 1) / 2, [&](Index tile) {
    // Column by column of the lower triangle of tiles.
    Index column = 0;
    while (tile >= lines - column) tile -= lines - column++;
    const Index top = (column + tile) * side, left = column * side;
    const Index rows = std::min(side, n - top), columns = std::min(side, n - left);
    K.block(top, left, rows, columns).noalias() +=
        c * (A.middleCols(top, rows).transpose() * B.middleCols(left, columns));
  });
}

}  // namespace gradflow
