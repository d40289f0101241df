#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
template class HouseholderQR<MatrixXd>;
template class ColPivHouseholderQR<MatrixXd>;
}  // namespace Eigen

namespace gradflow {

Matrix orthogonal_factor(const Matrix& a) {
  return Eigen::HouseholderQR<Matrix>(a).householderQ();
}

Matrix orthonormal_columns(const Matrix& a) {
  return Eigen::HouseholderQR<Matrix>(a).householderQ() * Matrix::Identity(a.rows(), a.cols());
}

Matrix triangular_factor(const Matrix& a) {
  return Eigen::HouseholderQR<Matrix>(a)
      .matrixQR()
      .topRows(a.cols())
      .triangularView<Eigen::Upper>();
}

Vector least_squares(const Matrix& a, const Vector& b) {
  return Eigen::ColPivHouseholderQR<Matrix>(a).solve(b);
}

Vector minimum_norm_solution(const Matrix& a, const Vector& b) {
  return Eigen::CompleteOrthogonalDecomposition<Matrix>(a).solve(b);
}

}  // namespace gradflow
