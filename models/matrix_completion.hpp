#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F(U, V) = sum over observed (i, j) of ((U V^T)_ij - M_ij)^2; state: U then V, each row by row.
/// U^T U - V^T V decays as exp(-2 lambda t) along the flow.
ModelInfo matrix_completion();

}  // namespace gradflow
