#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
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

TridiagonalForm::TridiagonalForm(const Matrix& a)
    : form_(std::make_shared<const Eigen::Tridiagonalization<Matrix>>(a)) {}

Vector TridiagonalForm::diagonal() const {
  return form_->diagonal();
}

Vector TridiagonalForm::off_diagonal() const {
  return form_->subDiagonal();
}

Vector TridiagonalForm::into(const Vector& b) const {
  return form_->matrixQ().adjoint() * b;
}

Vector TridiagonalForm::back(const Vector& c) const {
  return form_->matrixQ() * c;
}

Matrix TridiagonalForm::back(const Matrix& c) const {
  return form_->matrixQ() * c;
}

}  // namespace gradflow
