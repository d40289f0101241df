#include "flow/mirror_flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "flow/shifted_hessian.hpp"
#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

using std::numbers::ln10;

/// Coordinates of cosh below the maximum have mobilities (1 + s) m that are powers of s: their dual
/// velocity (Z^T q)_i = beta_i'/((1 + s) m) is zero, and they follow the margins. Beyond e^25 it is
/// 1e-11 at most and stays there, which keeps rounding in Z^T q, times the mobility, small.
constexpr double largest_log_mobility = 25;

/// From here on the logistic loss is the exponential one to rounding.
constexpr double same_tail = 40;

/// A x = b for a small symmetric matrix: Cholesky, and where it is not positive definite (rare: a
/// mobility that grows along the flow) LU.
class SmallSymmetric {
 public:
  bool factorise(ConstMatrixRef a) {
    definite_ = cholesky_.factorise(a);
    if (!definite_) lu_.factorise(a);
    return a.allFinite();
  }
  void solve(VectorRef b) const {
    if (definite_)
      cholesky_.solve(b);
    else
      lu_.solve(b);
  }

 private:
  Cholesky cholesky_;
  Lu lu_;
  bool definite_ = false;
};

/// I + gamma (A diag(c) + A H B) with A, B diagonal and positive, H symmetric: dividing by A and
/// writing x = y/B leaves diag((1 + gamma A c)/(A B)) + gamma H, symmetric.
class ScaledSymmetric {
 public:
  bool factorise(double gamma, ConstVectorRef a, ConstVectorRef b, ConstVectorRef ac,
                 ConstMatrixRef h) {
    a_ = a;
    b_ = b;
    matrix_ = gamma * h;
    matrix_.diagonal().array() += (1 + gamma * ac.array()) / (a.array() * b.array().max(smallest));
    b_ = b.cwiseMax(smallest);
    return factorisation_.factorise(matrix_);
  }
  void solve(VectorRef v) const {
    v.array() /= a_.array();
    factorisation_.solve(v);
    v.array() /= b_.array();
  }

 private:
  /// d beta/d theta is 0 at 0 for p-norms with p < 2.
  static constexpr double smallest = 1e-150;
  Vector a_, b_;
  Matrix matrix_;
  SmallSymmetric factorisation_;
};

/// Of a matrix for d coordinates, symmetric once it is scaled.
NewtonOffer dense_offer(Index coordinates, double hessian_flops) {
  const auto d = static_cast<double>(coordinates);
  return {.kind = LinearKind::dense, .cost = {hessian_flops, d * d * d / 3, 2 * d * d, 24 * d * d}};
}

class MirrorNewtonMatrix final : public NewtonMatrix {
 public:
  MirrorNewtonMatrix(NewtonOffer offer, const Loss& loss, const SeparablePotential& potential,
                     double rate)
      : NewtonMatrix(std::move(offer)), loss_(loss), potential_(potential), rate_(rate) {}

  void linearise(double, ConstVectorRef y) override {
    const Index d = y.size();
    beta_.resize(d);
    gradient_.resize(d);
    a_.resize(d);
    b_.resize(d);
    ac_.resize(d);
    hessian_.resize(d, d);
    for (Index i = 0; i < d; ++i) {
      const ChartPoint point = potential_[static_cast<std::size_t>(i)]->at(y[i]);
      beta_[i] = point.beta;
      b_[i] = point.slope;
      a_[i] = rate_ * std::exp(point.log_mobility);
      ac_[i] = a_[i] * point.log_mobility_slope;
    }
    loss_.gradient(beta_, gradient_);
    ac_.array() *= gradient_.array();
    unit_.setZero(d);
    for (Index j = 0; j < d; ++j) {
      unit_[j] = 1;
      loss_.hessian_times(unit_, hessian_.col(j));
      unit_[j] = 0;
    }
  }
  bool factorise(double gamma) override { return matrix_.factorise(gamma, a_, b_, ac_, hessian_); }
  bool solve(VectorRef b, double) override {
    matrix_.solve(b);
    return b.allFinite();
  }
  std::string name() const override { return "dense, symmetric in the potential's metric"; }

