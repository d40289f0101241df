#include "numerics/decompositions.hpp"

#if !EIGEN_VERSION_AT_LEAST(3, 4, 90)
/// What BDCSVD does with a bidiagonal matrix, in the members that Eigen 3.4 has for it.
namespace Eigen {
using Bdc = BDCSVD<MatrixXd>;
using Numbers = Ref<ArrayXd>;
using Numbering = Ref<Array<Index, 1, Dynamic>>;

template void Bdc::divide(Index, Index, Index, Index, Index);
template void Bdc::computeSVDofM(Index, Index, MatrixXd&, VectorXd&, MatrixXd&);
template void Bdc::computeSingVals(const Numbers&, const Numbers&, const Numbering&, VectorXd&,
                                   Numbers, Numbers);
template void Bdc::perturbCol0(const Numbers&, const Numbers&, const Numbering&, const VectorXd&,
                               const Numbers&, const Numbers&, Numbers);
template void Bdc::computeSingVecs(const Numbers&, const Numbers&, const Numbering&,
                                   const VectorXd&, const Numbers&, const Numbers&, MatrixXd&,
                                   MatrixXd&);
template void Bdc::deflation43(Index, Index, Index, Index);
template void Bdc::deflation44(Index, Index, Index, Index, Index, Index, Index);
template void Bdc::deflation(Index, Index, Index, Index, Index, Index);
template void Bdc::structured_update(Block<MatrixXd, Dynamic, Dynamic>, const MatrixXd&, Index);
template double Bdc::secularEq(double, const Numbers&, const Numbers&, const Numbering&,
                               const Numbers&, double);
}  // namespace Eigen
#endif
