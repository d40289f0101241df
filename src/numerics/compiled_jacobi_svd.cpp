#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
template class JacobiSVD<MatrixXd>;
}  // namespace Eigen

namespace gradflow {

Svd full_svd(const Matrix& a) {
  const Eigen::JacobiSVD<Matrix> svd(a, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

Vector jacobi_singular_values(const Matrix& a) {
  return Eigen::JacobiSVD<Matrix>(a).singularValues();
}

}  // namespace gradflow