 private:
  Loss loss_;
  SeparablePotential potential_;
  double rate_;
  Vector beta_, gradient_, a_, b_, ac_, unit_;
  Matrix hessian_;
  ScaledSymmetric matrix_;
};

}  // namespace

MirrorFlow::MirrorFlow(const Loss& loss, SeparablePotential potential, double rate)
    : loss_(loss),
      potential_(std::move(potential)),
      rate_(rate),
      points_(potential_.size()),
      beta_(loss_.dimension()),
      gradient_(loss_.dimension()),
      work_(loss_.dimension()) {}

void MirrorFlow::move(ConstVectorRef y) {
  for (Index i = 0; i < y.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    points_[k] = potential_[k]->at(y[i]);
    beta_[i] = points_[k].beta;
  }
}

void MirrorFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  move(y);
  loss_.gradient(beta_, gradient_);
  for (Index i = 0; i < y.size(); ++i)
    dydt[i] = -rate_ * std::exp(points_[static_cast<std::size_t>(i)].log_mobility) * gradient_[i];
}

void MirrorFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  move(y);
  loss_.gradient(beta_, gradient_);
  for (Index i = 0; i < y.size(); ++i) work_[i] = points_[static_cast<std::size_t>(i)].slope * v[i];
  loss_.hessian_times(work_, out);
  for (Index i = 0; i < y.size(); ++i) {
    const ChartPoint& point = points_[static_cast<std::size_t>(i)];
    out[i] = -rate_ * std::exp(point.log_mobility) *
             (out[i] + point.log_mobility_slope * gradient_[i] * v[i]);
  }
}

double MirrorFlow::energy(ConstVectorRef y) {
  move(y);
  return loss_.value(beta_);
}

void MirrorFlow::metric(ConstVectorRef y, VectorRef diagonal) {
  for (Index i = 0; i < y.size(); ++i) {
    const ChartPoint point = potential_[static_cast<std::size_t>(i)]->at(y[i]);
    diagonal[i] = point.slope * std::exp(-point.log_mobility) / rate_;
  }
}

std::vector<NewtonOffer> MirrorFlow::newton_offers() const {
  const double hessian = dense_hessian_offer(loss_).cost.linearise_flops;
  return {dense_offer(loss_.dimension(), hessian)};
}

std::unique_ptr<NewtonMatrix> MirrorFlow::newton_matrix(LinearKind kind) {
  if (kind != LinearKind::dense) throw std::invalid_argument("mirror flow has dense matrices only");
  return std::make_unique<MirrorNewtonMatrix>(newton_offers().front(), loss_, potential_, rate_);
}

void MirrorFlow::primal(ConstVectorRef y, VectorRef beta) const {
  for (Index i = 0; i < y.size(); ++i)
    beta[i] = potential_[static_cast<std::size_t>(i)]->at(y[i]).beta;
}

Vector MirrorFlow::chart(const SeparablePotential& potential, ConstVectorRef beta) {
  Vector x(beta.size());
  for (Index i = 0; i < beta.size(); ++i)
    x[i] = potential[static_cast<std::size_t>(i)]->to_chart(beta[i]);
  return x;
}

AcceleratedMirrorFlow::AcceleratedMirrorFlow(std::shared_ptr<const Matrix> margins,
                                             MarginLossKind kind, SeparablePotential potential,
                                             double log_initial_loss)
    : margins_(std::move(margins)),
      kind_(kind),
      potential_(std::move(potential)),
      log_initial_loss_(log_initial_loss),
      points_(potential_.size()),
      beta_(d()),
      z_(margins_->rows()),
      scaled_(margins_->rows()),
      q_(margins_->rows()),
      g_(d()),
      speed_(d()),
      capped_(potential_.size()),
      curvature_(d(), d()),
      mean_(d()),
      work_(margins_->rows()),
      dg_(d()),
      extra_(margins_->rows()) {}

