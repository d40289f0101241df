#include "flow/riemannian_flow.hpp"

#include <algorithm>

#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

/// Eigenvalues of J J^T below this fraction of the largest count as zero.
constexpr double rank_tolerance = 1e-13;

}  // namespace

TangentProjection::TangentProjection(const Loss& loss)
    : loss_(loss),
      gram_(loss.outputs(), loss.outputs()),
      small_(loss.outputs()),
      solved_(loss.outputs()),
      large_(loss.dimension()) {}

void TangentProjection::linearise(ConstVectorRef w) {
  loss_.linearise(w);
  loss_.map().gram(Vector(), gram_);
  const Index n = gram_.rows();
  // More residuals than parameters can never have full rank: straight to the eigenvalues.
  full_rank_ = false;
  if (n <= loss_.dimension() && cholesky_.factorise(gram_)) {
    reciprocal_condition_ = cholesky_.pivot_ratio();
    full_rank_ = reciprocal_condition_ > rank_tolerance;
    rank_ = n;
  }
  if (!full_rank_) {
    const SymmetricEigen eigen = symmetric_eigen(gram_);
    const Vector& values = eigen.values;
    const double largest = std::max(values[n - 1], 0.0);
    Vector inverse = Vector::Zero(n);
    rank_ = 0;
    for (Index i = 0; i < n; ++i)
      if (values[i] > rank_tolerance * largest) {
        inverse[i] = 1 / values[i];
        ++rank_;
      }
    const Index counted = first_rank_ >= 0 ? first_rank_ : rank_;
    reciprocal_condition_ =
        largest > 0 && counted > 0 ? std::max(values[n - counted], 0.0) / largest : 0;
    inverse_.noalias() = eigen.vectors * inverse.asDiagonal() * eigen.vectors.transpose();
  }
  if (first_rank_ < 0) first_rank_ = rank_;
}

void TangentProjection::least_step(ConstVectorRef r, VectorRef step) {
  if (full_rank_) {
    solved_ = r;
    cholesky_.solve(solved_);
  } else {
    solved_.noalias() = inverse_ * r;
  }
  loss_.map().transpose_times(solved_, step);
}

void TangentProjection::project(VectorRef v) {
  loss_.map().jacobian_times(v, small_);
  least_step(small_, large_);
  v -= large_;
}

RiemannianFlow::RiemannianFlow(const Loss& loss, double pull)
    : projection_(loss),
      pull_(pull),
      residual_(loss.outputs()),
      step_(loss.dimension()),
      ahead_(loss.dimension()) {}

void RiemannianFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  projection_.linearise(y);
  singular_ = projection_.reciprocal_condition() < 10 * rank_tolerance;
  projection_.loss().output_loss().residual(projection_.loss().last_outputs(), residual_);
  projection_.least_step(residual_, step_);
  dydt = y;
  projection_.project(dydt);
  dydt = -dydt - pull_ * step_;
}

void RiemannianFlow::jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const double length = v.norm();
  if (length == 0) {
    out.setZero();
    return;
  }
  const double h = 1e-6 * std::max(y.norm(), 1e-6) / length;
  moved_ = y + h * v;
  rhs(t, moved_, ahead_);
  moved_ = y - h * v;
  rhs(t, moved_, out);
  out = (ahead_ - out) / (2 * h);
}

double RiemannianFlow::misfit(ConstVectorRef y) {
  Loss& loss = projection_.loss();
  if (loss.map().affine()) return 0;
  loss.linearise(y);
  loss.output_loss().residual(loss.last_outputs(), residual_);
  const double size = residual_.norm();
  return size > 0 ? size / (size + loss.last_outputs().norm()) : 0;
}

void RiemannianFlow::correct(double, VectorRef y) {
  // Quadratic convergence: two steps from an error of the tolerance are at rounding.
  for (int k = 0; k < 3; ++k) {
    projection_.linearise(y);
    projection_.loss().output_loss().residual(projection_.loss().last_outputs(), residual_);
    projection_.least_step(residual_, step_);
    if (step_.norm() <= 1e-15 * y.norm()) return;
    y -= step_;
  }
}

}  // namespace gradflow
