#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
template class HouseholderQR<MatrixXd>;
template class ColPivHouseholderQR<MatrixXd>;
template class SelfAdjointEigenSolver<MatrixXd>;
}  // namespace Eigen

namespace gradflow {

using EigenSolver = Eigen::SelfAdjointEigenSolver<Matrix>;

Matrix SymmetricEigen::square_root() const {
  return vectors * values.cwiseSqrt().asDiagonal() * vectors.transpose();
}

Matrix SymmetricEigen::inverse_square_root() const {
  return vectors * values.cwiseInverse().cwiseSqrt().asDiagonal() * vectors.transpose();
}

SymmetricEigen symmetric_eigen(const Matrix& a) {
  const EigenSolver eigen(a);
  return {eigen.eigenvalues(), eigen.eigenvectors()};
}

Vector symmetric_eigenvalues(const Matrix& a) {
  return EigenSolver(a, Eigen::EigenvaluesOnly).eigenvalues();
}

SymmetricEigen tridiagonal_eigen(const Vector& diagonal, const Vector& off_diagonal) {
  EigenSolver eigen;
  eigen.computeFromTridiagonal(diagonal, off_diagonal);
  return {eigen.eigenvalues(), eigen.eigenvectors()};
}

Vector tridiagonal_eigenvalues(const Vector& diagonal, const Vector& off_diagonal) {
  EigenSolver eigen;
  eigen.computeFromTridiagonal(diagonal, off_diagonal, Eigen::EigenvaluesOnly);
  return eigen.eigenvalues();
}

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
