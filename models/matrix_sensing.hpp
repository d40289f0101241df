#pragma once

#include "flow/model.hpp"
#include "flow/output_map.hpp"

namespace gradflow {

/// f_s = <A_s, U V^T>, or <A_s, U U^T>; row s of `operators` is A_s (rows, columns), column by
/// column. Parameters U (rows, rank), V (columns, rank), row by row; U alone in the symmetric case.
std::unique_ptr<OutputMap> make_matrix_sensing_map(std::shared_ptr<const Matrix> operators,
                                                   Index rows, Index columns, Index rank,
                                                   bool symmetric);

/// F = |A(U V^T) - y|^2 with Gaussian measurements. Boursier, Pesme, Dragomir, arXiv 2505.20172.
ModelInfo matrix_sensing();

}  // namespace gradflow
