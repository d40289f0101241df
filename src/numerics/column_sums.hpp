#pragma once

#include "numerics/types.hpp"

namespace gradflow {

/// point = base + K a and sum = K c, K of n rows: both sums of a method's stages in one pass. It
/// reads n (columns + 1) numbers and writes 2 n, with 4 n columns flops; two products would read
/// each column twice. `point` and `sum` overlap nothing.
void add_columns(ConstVectorRef base, ConstMatrixRef K, ConstVectorRef a, ConstVectorRef c,
                 VectorRef point, VectorRef sum);

}  // namespace gradflow
