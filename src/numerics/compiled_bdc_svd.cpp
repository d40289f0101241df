#include "numerics/decompositions.hpp"

namespace Eigen {
template class BDCSVD<MatrixXd>;
}  // namespace Eigen
