#include "numerics/decompositions.hpp"

namespace Eigen {
template class JacobiSVD<MatrixXd>;
}  // namespace Eigen
