#pragma once

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <memory>

#include "numerics/types.hpp"

namespace Eigen {
template <typename MatrixType>
class Tridiagonalization;
}  // namespace Eigen

/// Factorisations of dense matrices as functions and classes whose bodies stand in compiled_*.cpp:
/// they are Eigen's, and who calls them here does not compile Eigen's again. Matrices are square
/// where nothing else is said; none is checked for entries that are not finite.
namespace gradflow {

/// A = V diag(values) V^T of a symmetric matrix, of which the lower half is read.
struct SymmetricEigen {
  Vector values;   ///< ascending
  Matrix vectors;  ///< columns

  Matrix square_root() const;
  Matrix inverse_square_root() const;
};
SymmetricEigen symmetric_eigen(const Matrix& a);
Vector symmetric_eigenvalues(const Matrix& a);
/// Of a tridiagonal one: shapes (n) and (n - 1).
SymmetricEigen tridiagonal_eigen(const Vector& diagonal, const Vector& off_diagonal);
Vector tridiagonal_eigenvalues(const Vector& diagonal, const Vector& off_diagonal);

/// A = Q T Q^T of a symmetric matrix, T tridiagonal, by Householder's reflections; of A the lower
/// half is read.
class TridiagonalForm {
 public:
  explicit TridiagonalForm(const Matrix& a);
  Vector diagonal() const;             ///< of T, shape (n)
  Vector off_diagonal() const;         ///< shape (n - 1)
  Vector into(const Vector& b) const;  ///< Q^T b, shape (n)
  Vector back(const Vector& c) const;  ///< Q c, shape (n)
  Matrix back(const Matrix& c) const;  ///< shape (n, columns of c)

 private:
  std::shared_ptr<const Eigen::Tridiagonalization<Matrix>> form_;
};

/// A = U diag(values) V^T, any shape; values descending.
struct Svd {
  Matrix u;
  Vector values;
  Matrix v;
};
/// U and V square; by Jacobi rotations.
Svd full_svd(const Matrix& a);
/// U and V of min(rows, columns) columns; divide and conquer.
Svd thin_svd(const Matrix& a);
/// Divide and conquer.
Vector singular_values(const Matrix& a);
/// By Jacobi rotations: small ones have a relative accuracy of their own.
Vector jacobi_singular_values(const Matrix& a);

/// Q of A = Q R, any shape: square.
Matrix orthogonal_factor(const Matrix& a);
/// The first columns of Q, as many as A has.
Matrix orthonormal_columns(const Matrix& a);
/// R, of as many rows as A has columns, rows >= columns.
Matrix triangular_factor(const Matrix& a);

/// The least squares solution of A x = b for A of full column rank.
Vector least_squares(const Matrix& a, const Vector& b);
/// The one of least norm of any A.
Vector minimum_norm_solution(const Matrix& a, const Vector& b);

/// A = L L^T of a symmetric positive definite matrix.
class Cholesky {
 public:
  Cholesky();
  /// False where A is not positive definite.
  bool factorise(ConstMatrixRef a);
  void solve(VectorRef b) const;  ///< b becomes A^{-1} b
  /// X becomes X L^{-T}.
  void divide_by_upper(Matrix& x) const;
  /// The pivots l_kk^2, smallest over largest.
  double pivot_ratio() const;

 private:
  Eigen::LLT<Matrix> llt_;
};

/// P A = L U of any matrix that is not singular.
class Lu {
 public:
  Lu();
  void factorise(ConstMatrixRef a);
  void solve(VectorRef b) const;  ///< b becomes A^{-1} b

 private:
  Eigen::PartialPivLU<Matrix> lu_;
  mutable Vector x_;
};

}  // namespace gradflow
