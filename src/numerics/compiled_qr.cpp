#include "numerics/decompositions.hpp"

namespace Eigen {
template class HouseholderQR<MatrixXd>;
template class ColPivHouseholderQR<MatrixXd>;
template class SelfAdjointEigenSolver<MatrixXd>;
}  // namespace Eigen
