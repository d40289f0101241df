#include "numerics/decompositions.hpp"
#include "numerics/factorisations.hpp"

namespace Eigen {
#if EIGEN_VERSION_AT_LEAST(3, 4, 90)
template class BDCSVD<MatrixXd>;
#else
// The other members are in compiled_bdc_divide.cpp: all of them in one file take a compiler 22 s
// and a gigabyte.
template BDCSVD<MatrixXd>::BDCSVD(const MatrixXd&, unsigned int);
template BDCSVD<MatrixXd>::~BDCSVD();
template BDCSVD<MatrixXd>& BDCSVD<MatrixXd>::compute(const MatrixXd&, unsigned int);
template void BDCSVD<MatrixXd>::allocate(Index, Index, unsigned int);
#endif
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
