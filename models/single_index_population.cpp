#include "models/single_index_population.hpp"

#include <cmath>

#include "models/single_index_risk.hpp"

namespace gradflow {

using namespace sphere;

NetworkFlow::NetworkFlow(SingleIndexProblem problem)
    : Spheres(problem.width, problem.dimension),
      problem_(std::move(problem)),
      m_(problem_.width),
      d_(problem_.dimension),
      target_(problem_),
      kernel_(overlap_kernel(problem_)) {}

const NetworkFlow::Point& NetworkFlow::at(ConstVectorRef y, bool derivatives) {
  Point& p = point_;
  if (filled_ && (with_derivatives_ || !derivatives) && p.y == y) return p;
  const double m = static_cast<double>(m_);
  p.y = y;
  const auto a = p.y.head(m_);
  const auto U = weights(p.y, m_, d_);
  p.r.setZero(m_, m_);
  p.r.selfadjointView<Eigen::Lower>().rankUpdate(U);
  p.square = p.r.diagonal();
  // As on the sphere. Stages of a method are beside it, on both sides, and kernels that are cut at
  // 1 have a kink there, which takes every one-step method down to order 2.
  p.r.diagonal().setOnes();
  p.u.resize(m_, m_);
  p.u1.resize(m_, m_);
  if (derivatives) p.u2.resize(m_, m_);
  for (Index j = 0; j < m_; ++j) {
    const Index k = j * m_ + j;
    kernel_.evaluate(p.r.data() + k, m_ - j, p.u.data() + k, p.u1.data() + k,
                     derivatives ? p.u2.data() + k : nullptr);
  }
  for (Matrix* matrix : {&p.r, &p.u, &p.u1})
    matrix->triangularView<Eigen::StrictlyUpper>() = matrix->transpose();
  if (derivatives) {
    p.u2.diagonal().setZero();  // r_ii does not move on the sphere
    p.u2.triangularView<Eigen::StrictlyUpper>() = p.u2.transpose();
  }
  p.s = U.col(0);
  target_.evaluate(p.s, p.v, p.v1, p.v2);
  p.w = p.u1 * (a / m).asDiagonal();
  p.wu.noalias() = p.w * U;
  p.radial.resize(m_);
  p.force.resize(m_);
  p.along.resize(m_);
  for (Index i = 0; i < m_; ++i) {
    p.radial[i] = p.v1[i] * p.s[i] - p.wu.row(i).dot(U.row(i));
    p.force[i] = std::abs(p.v1[i]) + p.wu.row(i).norm();
    p.along[i] = tangential(p.radial[i], p.square[i], p.force[i], a[i]);
  }
  filled_ = true;
  with_derivatives_ = derivatives;
  return p;
}

void NetworkFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Point& p = at(y, false);
  const auto a = y.head(m_);
  const auto U = weights(y, m_, d_);
  auto da = dydt.head(m_);
  da.noalias() = p.u * a;
  da = (p.v - da / static_cast<double>(m_)) / problem_.epsilon;
  // u_i' = a_i (I - u_i u_i^T) [V'(s_i) e_1 - (WU)_i]
  auto dU = weights_of(dydt, m_, d_);
  dU = -p.wu - p.along.asDiagonal() * U;
  dU.col(0) += p.v1;
  dU.array().colwise() *= a.array();
}

/// dr_ij for a move of u, with 0 on the diagonal.
void NetworkFlow::overlap_change(ConstVectorRef y, ConstVectorRef v) {
  const auto U = weights(y, m_, d_);
  const auto dU = weights(v, m_, d_);
  product_.noalias() = dU * U.transpose();
  dr_ = product_ + product_.transpose();
  dr_.diagonal().setZero();
}

void NetworkFlow::second_layer_matrix(ConstVectorRef y, Matrix& k) {
  k = at(y, true).u / static_cast<double>(m_);
}

void NetworkFlow::second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  overlap_change(y, v);
  product_ = p.u1.cwiseProduct(dr_);
  out.noalias() = product_ * y.head(m_);
  out = p.v1.cwiseProduct(weights(v, m_, d_).col(0)) - out / static_cast<double>(m_);
}

void NetworkFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_), da = v.head(m_);
  const auto U = weights(y, m_, d_);
  const auto dU = weights(v, m_, d_);
  auto out_a = out.head(m_);
  second_layer_coupling(y, v, out_a);
  out_a *= m;
  out_a.noalias() -= p.u * da;
  out_a /= m * problem_.epsilon;

  dw_ = p.u2.cwiseProduct(dr_) * (a / m).asDiagonal();
  dw_ += p.u1 * (da / m).asDiagonal();
  dwu_.noalias() = dw_ * U;
  dwu_.noalias() += p.w * dU;
  dv1_ = p.v2.cwiseProduct(dU.col(0));
  dalong_.resize(m_);
  for (Index i = 0; i < m_; ++i)
    dalong_[i] = dv1_[i] * p.s[i] + p.v1[i] * dU(i, 0) - dwu_.row(i).dot(U.row(i)) -
                 p.wu.row(i).dot(dU.row(i)) +
                 tangential_slope(p.radial[i], p.force[i], a[i]) * U.row(i).dot(dU.row(i));
  // d(a_i H_i) with H_i = V' e_1 - (WU)_i - along u_i.
  auto out_u = weights_of(out, m_, d_);
  out_u = -dwu_ - dalong_.asDiagonal() * U;
  out_u -= p.along.asDiagonal() * dU;
  out_u.col(0) += dv1_;
  out_u.array().colwise() *= a.array();
  dwu_ = -p.wu - p.along.asDiagonal() * U;
  dwu_.col(0) += p.v1;
  out_u.array() += dwu_.array().colwise() * da.array();
}

double NetworkFlow::energy(ConstVectorRef y) {
  const Point& p = at(y, false);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_);
  return m * population_risk(problem_, a, p.s, 0.5 * problem_.phi.squaredNorm(), a.dot(p.v) / m,
                             0.5 * a.dot(p.u * a) / (m * m), [&](Matrix& across) {
                               const auto beside = weights(y, m_, d_).rightCols(d_ - 1);
                               across.noalias() = beside * beside.transpose();
                             });
}

void NetworkFlow::metric(ConstVectorRef, VectorRef diagonal) {
  layered_metric(problem_.epsilon, m_, diagonal);
}

std::vector<NewtonOffer> NetworkFlow::newton_offers() const {
  return second_layer_offers(dimension(), m_, product_flops());
}

std::unique_ptr<NewtonMatrix> NetworkFlow::newton_matrix(LinearKind kind) {
  if (kind == LinearKind::krylov)
    return second_layer_newton(std::make_unique<NetworkFlow>(problem_), problem_.epsilon, m_,
                               product_flops());
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this, product_flops());
  return System::newton_matrix(kind);
}

double NetworkFlow::product_flops() const {
  const double m = static_cast<double>(m_), d = static_cast<double>(d_);
  return 6 * m * m * d;
}

}  // namespace gradflow
