#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
template class BDCSVD<MatrixXd>;
}  // namespace Eigen

namespace gradflow {

Svd thin_svd(const Matrix& a) {
  const Eigen::BDCSVD<Matrix> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

Vector singular_values(const Matrix& a) {
  return Eigen::BDCSVD<Matrix>(a).singularValues();
}

}  // namespace gradflow
