#include "numerics/decompositions.hpp"

namespace Eigen {
template class LLT<MatrixXd>;
template class LDLT<MatrixXd>;
template class PartialPivLU<MatrixXd>;
}  // namespace Eigen
