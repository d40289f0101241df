#include "numerics/symmetric_product.hpp"

#include <algorithm>

#include "numerics/parallel.hpp"

namespace gradflow {
namespace {

/// The tiles of a lower triangle: large enough that packing their factors costs little (a tenth of
/// the arithmetic), and small enough that a matrix of some hundred rows has work for a dozen
/// threads.
constexpr Index side = 96;

struct Tile {
  Index top = 0, left = 0, rows = 0, columns = 0;

  /// Column by column of a triangle of n rows.
  Tile(Index number, Index n) {
    Index lines = (n + side - 1) / side, column = 0;
    while (number >= lines - column) number -= lines - column++;
    top = (column + number) * side;
    left = column * side;
    rows = std::min(side, n - top);
    columns = std::min(side, n - left);
  }
};

/// Few tiles of long columns are cut along the columns too, each cut with sums of its own. Neither
/// depends on the number of threads.
Index slices_of(Index tiles, Index k) {
  constexpr Index enough = 16, shortest = 2048;
  return std::clamp<Index>(k / shortest, 1, std::max<Index>(1, enough / tiles));
}

}  // namespace

void add_symmetric_product(double c, ConstMatrixRef A, ConstMatrixRef B, MatrixRef K) {
  const Index n = K.rows(), k = A.rows(), lines = (n + side - 1) / side;
  const Index tiles = lines * (lines + 1) / 2;
  if (tiles == 0) return;
  const Index slices = slices_of(tiles, k);
  const auto product = [&](const Tile& tile, Index first, Index count) {
    return A.block(first, tile.top, count, tile.rows).transpose() *
           B.block(first, tile.left, count, tile.columns);
  };
  if (slices == 1) {
    parallel_for(tiles, [&](Index t) {
      const Tile tile(t, n);
      K.block(tile.top, tile.left, tile.rows, tile.columns).noalias() += c * product(tile, 0, k);
    });
    return;
  }
  Matrix sums(n, n * slices);
  parallel_for(tiles * slices, [&](Index part) {
    const Tile tile(part / slices, n);
    const Index slice = part % slices, first = slice * k / slices;
    sums.block(tile.top, slice * n + tile.left, tile.rows, tile.columns).noalias() =
        product(tile, first, (slice + 1) * k / slices - first);
  });
  for (Index t = 0; t < tiles; ++t) {
    const Tile tile(t, n);
    for (Index slice = 0; slice < slices; ++slice)
      K.block(tile.top, tile.left, tile.rows, tile.columns) +=
          c * sums.block(tile.top, slice * n + tile.left, tile.rows, tile.columns);
  }
}

}  // namespace gradflow
