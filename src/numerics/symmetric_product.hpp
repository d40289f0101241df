#pragma once

#include "numerics/types.hpp"

namespace gradflow {

/// Lower triangle of K += c A^T B, for a product that is symmetric (A: k x n, B: k x n, K: n x n).
/// n^2 k flops, in tiles that are shared out among the threads of the run; of a tile on the
/// diagonal what lies above it is written as well. Long columns of a small product are summed in up
/// to sixteen parts (n^2 numbers each).
void add_symmetric_product(double c, ConstMatrixRef A, ConstMatrixRef B, MatrixRef K);

}  // namespace gradflow
