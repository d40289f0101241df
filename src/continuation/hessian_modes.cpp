#include "continuation/hessian_modes.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "flow/lanczos.hpp"
#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

/// Below this share of a vector's length a part of it is rounding.
constexpr double rounding_share = 1e-7;
constexpr Index lanczos_products = 120;

}  // namespace

Vector metric_diagonal(System& system, ConstVectorRef y) {
  Vector diagonal(system.dimension());
  system.metric(y, diagonal);
  return diagonal;
}

Matrix energy_hessian(System& system, double t, ConstVectorRef y) {
  const Index p = system.dimension();
  const Vector metric = metric_diagonal(system, y);
  Matrix hessian(p, p);
  FlowPieces* const pieces = system.pieces();
  Vector unit(p);
  for (Index j = 0; j < p; ++j) {
    unit.setZero();
    unit[j] = 1;
    // Of the surfaces in which the flow slides: along them it has a symmetric Jacobian.
    if (pieces != nullptr) pieces->keep(y, unit);
    system.jacobian_times(t, y, unit, hessian.col(j));
    if (pieces != nullptr) pieces->keep(y, hessian.col(j));
  }
  for (Index j = 0; j < p; ++j) hessian.col(j).array() *= -metric.array();
  // Rounding.
  const Matrix transposed = hessian.transpose();
  return 0.5 * (hessian + transposed);
}

HessianModes::HessianModes(System& system, double t, ConstVectorRef y, double share)
    : system_(system), y_(y), t_(t), share_(share) {
  const Index p = system.dimension();
  if (p <= largest_dense) {
    SymmetricEigen eigen = symmetric_eigen(energy_hessian(system, t, y));
    values_ = std::move(eigen.values);
    vectors_ = std::move(eigen.vectors);
    split(values_);
    return;
  }
  metric_ = metric_diagonal(system, y);
  const JacobianKrylovSpace space = lanczos(system, t, y, lanczos_products);
  const SymmetricEigen eigen = tridiagonal_eigen(space.diagonal, space.off_diagonal);
  values_ = -eigen.values.reverse();
  const Matrix descending = eigen.vectors.rowwise().reverse();
  vectors_ = space.basis * descending;
  split(values_);
  // Ritz values near zero tell nothing of how many modes are there.
  flat_ = -1;
}

HessianModes::~HessianModes() = default;

void HessianModes::split(const Vector& values) {
  largest_ = values.size() > 0 ? values.cwiseAbs().maxCoeff() : 0;
  threshold_ = share_ * largest_;
  lowest_ = 0;
  for (Index i = values.size(); i-- > 0;) {
    if (values[i] < -threshold_)
      ++negative_;
    else if (values[i] <= threshold_)
      ++flat_;
    if (std::abs(values[i]) > threshold_) lowest_ = values[i];
  }
  unstable_ = negative_;
}

void HessianModes::set_unstable_aside() {
  unstable_ = 0;
  lowest_ = 0;
  for (Index i = values_.size(); i-- > negative_;)
    if (std::abs(values_[i]) > threshold_) lowest_ = values_[i];
}

double HessianModes::flat_part(ConstVectorRef b) const {
  return flat_ > 0 ? (vectors_.middleCols(negative_, flat_).transpose() * b).norm() : 0;
}

Vector HessianModes::solve(ConstVectorRef b) {
  if (flat_ >= 0) {
    Vector parts = vectors_.transpose() * b;
    for (Index i = 0; i < parts.size(); ++i)
      parts[i] = i >= negative_ && i < negative_ + flat_ ? 0 : parts[i] / values_[i];
    return vectors_ * parts;
  }
  if (!newton_) {
    newton_ = system_.newton_matrix(LinearKind::krylov);
    gamma_ = 1 / std::max(threshold_, 1e-300);
    newton_->linearise(t_, y_);
    if (!newton_->factorise(gamma_)) gamma_ = 0;
  }
  // (I - gamma J) x = gamma G^{-1} b, that is (G / gamma + A) x = b.
  Vector x = gamma_ * b.cwiseQuotient(metric_);
  if (gamma_ == 0 || !newton_->solve(x, 1e-6 * x.norm())) return Vector::Constant(b.size(), nan);
  return x;
}

double HessianModes::inverse_form(ConstVectorRef b) {
  if (flat_ < 0) return b.dot(solve(b));
  const Vector parts = vectors_.transpose() * b;
  double sum = 0;
  for (Index i = 0; i < parts.size(); ++i)
    if (std::abs(parts[i]) > rounding_share * b.norm() && values_[i] != 0)
      sum += parts[i] * parts[i] / values_[i];
  return sum;
}

}  // namespace gradflow
