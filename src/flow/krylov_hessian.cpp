#include <algorithm>
#include <cmath>

#include "flow/shifted_hessian_parts.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/memory.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

class KrylovHessian final : public ShiftedHessian {
 public:
  KrylovHessian(const Loss& loss, Index rank)
      : loss_(loss),
        rank_(std::min({rank, loss.dimension(), loss.outputs()})),
        sketch_(loss.dimension(), rank_),
        probe_(loss.dimension(), rank_) {
    const Index p = loss.dimension();
    x_.resize(p), r_.resize(p), z_.resize(p), d_.resize(p), q_.resize(p),
        coefficients_.resize(rank_);
    RandomStream stream(0, "nystrom");
    stream.fill_normal(probe_);
    Eigen::HouseholderQR<Matrix> qr(probe_);
    probe_ = qr.householderQ() * Matrix::Identity(p, rank_);
  }

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    settled_.linearise(w);
    for (Index j = 0; j < rank_; ++j) loss_.gauss_newton_times(probe_.col(j), sketch_.col(j));
    // Nystrom: H ~ Y (Q^T Y)^{-1} Y^T, with a small shift so that the core is positive definite.
    const double nu = std::sqrt(as_double(loss_.dimension())) * 2.2e-16 * sketch_.norm();
    sketch_ += nu * probe_;
    Matrix core = probe_.transpose() * sketch_;
    core = (0.5 * (core + core.transpose())).eval();
    Eigen::LLT<Matrix> llt(core);
    if (llt.info() == Eigen::Success) {
      llt.matrixU().solveInPlace<Eigen::OnTheRight>(sketch_);
      const Eigen::JacobiSVD<Matrix> svd_small(Matrix(Eigen::HouseholderQR<Matrix>(sketch_)
                                                          .matrixQR()
                                                          .topRows(rank_)
                                                          .template triangularView<Eigen::Upper>()),
                                               Eigen::ComputeFullU | Eigen::ComputeFullV);
      basis_.noalias() = sketch_ * svd_small.matrixV();
      eigenvalues_ = (svd_small.singularValues().array().square() - nu).max(0).matrix();
      for (Index j = 0; j < rank_; ++j) {
        const double length = basis_.col(j).norm();
        if (length > 0) basis_.col(j) /= length;
      }
    } else {
      basis_.setZero(loss_.dimension(), rank_);
      eigenvalues_.setZero(rank_);
    }
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    shift_.values = shift;
    scale_ = scale;
    mean_shift_ = shift.mean();
    if (settled_.wanted()) {
      // Without convergence no curvature: the Gauss-Newton part alone.
      settled_.slope(loss_, step_);
      step_ *= scale_;
      if (conjugate_gradients(step_, 0, false))
        gradient_ = settled_.after(loss_, step_);
      else
        gradient_.setZero(loss_.outputs());
    }
    return true;
  }

  bool solve(VectorRef b, double tolerance) override {
    return conjugate_gradients(b, tolerance, true) || conjugate_gradients(b, tolerance, false);
  }

  std::string name() const override { return "krylov"; }
  // Where the matrix is indefinite, some solves are those of its Gauss-Newton part.
  bool exact() const override { return loss_.map().affine(); }
  NewtonCost cost() const override {
    const double p = as_double(loss_.dimension()), k = as_double(rank_);
    const double product = 4 * loss_.map().product_flops();
    return {k * product + 6 * p * k * k, 0, 20 * (product + 4 * p * k + 10 * p),
            bytes(loss_, rank_)};
  }
  static double bytes(const Loss& loss, Index rank) {
    return 24 * as_double(loss.dimension()) * as_double(rank);
  }
  void settle_residuals(ConstVectorRef decay) override {
    if (loss_.map().affine()) return;
    settled_.want(decay);
    step_.resize(loss_.dimension());
    curved_.resize(loss_.dimension());
  }

 private:
  void apply(const Vector& v, Vector& out, bool full) {
    if (full && !settled_.wanted())
      loss_.hessian_times(v, out);
    else
      loss_.gauss_newton_times(v, out);
    if (full && settled_.wanted()) {
      loss_.map().curvature_times(gradient_, v, curved_);
      out += curved_;
    }
    out *= scale_;
    if (shift_.uniform())
      out += shift_.values[0] * v;
    else
      out.array() += shift_.values.array() * v.array();
  }

  void precondition(const Vector& r, Vector& z) {
    coefficients_.noalias() = basis_.transpose() * r;
    for (Index j = 0; j < rank_; ++j) {
      const double stiff = scale_ * eigenvalues_[j];
      coefficients_[j] *= stiff / (mean_shift_ + stiff);
    }
    z = r;
    z.noalias() -= basis_ * coefficients_;
    z /= mean_shift_;
  }

  /// False, with b untouched, on negative curvature (full) or without convergence.
  bool conjugate_gradients(VectorRef b, double tolerance, bool full) {
    const Index most = 200;
    r_ = b;
    x_.setZero();
    // Below 1e-12 of b rounding in the products sets the residual.
    // Never looser than a ten-thousandth of it: a solution of zero is no correction.
    const double stop = std::max(std::min(tolerance, 1e-4 * r_.norm()), 1e-12 * r_.norm());
    if (r_.norm() <= stop) {
      b.setZero();
      return true;
    }
    precondition(r_, z_);
    d_ = z_;
    double rz = r_.dot(z_);
    for (Index k = 0; k < most; ++k) {
      apply(d_, q_, full);
      const double curvature = d_.dot(q_);
      if (!(curvature > 0)) return false;
      const double a = rz / curvature;
      x_ += a * d_;
      r_ -= a * q_;
      if (r_.norm() <= stop) {
        b = x_;
        return true;
      }
      precondition(r_, z_);
      const double rz_next = r_.dot(z_);
      d_ = z_ + (rz_next / rz) * d_;
      rz = rz_next;
    }
    return false;
  }

  Loss loss_;
  Index rank_;
  Matrix sketch_, probe_, basis_;
  Vector eigenvalues_, x_, r_, z_, d_, q_, coefficients_;
  Vector gradient_, step_, curved_;
  Shift shift_;
  double scale_ = 0, mean_shift_ = 1;
  SettledResiduals settled_;
};

}  // namespace

std::unique_ptr<ShiftedHessian> make_krylov_hessian(const Loss& loss, Index rank) {
  require_memory(KrylovHessian::bytes(loss, rank));
  return std::make_unique<KrylovHessian>(loss, rank);
}

}  // namespace gradflow
