#pragma once

#include <Eigen/Core>

/// Eigen's kernels for products and triangular solves of double matrices are compiled once, in
/// compiled_products.cpp, instead of in each file that multiplies: they are what a compiler spends
/// most of its time on. The expressions stay Eigen's own, and so do the bits.
#ifndef GRADFLOW_COMPILED_PRODUCT
#define GRADFLOW_COMPILED_PRODUCT extern template
#endif

namespace Eigen::internal {

using ProductTraits = gebp_traits<double, double>;
using ByColumns = const_blas_data_mapper<double, Index, ColMajor>;
using ByRows = const_blas_data_mapper<double, Index, RowMajor>;

GRADFLOW_COMPILED_PRODUCT struct gebp_kernel<
    double, double, Index, blas_data_mapper<double, Index, ColMajor, Unaligned, 1>,
    ProductTraits::mr, ProductTraits::nr, false, false>;
GRADFLOW_COMPILED_PRODUCT struct gemm_pack_lhs<double, Index, ByColumns, ProductTraits::mr,
                                               ProductTraits::LhsProgress,
                                               ProductTraits::LhsPacket4Packing, ColMajor>;
GRADFLOW_COMPILED_PRODUCT struct gemm_pack_lhs<double, Index, ByRows, ProductTraits::mr,
                                               ProductTraits::LhsProgress,
                                               ProductTraits::LhsPacket4Packing, RowMajor>;
GRADFLOW_COMPILED_PRODUCT struct gemm_pack_rhs<double, Index, ByColumns, ProductTraits::nr,
                                               ColMajor>;
GRADFLOW_COMPILED_PRODUCT struct gemm_pack_rhs<double, Index, ByRows, ProductTraits::nr, RowMajor>;

#define GRADFLOW_MATRIX_PRODUCT(LEFT, RIGHT)                      \
  GRADFLOW_COMPILED_PRODUCT struct general_matrix_matrix_product< \
      Index, double, LEFT, false, double, RIGHT, false, ColMajor, 1>
GRADFLOW_MATRIX_PRODUCT(ColMajor, ColMajor);
GRADFLOW_MATRIX_PRODUCT(ColMajor, RowMajor);
GRADFLOW_MATRIX_PRODUCT(RowMajor, ColMajor);
GRADFLOW_MATRIX_PRODUCT(RowMajor, RowMajor);
#undef GRADFLOW_MATRIX_PRODUCT

#define GRADFLOW_VECTOR_PRODUCT(LEFT, ORDER, RIGHT)                                          \
  GRADFLOW_COMPILED_PRODUCT struct general_matrix_vector_product<Index, double, LEFT, ORDER, \
                                                                 false, double, RIGHT, false, 0>
GRADFLOW_VECTOR_PRODUCT(ByColumns, ColMajor, ByColumns);
GRADFLOW_VECTOR_PRODUCT(ByColumns, ColMajor, ByRows);
GRADFLOW_VECTOR_PRODUCT(ByRows, RowMajor, ByColumns);
GRADFLOW_VECTOR_PRODUCT(ByRows, RowMajor, ByRows);
#undef GRADFLOW_VECTOR_PRODUCT

#define GRADFLOW_TRIANGULAR_SOLVE(MODE, ORDER)                                                    \
  GRADFLOW_COMPILED_PRODUCT struct triangular_solve_matrix<double, Index, OnTheLeft, MODE, false, \
                                                           ORDER, ColMajor, 1>
GRADFLOW_TRIANGULAR_SOLVE(Lower, ColMajor);
GRADFLOW_TRIANGULAR_SOLVE(Upper, ColMajor);
GRADFLOW_TRIANGULAR_SOLVE(Upper, RowMajor);
GRADFLOW_TRIANGULAR_SOLVE(UnitLower, ColMajor);
GRADFLOW_TRIANGULAR_SOLVE(UnitUpper, RowMajor);
#undef GRADFLOW_TRIANGULAR_SOLVE

}  // namespace Eigen::internal
