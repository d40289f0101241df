#include <algorithm>
#include <cmath>

#include "flow/hessian_preconditioner.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/memory.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

Index rank_of(const Loss& loss, Index rank) {
  return std::min({rank, loss.dimension(), loss.outputs()});
}

class NystromPreconditioner final : public HessianPreconditioner {
 public:
  NystromPreconditioner(const Loss& loss, Index rank)
      : rank_(rank_of(loss, rank)),
        sketch_(loss.dimension(), rank_),
        probe_(loss.dimension(), rank_),
        coefficients_(rank_) {
    RandomStream stream(0, "nystrom");
    stream.fill_normal(probe_);
    probe_ = orthonormal_columns(probe_);
  }

  void linearise(Loss& loss) override {
    for (Index j = 0; j < rank_; ++j) loss.gauss_newton_times(probe_.col(j), sketch_.col(j));
    // Nystrom: H ~ Y (Q^T Y)^{-1} Y^T, with a small shift so that the core is positive definite.
    const double nu = std::sqrt(as_double(loss.dimension())) * 2.2e-16 * sketch_.norm();
    sketch_ += nu * probe_;
    Matrix core = probe_.transpose() * sketch_;
    core = (0.5 * (core + core.transpose())).eval();
    Cholesky cholesky;
    if (cholesky.factorise(core)) {
      cholesky.divide_by_upper(sketch_);
      const Svd small = full_svd(triangular_factor(sketch_));
      basis_.noalias() = sketch_ * small.v;
      eigenvalues_ = (small.values.array().square() - nu).max(0).matrix();
      for (Index j = 0; j < rank_; ++j) {
        const double length = basis_.col(j).norm();
        if (length > 0) basis_.col(j) /= length;
      }
    } else {
      basis_.setZero(loss.dimension(), rank_);
      eigenvalues_.setZero(rank_);
    }
  }

  void factorise(const Loss&, const Shift& shift, double scale) override {
    scale_ = scale;
    mean_shift_ = shift.values.mean();
  }

  void solve(const Vector& r, Vector& z) override {
    coefficients_.noalias() = basis_.transpose() * r;
    for (Index j = 0; j < rank_; ++j) {
      const double stiff = scale_ * eigenvalues_[j];
      coefficients_[j] *= stiff / (mean_shift_ + stiff);
    }
    z = r;
    z.noalias() -= basis_ * coefficients_;
    z /= mean_shift_;
  }

  double loosest() const override { return 1e-4; }
  double settled_accuracy() const override { return 0; }

 private:
  Index rank_;
  Matrix sketch_, probe_, basis_;
  Vector eigenvalues_, coefficients_;
  double scale_ = 0, mean_shift_ = 1;
};

}  // namespace

NewtonCost nystrom_preconditioner_cost(const Loss& loss, Index rank) {
  const double p = as_double(loss.dimension()), k = as_double(rank_of(loss, rank));
  // A product with J and one with its transpose for each; then Q^T Y, a triangular solve, a
  // triangle by Householder, and a product.
  return {2 * k * loss.map().product_flops() + 7 * p * k * k, 0, 4 * p * k, 24 * p * k};
}

std::unique_ptr<HessianPreconditioner> make_nystrom_preconditioner(const Loss& loss, Index rank) {
  require_memory(nystrom_preconditioner_cost(loss, rank).memory_bytes);
  return std::make_unique<NystromPreconditioner>(loss, rank);
}

}  // namespace gradflow
