#include "flow/output_map.hpp"

#include <algorithm>
#include <stdexcept>

#include "flow/batch_map.hpp"
#include "numerics/symmetric_product.hpp"

namespace gradflow {

Index BlockStructure::largest() const {
  Index size = 0;
  for (std::size_t b = 0; b + 1 < start.size(); ++b) size = std::max(size, start[b + 1] - start[b]);
  return size;
}

void OutputMap::transposed_jacobian(MatrixRef jt) {
  unit_.setZero(outputs());
  for (Index i = 0; i < outputs(); ++i) {
    unit_[i] = 1;
    transpose_times(unit_, jt.col(i));
    unit_[i] = 0;
  }
}

void OutputMap::gram(ConstVectorRef weight, MatrixRef k) {
  jt_.resize(parameters(), outputs());
  transposed_jacobian(jt_);
  if (weight.size() == 0) {
    k.setZero();
    add_symmetric_product(1, jt_, jt_, k);
  } else {
    weighted_.resize(parameters(), outputs());
    weighted_.noalias() = weight.asDiagonal() * jt_;
    k.setZero();
    add_symmetric_product(1, jt_, weighted_, k);
  }
  k.triangularView<Eigen::StrictlyUpper>() = k.transpose();
}

double OutputMap::gram_flops() const {
  const double n = static_cast<double>(outputs());
  return n * n * static_cast<double>(parameters()) + n * product_flops();
}

void OutputMap::add_hessian(double, ConstVectorRef, MatrixRef) {
  throw std::logic_error("this model makes no Hessian but by products");
}

std::unique_ptr<BatchMap> OutputMap::batch_map() const {
  return nullptr;
}

void OutputMap::curvature(ConstVectorRef, VectorRef) {
  throw std::logic_error("this model has no block-diagonal curvature");
}

}  // namespace gradflow
