#include <algorithm>

#include "flow/hessian_preconditioner.hpp"

namespace gradflow {
namespace {

class KrylovHessian final : public ShiftedHessian {
 public:
  KrylovHessian(const Loss& loss, NewtonOffer offer,
                std::unique_ptr<HessianPreconditioner> preconditioner)
      : ShiftedHessian(std::move(offer)), loss_(loss), preconditioner_(std::move(preconditioner)) {
    for (Vector* work : {&x_, &r_, &z_, &d_, &q_}) work->resize(loss.dimension());
  }

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    settled_.linearise(w);
    preconditioner_->linearise(loss_);
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    shift_.values = shift;
    scale_ = scale;
    preconditioner_->factorise(loss_, shift_, scale);
    if (settled_.wanted()) {
      // Without convergence no curvature: the Gauss-Newton part alone.
      settled_.slope(loss_, step_);
      step_ *= scale_;
      const auto accurate = [this, share = preconditioner_->settled_accuracy()](double residual) {
        return share > 0 && residual <= share * settled_.pull(shift_, scale_, x_);
      };
      if (conjugate_gradients(step_, rounding * step_.norm(), false, accurate))
        gradient_ = settled_.after(loss_, step_);
      else
        gradient_.setZero(loss_.outputs());
    }
    return true;
  }

  bool solve(VectorRef b, double tolerance) override {
    // Never looser than some share of b: a solution of zero is no correction.
    const double size = b.norm();
    const double stop =
        std::max(std::min(tolerance, preconditioner_->loosest() * size), rounding * size);
    return conjugate_gradients(b, stop, true) || conjugate_gradients(b, stop, false);
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
    one_or_each::add_product(shift_.values, v, out);
  }

  /// Below this share of b rounding in the products sets the residual.
  static constexpr double rounding = 1e-12;

  /// To a residual of `stop`, or one that is `accurate` at x_. False, with b untouched, on negative
  /// curvature (full) or without convergence.
  template <class Accurate>
  bool conjugate_gradients(VectorRef b, double stop, bool full, Accurate accurate) {
    const Index most = 200;
    r_ = b;
    x_.setZero();
    double residual = r_.norm();
    if (residual <= stop || accurate(residual)) {
      b.setZero();
      return true;
    }
    preconditioner_->solve(r_, z_);
    d_ = z_;
    double rz = r_.dot(z_);
    for (Index k = 0; k < most; ++k) {
      apply(d_, q_, full);
      const double curvature = d_.dot(q_);
      if (!(curvature > 0)) return false;
      const double a = rz / curvature;
      x_ += a * d_;
      r_ -= a * q_;
      residual = r_.norm();
      if (residual <= stop || accurate(residual)) {
        b = x_;
        return true;
      }
      preconditioner_->solve(r_, z_);
      const double rz_next = r_.dot(z_);
      d_ = z_ + (rz_next / rz) * d_;
      rz = rz_next;
    }
    return false;
  }
  bool conjugate_gradients(VectorRef b, double stop, bool full) {
    return conjugate_gradients(b, stop, full, [](double) { return false; });
  }

  Loss loss_;
  std::unique_ptr<HessianPreconditioner> preconditioner_;
  Vector x_, r_, z_, d_, q_;
  Vector gradient_, step_, curved_;
  Shift shift_;
  double scale_ = 0;
  SettledResiduals settled_;
};

}  // namespace

NewtonOffer krylov_hessian_offer(const Loss& loss, Index rank) {
  const std::optional<NewtonCost> blocks = block_preconditioner_cost(loss);
  const NewtonCost once = blocks ? *blocks : nystrom_preconditioner_cost(loss, rank);
  const double product = (loss.map().affine() ? 2 : 4) * loss.map().product_flops();
  // Some twenty iterations a solve.
  const double iteration = product + once.solve_flops + 10 * as_double(loss.dimension());
  using Taken = NewtonOffer::Taken;
  return {.kind = LinearKind::krylov,
          // Where the matrix is indefinite, some solves are those of its Gauss-Newton part.
          .exact = loss.map().affine(),
          .cost = {once.linearise_flops, once.factorise_flops, 20 * iteration, once.memory_bytes},
          .taken = !blocks                      ? Taken::where_none_fits
                   : few_blocks_an_output(loss) ? Taken::beside_large_matrices
                                                : Taken::after_explicit};
}

std::unique_ptr<ShiftedHessian> make_krylov_hessian(const Loss& loss, Index rank) {
  auto preconditioner = make_block_preconditioner(loss);
  if (!preconditioner) preconditioner = make_nystrom_preconditioner(loss, rank);
  return std::make_unique<KrylovHessian>(loss, krylov_hessian_offer(loss, rank),
                                         std::move(preconditioner));
}

}  // namespace gradflow
