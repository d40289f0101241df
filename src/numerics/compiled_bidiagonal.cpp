#include "numerics/decompositions.hpp"

namespace Eigen::internal {
template class UpperBidiagonalization<MatrixXd>;
}  // namespace Eigen::internal
