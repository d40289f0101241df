#include "flow/shifted_hessian_parts.hpp"
#include "numerics/memory.hpp"

namespace gradflow {
namespace {

class BlockHessian final : public ShiftedHessian {
 public:
  explicit BlockHessian(const Loss& loss)
      : ShiftedHessian(block_hessian_offer(loss)),
        loss_(loss),
        structure_(*loss_.map().curvature_blocks()),
        factor_(loss.dimension(), loss.outputs()),
        solved_(loss.dimension(), loss.outputs()),
        small_(loss.outputs()),
        large_(loss.dimension()) {
    Index size = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      size += block_size(b) * block_size(b);
    }
    curvature_.resize(size);
    inverse_.resize(size);
    gathered_.resize(structure_.largest(), loss.outputs());
    product_.resize(structure_.largest(), loss.outputs());
  }

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    settled_.linearise(w);
    if (!settled_.wanted()) loss_.map().curvature(loss_.last_output_gradient(), curvature_);
    loss_.map().transposed_jacobian(factor_);
    // J^T S, row by row of J^T: the root acts on vectors of N entries.
    if (const auto root = loss_.output_loss().uniform_root()) {
      factor_ *= *root;
      return;
    }
    jacobian_ = factor_.transpose();
    loss_.output_loss().root_transposed_times_columns(loss_.last_outputs(), jacobian_);
    factor_ = jacobian_.transpose();
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    scale_ = scale;
    if (settled_.wanted()) {
      if (!settle(shift)) return false;
      loss_.map().curvature(gradient_, curvature_);
    }
    Index negative_in_blocks = 0;
    Index offset = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      const Index n = block_size(b);
      const Eigen::Map<const Matrix> curved(curvature_.data() + offset, n, n);
      Eigen::Map<Matrix> inverse(inverse_.data() + offset, n, n);
      Matrix& block = small_factorisation_.storage(n);
      block = scale * curved;
      for (Index i = 0; i < n; ++i) block(i, i) += one_or_each::entry(shift, parameter(b, i));
      if (n == 1) {
        if (block(0, 0) == 0) return false;
        inverse(0, 0) = 1 / block(0, 0);
        negative_in_blocks += block(0, 0) < 0;
      } else {
        if (small_factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
          return false;
        negative_in_blocks += small_factorisation_.negative_eigenvalues();
        inverse.setIdentity();
        small_factorisation_.solve_in_place(inverse);
      }
      offset += n * n;
    }
    apply_inverse(factor_, solved_);
    Matrix& m = factorisation_.storage(loss_.outputs());
    m.noalias() = scale * (factor_.transpose() * solved_);
    m.diagonal().array() += 1;
    if (factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
      return false;
    negative_ = negative_in_blocks - factorisation_.negative_eigenvalues();
    return true;
  }

  bool solve(VectorRef b, double) override {
    large_ = b;
    apply_inverse(large_, b);
    small_.noalias() = factor_.transpose() * b;
    factorisation_.solve_in_place(small_);
    b.noalias() -= scale_ * (solved_ * small_);
    return true;
  }

  std::optional<Index> negative_eigenvalues() const override { return negative_; }
  void settle_residuals(ConstVectorRef decay) override { settled_.want(decay); }

 private:
  /// By Woodbury, with F = J^T S and e = J^T l' + Lambda w: D J delta =
  /// scale S (I + scale F^T diag(1/shift) F)^{-1} F^T diag(1/shift) e.
  bool settle(ConstVectorRef shift) {
    settled_.slope(loss_, large_);
    if (shift.size() == 1) {
      large_ /= shift[0];
      solved_ = factor_ / shift[0];
    } else {
      large_.array() /= shift.array();
      solved_ = shift.cwiseInverse().asDiagonal() * factor_;
    }
    small_.noalias() = factor_.transpose() * large_;
    Matrix& m = factorisation_.storage(loss_.outputs());
    m.noalias() = scale_ * (factor_.transpose() * solved_);
    m.diagonal().array() += 1;
    if (factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
      return false;
    factorisation_.solve_in_place(small_);
    loss_.output_loss().root_times(loss_.last_outputs(), small_);
    gradient_ = loss_.last_output_gradient() - scale_ * small_;
    return true;
  }

  Index block_size(Index b) const {
    return structure_.start[static_cast<std::size_t>(b) + 1] -
           structure_.start[static_cast<std::size_t>(b)];
  }
  Index parameter(Index b, Index i) const {
    return structure_
        .index[static_cast<std::size_t>(structure_.start[static_cast<std::size_t>(b)] + i)];
  }

  template <class In, class Out>
  void apply_inverse(const In& in, Out&& out) {
    Index offset = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      const Index n = block_size(b);
      const Eigen::Map<const Matrix> inverse(inverse_.data() + offset, n, n);
      if (n == 1) {
        out.row(parameter(b, 0)) = inverse(0, 0) * in.row(parameter(b, 0));
      } else {
        const auto columns = in.cols();
        for (Index i = 0; i < n; ++i) gathered_.row(i).head(columns) = in.row(parameter(b, i));
        product_.topLeftCorner(n, columns).noalias() =
            inverse * gathered_.topLeftCorner(n, columns);
        for (Index i = 0; i < n; ++i) out.row(parameter(b, i)) = product_.row(i).head(columns);
      }
      offset += n * n;
    }
  }

  Loss loss_;
  const BlockStructure& structure_;
  Vector curvature_, inverse_;
  Matrix factor_, jacobian_, solved_, gathered_, product_;
  SymmetricFactorisation factorisation_, small_factorisation_;
  Vector small_, large_, gradient_;
  double scale_ = 0;
  Index negative_ = 0;
  SettledResiduals settled_;
};

}  // namespace

NewtonOffer block_hessian_offer(const Loss& loss) {
  const double n = as_double(loss.outputs()), p = as_double(loss.dimension());
  const double block = as_double(loss.map().curvature_blocks()->largest());
  return {.kind = LinearKind::structured,
          .counts_inertia = true,
          .cost = {n * loss.map().product_flops() + 2 * n * p * block,
                   2 * n * n * p + n * n * n / 3 + 2 * p * block * (n + block),
                   4 * n * p + 2 * n * n + 2 * p * block, 16 * p * (n + block) + 16 * n * n}};
}

std::unique_ptr<ShiftedHessian> make_block_hessian(const Loss& loss) {
  require_memory(block_hessian_offer(loss).cost.memory_bytes);
  return std::make_unique<BlockHessian>(loss);
}

}  // namespace gradflow
