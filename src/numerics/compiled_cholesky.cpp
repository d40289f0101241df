#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
template class LLT<MatrixXd>;
template class LDLT<MatrixXd>;
template class PartialPivLU<MatrixXd>;
}  // namespace Eigen

namespace gradflow {

Cholesky::Cholesky() = default;

bool Cholesky::factorise(ConstMatrixRef a) {
  llt_.compute(a);
  return llt_.info() == Eigen::Success;
}

void Cholesky::solve(VectorRef b) const {
  llt_.solveInPlace(b);
}

void Cholesky::divide_by_upper(Matrix& x) const {
  llt_.matrixU().solveInPlace<Eigen::OnTheRight>(x);
}

double Cholesky::pivot_ratio() const {
  const auto pivots = llt_.matrixLLT().diagonal().array().square();
  return pivots.minCoeff() / pivots.maxCoeff();
}

Lu::Lu() = default;

void Lu::factorise(ConstMatrixRef a) {
  lu_.compute(a);
  x_.resize(a.rows());
}

void Lu::solve(VectorRef b) const {
  x_ = lu_.solve(b);
  b = x_;
}

}  // namespace gradflow
