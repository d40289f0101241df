#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "numerics/types.hpp"

/// Eigen's decompositions of double matrices, compiled once (compiled_*.cpp) instead of in each file
/// that takes one. To be included in place of Eigen's headers.
namespace Eigen {

extern template class LLT<MatrixXd>;
extern template class LDLT<MatrixXd>;
extern template class PartialPivLU<MatrixXd>;
extern template class HouseholderQR<MatrixXd>;
extern template class ColPivHouseholderQR<MatrixXd>;
extern template class SelfAdjointEigenSolver<MatrixXd>;
extern template class JacobiSVD<MatrixXd>;
extern template class BDCSVD<MatrixXd>;
namespace internal {
extern template class UpperBidiagonalization<MatrixXd>;  // of BDCSVD half
}

}  // namespace Eigen
