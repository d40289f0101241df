#include "flow/shifted_hessian_parts.hpp"
#include "numerics/long_vectors.hpp"
#include "numerics/memory.hpp"

namespace gradflow {
namespace {

class GaussNewtonHessian final : public ShiftedHessian {
 public:
  explicit GaussNewtonHessian(const Loss& loss)
      : ShiftedHessian(gauss_newton_hessian_offer(loss)),
        loss_(loss),
        small_(loss.outputs()),
        large_(loss.dimension()),
        root_(loss_.output_loss().uniform_root()) {}

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    if (gram_.size() == 0) {  // not before it is needed: another method may do the whole run
      gram_.resize(loss_.outputs(), loss_.outputs());
      newton_.setZero(loss_.outputs(), loss_.outputs());
    }
    gram_is_weighted_ = true;  // any Gram matrix held is of an older point
    have_gram_ = false;
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    shift_.values = shift;
    scale_ = scale;
    if (!have_gram_ || gram_is_weighted_ || !shift_.uniform()) {
      if (shift_.uniform()) {
        loss_.map().gram(Vector(), gram_);
      } else {
        large_ = shift_.values.cwiseInverse();
        loss_.map().gram(large_, gram_);
      }
      // S^T K S: the factor acts on columns, so once, transpose, once more; where it is a number,
      // below.
      for (int side = 0; side < 2 && !root_; ++side) {
        loss_.output_loss().root_transposed_times_columns(loss_.last_outputs(), gram_);
        gram_.transposeInPlace();
      }
      have_gram_ = true;
      gram_is_weighted_ = !shift_.uniform();
    }
    const double root = root_.value_or(1);
    const double factor = root * root * scale / (shift_.uniform() ? shift_.values[0] : 1.0);
    // The lower triangle alone is read.
    for (Index j = 0; j < gram_.cols(); ++j) {
      newton_.col(j).tail(gram_.rows() - j) = factor * gram_.col(j).tail(gram_.rows() - j);
      newton_(j, j) += 1;
    }
    return cholesky_in_place(newton_);
  }

  bool solve(VectorRef b, double) override {
    const Vector& f = loss_.last_outputs();
    long_vectors::for_stretches(
        b.size(), [&](Index first, Index count) { shift_.divide_part(b, first, count); });
    loss_.map().jacobian_times(b, small_);
    loss_.output_loss().root_transposed_times(f, small_);
    solve_cholesky(newton_, small_);
    loss_.output_loss().root_times(f, small_);
    loss_.map().transpose_times(small_, large_);
    long_vectors::for_stretches(b.size(), [&](Index first, Index count) {
      large_.segment(first, count) *= scale_;
      shift_.divide_part(large_, first, count);
      b.segment(first, count) -= large_.segment(first, count);
    });
    return true;
  }

  std::optional<Index> negative_eigenvalues() const override {
    return offer().counts_inertia ? std::optional<Index>(0) : std::nullopt;
  }

 private:
  Loss loss_;
  Matrix gram_, newton_;
  Vector small_, large_;
  std::optional<double> root_;
  Shift shift_;
  double scale_ = 0;
  bool have_gram_ = false, gram_is_weighted_ = false;
};

}  // namespace

NewtonOffer gauss_newton_hessian_offer(const Loss& loss) {
  const double n = as_double(loss.outputs());
  const bool affine = loss.map().affine();
  // With fewer parameters than residuals a fit leaves some, and with them a curvature without
  // which Newton's iteration does not converge at long steps.
  const bool leaves_residuals = !affine && loss.dimension() < loss.outputs();
  return {.kind = LinearKind::gauss_newton,
          .exact = affine,
          .counts_inertia = affine,
          .cost = {loss.map().gram_flops(), n * n * n / 3,
                   2 * n * n + 2 * loss.map().product_flops(), 16 * n * n},
          .taken = leaves_residuals ? NewtonOffer::Taken::if_asked : NewtonOffer::Taken::by_cost};
}

std::unique_ptr<ShiftedHessian> make_gauss_newton_hessian(const Loss& loss) {
  require_memory(gauss_newton_hessian_offer(loss).cost.memory_bytes);
  return std::make_unique<GaussNewtonHessian>(loss);
}

}  // namespace gradflow
