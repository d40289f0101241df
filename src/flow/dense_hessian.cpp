#include <optional>

#include "flow/shifted_hessian_parts.hpp"
#include "numerics/memory.hpp"
#include "numerics/parallel.hpp"

namespace gradflow {
namespace {

/// c of D = c I where the map writes J^T D J and its curvature by itself.
std::optional<double> own_hessian_scale(const Loss& loss) {
  const std::optional<double> root = loss.output_loss().uniform_root();
  if (!root || !loss.map().hessian_flops()) return std::nullopt;
  return *root * *root;
}

class DenseHessian final : public ShiftedHessian {
 public:
  explicit DenseHessian(const Loss& loss)
      : ShiftedHessian(dense_hessian_offer(loss)),
        loss_(loss),
        hessian_(loss.dimension(), loss.dimension()),
        unit_(Vector::Zero(loss.dimension())) {}

  void linearise(ConstVectorRef w) override {
    while (static_cast<Index>(others_.size()) + 1 < loop_threads())
      others_.push_back({loss_, unit_});
    settled_.linearise(w);
    if (const auto scale = own_hessian_scale(loss_)) {
      loss_.linearise(w);
      hessian_.setZero();
      loss_.map().add_hessian(
          *scale, settled_.wanted() ? no_curvature_ : loss_.last_output_gradient(), hessian_);
      return;
    }
    columns(hessian_, [&](Loss& loss, const Vector& unit, VectorRef column) {
      loss.linearise(w);  // once: the point stays
      if (settled_.wanted())
        loss.gauss_newton_times(unit, column);
      else
        loss.hessian_times(unit, column);
    });
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    if (settled_.wanted()) {
      if (!factorise_sum(shift, scale)) return false;
      settled_.slope(loss_, step_);
      step_ *= scale;
      factorisation_.solve_in_place(step_);
      const Vector& gradient = settled_.after(loss_, step_);
      if (own_hessian_scale(loss_)) {
        curvature_.setZero();
        loss_.map().add_hessian(0, gradient, curvature_);
      } else {
        columns(curvature_, [&](Loss& loss, const Vector& unit, VectorRef column) {
          loss.map().curvature_times(gradient, unit, column);
        });
      }
    }
    return factorise_sum(shift, scale, settled_.wanted());
  }

  bool solve(VectorRef b, double) override {
    factorisation_.solve_in_place(b);
    return true;
  }

  std::optional<Index> negative_eigenvalues() const override {
    return factorisation_.negative_eigenvalues();
  }
  void settle_residuals(ConstVectorRef decay) override {
    if (loss_.map().affine()) return;
    settled_.want(decay);
    curvature_.resize(hessian_.rows(), hessian_.cols());
    step_.resize(hessian_.rows());
  }

 private:
  /// Columns of a matrix from products with unit vectors, shared out among the threads.
  template <class Product>
  void columns(Matrix& matrix, Product product) {
    const Index p = loss_.dimension(), threads = static_cast<Index>(others_.size()) + 1;
    parallel_for(threads, [&](Index k) {
      Loss& loss = k == 0 ? loss_ : others_[static_cast<std::size_t>(k - 1)].loss;
      Vector& unit = k == 0 ? unit_ : others_[static_cast<std::size_t>(k - 1)].unit;
      for (Index j = k; j < p; j += threads) {
        unit[j] = 1;
        product(loss, unit, matrix.col(j));
        unit[j] = 0;
      }
    });
  }
  bool factorise_sum(ConstVectorRef shift, double scale, bool with_curvature = false) {
    Matrix& m = factorisation_.storage(hessian_.rows());
    m = scale * hessian_;
    if (with_curvature) m += scale * curvature_;
    for (Index i = 0; i < m.rows(); ++i) m(i, i) += one_or_each::entry(shift, i);
    return factorisation_.factorise_in_place() != SymmetricFactorisation::Outcome::singular;
  }
  /// What a further thread works with: a product needs work space of its own.
  struct Worker {
    Loss loss;
    Vector unit;
  };
  Loss loss_;
  Matrix hessian_;
  Vector unit_;
  const Vector no_curvature_;
  std::vector<Worker> others_;
  SymmetricFactorisation factorisation_;
  SettledResiduals settled_;
  Matrix curvature_;
  Vector step_;
};

}  // namespace

NewtonOffer dense_hessian_offer(const Loss& loss) {
  const double p = as_double(loss.dimension());
  // The outputs' curvature counted as two products with J.
  const double product = (loss.map().affine() ? 2 : 4) * loss.map().product_flops();
  const double filling =
      own_hessian_scale(loss) ? p * p + *loss.map().hessian_flops() : p * product;
  return {.kind = LinearKind::dense,
          .counts_inertia = true,
          .cost = {filling, p * p * p / 3, 2 * p * p, 16 * p * p}};
}

std::unique_ptr<ShiftedHessian> make_dense_hessian(const Loss& loss) {
  require_memory(dense_hessian_offer(loss).cost.memory_bytes);
  return std::make_unique<DenseHessian>(loss);
}

}  // namespace gradflow