void AcceleratedMirrorFlow::move(ConstVectorRef y) {
  rho_ = ln10 * y[d() + 1];
  for (Index i = 0; i < d(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    points_[k] = potential_[k]->at(y[i]);
    beta_[i] = points_[k].beta;
    double log_speed = rho_ + points_[k].log_mobility;
    // The dual's own equation has mobility (1 + s) and no bound: theta is as large as s.
    capped_[k] = points_[k].log_mobility != 0 && log_speed > largest_log_mobility;
    if (capped_[k]) log_speed = largest_log_mobility;
    speed_[i] = std::exp(log_speed);
  }
  z_.noalias() = *margins_ * beta_;
  const double least = z_.minCoeff();
  temperature_ = std::hypot(1.0, softness * std::max(0.0, least));
  log_loss_ = log_margin_loss(kind_, z_);
  if (least < same_tail) {
    margin_weights(kind_, z_, q_);
  } else {
    q_ = (-(z_.array() - least) / temperature_).exp();
    q_ /= q_.sum();
  }
  g_.noalias() = margins_->transpose() * q_;
  rate_ = 0;
  for (Index i = 0; i < d(); ++i)
    rate_ += speed_[i] * points_[static_cast<std::size_t>(i)].slope * g_[i] * g_[i];
}

void AcceleratedMirrorFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  move(y);
  for (Index i = 0; i < d(); ++i) dydt[i] = ln10 * speed_[i] * g_[i];
  dydt[d()] = ln10 * (std::exp(-y[d()]) - 1 - rate_);
  dydt[d() + 1] = 1;
}

void AcceleratedMirrorFlow::weight_curvature(MatrixRef out) {
  const Index n = q_.size();
  Index heaviest = 0;
  q_.maxCoeff(&heaviest);
  const double total = q_.sum();
  centred_ = margins_->rowwise() - margins_->row(heaviest);
  mean_.noalias() = centred_.transpose() * q_ / total;
  centred_.rowwise() -= mean_.transpose();
  weighted_ = q_.asDiagonal() * centred_;
  out.noalias() = weighted_.transpose() * centred_;
  if (kind_ == MarginLossKind::logistic && z_.minCoeff() < same_tail) {
    // -dq = [diag(q sigma(z)) - q q^T] dz: the covariance above is diag(q) - q q^T/sum q.
    for (Index i = 0; i < n; ++i) extra_[i] = -q_[i] / (1 + std::exp(z_[i]));
    weighted_ = extra_.asDiagonal() * *margins_;
    out.noalias() += margins_->transpose() * weighted_;
    out.noalias() += (1 / total - 1) * g_ * g_.transpose();
  }
}

void AcceleratedMirrorFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v,
                                           VectorRef out) {
  move(y);
  weight_curvature(curvature_);
  Vector db(d());
  for (Index i = 0; i < d(); ++i) db[i] = points_[static_cast<std::size_t>(i)].slope * v[i];
  dg_.noalias() = curvature_ * db;
  dg_ *= -1 / temperature_;
  double rate_change = 0;
  for (Index i = 0; i < d(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const ChartPoint& point = points_[k];
    const double log_speed_change =
        capped_[k] ? 0 : ln10 * v[d() + 1] + point.log_mobility_slope * v[i];
    out[i] = ln10 * speed_[i] * (dg_[i] + log_speed_change * g_[i]);
    rate_change +=
        speed_[i] * g_[i] *
        (point.slope * (log_speed_change * g_[i] + 2 * dg_[i]) + point.curvature * v[i] * g_[i]);
  }
  out[d()] = ln10 * (-std::exp(-y[d()]) * v[d()] - rate_change);
  out[d() + 1] = 0;
}

double AcceleratedMirrorFlow::energy(ConstVectorRef y) {
  move(y);
  return -std::log(depth());
}

void AcceleratedMirrorFlow::metric(ConstVectorRef y, VectorRef diagonal) {
  move(y);
  for (Index i = 0; i < d(); ++i)
    diagonal[i] = points_[static_cast<std::size_t>(i)].slope / (ln10 * speed_[i] * depth());
  diagonal.tail(dimension() - d()).setZero();
}

/// x_r is known; the block of x is solved on its own, then delta.
class AcceleratedNewtonMatrix final : public NewtonMatrix {
 public:
  explicit AcceleratedNewtonMatrix(const AcceleratedMirrorFlow& flow)
      : NewtonMatrix(flow.newton_offers().front()), flow_(flow) {}

  void linearise(double, ConstVectorRef y) override {
    const Index d = flow_.d();
    flow_.move(y);
    hessian_.resize(d, d);
    flow_.weight_curvature(hessian_);
    hessian_ /= flow_.temperature_;
    a_ = ln10 * flow_.speed_;
    b_.resize(d);
    ac_.resize(d);
    for (Index i = 0; i < d; ++i) {
      const auto k = static_cast<std::size_t>(i);
      b_[i] = flow_.points_[k].slope;
      ac_[i] = flow_.capped_[k] ? 0 : -a_[i] * flow_.points_[k].log_mobility_slope * flow_.g_[i];
    }
    decay_ = ln10 * std::exp(-y[d]);
    column_.resize(d + 2);
    unit_.setZero(d + 2);
    unit_[d + 1] = 1;
    flow_.jacobian_times(0, y, unit_, column_);
    // The row of delta.
    row_ = flow_.speed_.cwiseProduct(flow_.g_).cwiseProduct(b_);
    row_ = 2 * b_.cwiseProduct(hessian_ * row_);
    for (Index i = 0; i < d; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const double slope = flow_.capped_[k] ? 0 : flow_.points_[k].log_mobility_slope;
      row_[i] -= flow_.speed_[i] * flow_.g_[i] * flow_.g_[i] *
                 (b_[i] * slope + flow_.points_[k].curvature);
    }
    row_ *= ln10;
  }

  bool factorise(double gamma) override {
    gamma_ = gamma;
    return matrix_.factorise(gamma, a_, b_, ac_, hessian_);
  }

  bool solve(VectorRef b, double) override {
    const Index d = flow_.d();
    const double last = b[d + 1];
    b.head(d) += gamma_ * last * column_.head(d);
    matrix_.solve(b.head(d));
    b[d] = (b[d] + gamma_ * (row_.dot(b.head(d)) + column_[d] * last)) / (1 + gamma_ * decay_);
    return b.allFinite();
  }

  std::string name() const override { return "dense, symmetric in the potential's metric"; }

 private:
  AcceleratedMirrorFlow flow_;
  Matrix hessian_;
  Vector a_, b_, ac_, column_, unit_, row_;
  double gamma_ = 0, decay_ = 0;
  ScaledSymmetric matrix_;
};

std::vector<NewtonOffer> AcceleratedMirrorFlow::newton_offers() const {
  const auto n = static_cast<double>(margins_->rows()), d = static_cast<double>(margins_->cols());
  NewtonOffer offer = dense_offer(margins_->cols(), 2 * n * d * d);
  offer.cost.memory_bytes += 8 * (d * d + 3 * n * d);  // the centred rows, for the Hessian
  return {offer};
}

std::unique_ptr<NewtonMatrix> AcceleratedMirrorFlow::newton_matrix(LinearKind kind) {
  if (kind != LinearKind::dense) throw std::invalid_argument("mirror flow has dense matrices only");
  return std::make_unique<AcceleratedNewtonMatrix>(*this);
}

void AcceleratedMirrorFlow::read(ConstVectorRef y, Reading& out) {
  move(y);
  out.beta = beta_;
  out.margins = z_;
  out.weights = q_;
  out.velocity.resize(d());
  for (Index i = 0; i < d(); ++i)
    out.velocity[i] = ln10 * points_[static_cast<std::size_t>(i)].slope * speed_[i] * g_[i];
  out.log_loss = log_loss_;
  out.decay = rate_;
  // log(t + 1/L0), then without 1/L0.
  const double u = y[d()] + rho_ - log_loss_;
  out.log_time = u + std::log(-std::expm1(-std::max(0.0, u + log_initial_loss_)));
}

bool AcceleratedMirrorFlow::arithmetic_ends(ConstVectorRef y) const {
  for (Index i = 0; i < d(); ++i) {
    if (!(std::abs(y[i]) < largest)) return true;
    const ChartPoint point = potential_[static_cast<std::size_t>(i)]->at(y[i]);
    if (!(std::abs(point.beta) < largest) || !(point.slope < largest)) return true;
    // Duals move with 1 + s itself, which must stay a double.
    if (point.log_mobility == 0 && y[d() + 1] > 290) return true;
  }
  return false;
}

}  // namespace gradflow
