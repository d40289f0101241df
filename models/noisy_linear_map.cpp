#include "models/noisy_linear_map.hpp"

#include "models/deep_linear_map.hpp"
#include "models/perceptron_layout.hpp"

namespace gradflow {
namespace {

/// g(w) = 1/2 tr A_L, the mean square of the outputs under the noise, with its derivatives: by the
/// recursion, backwards with B_L = I, N_{l-1} = W_l^T B_l W_l, B_l = N_l + variance diag(N_l), so
/// that dg/dW_l = B_l W_l M_{l-1}.
class MeanSquare {
 public:
  MeanSquare(const std::vector<Index>& widths, const Matrix& right, double variance)
      : layout_(widths, false), variance_(variance) {
    for (const Index width : widths)
      for (auto* list : {&moment_, &moment_slope_, &adjoint_, &adjoint_slope_})
        list->push_back(Matrix::Zero(width, width));
    moment_[0].noalias() = right * right.transpose();
    adjoint_.back().setIdentity();
  }

  double evaluate(ConstVectorRef w) {
    w_ = w;
    for (std::size_t l = 0; l < layers(); ++l) {
      moment_[l + 1].noalias() = layout_.W(w_, l) * moment_[l] * layout_.W(w_, l).transpose();
      if (l + 1 < layers()) add_noise(moment_[l + 1]);
    }
    for (std::size_t l = layers(); l-- > 1;) {
      adjoint_[l].noalias() = layout_.W(w_, l).transpose() * adjoint_[l + 1] * layout_.W(w_, l);
      add_noise(adjoint_[l]);
    }
    return 0.5 * moment_.back().trace();
  }
  void gradient(VectorRef out) const {
    for (std::size_t l = 0; l < layers(); ++l)
      layout_.W(out, l).noalias() = adjoint_[l + 1] * layout_.W(w_, l) * moment_[l];
  }
  void hessian_times(ConstVectorRef v, VectorRef out) {
    for (std::size_t l = 0; l + 1 < layers(); ++l) {
      const auto W = layout_.W(w_, l), V = layout_.W(v, l);
      Matrix& slope = moment_slope_[l + 1];
      half_.noalias() = V * moment_[l] * W.transpose();
      slope = half_ + half_.transpose();
      if (l > 0) slope.noalias() += W * moment_slope_[l] * W.transpose();
      add_noise(slope);
    }
    for (std::size_t l = layers(); l-- > 0;) {
      const auto W = layout_.W(w_, l), V = layout_.W(v, l);
      auto block = layout_.W(out, l);
      block.noalias() = adjoint_[l + 1] * V * moment_[l];
      if (l > 0) block.noalias() += adjoint_[l + 1] * W * moment_slope_[l];
      if (l + 1 < layers()) block.noalias() += adjoint_slope_[l + 1] * W * moment_[l];
      if (l == 0) break;
      Matrix& slope = adjoint_slope_[l];
      half_.noalias() = V.transpose() * adjoint_[l + 1] * W;
      slope = half_ + half_.transpose();
      if (l + 1 < layers()) slope.noalias() += W.transpose() * adjoint_slope_[l + 1] * W;
      add_noise(slope);
    }
  }
  double flops() const {
    double sum = 0;
    for (std::size_t l = 0; l < layers(); ++l) {
      const auto in = static_cast<double>(layout_.widths[l]);
      const auto out = static_cast<double>(layout_.widths[l + 1]);
      sum += 4 * in * out * (in + out);
    }
    return sum;
  }

 private:
  std::size_t layers() const { return layout_.layers(); }
  void add_noise(Matrix& moment) const { moment.diagonal() *= 1 + variance_; }

  PerceptronLayout layout_;
  double variance_;
  Vector w_;
  /// M_l (A_L for the last) and B_l by layer of units, and their derivatives along v.
  std::vector<Matrix> moment_, moment_slope_, adjoint_, adjoint_slope_;
  Matrix half_;
};

class NoisyLinearMap final : public OutputMap {
 public:
  NoisyLinearMap(std::vector<Index> widths, std::shared_ptr<const Matrix> right, double variance)
      : widths_(std::move(widths)),
        right_(std::move(right)),
        variance_(variance),
        mean_(make_deep_linear_map(widths_, right_)),
        square_(widths_, *right_, variance) {}
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<NoisyLinearMap>(widths_, right_, variance_);
  }
  Index parameters() const override { return mean_->parameters(); }
  Index outputs() const override { return mean_->outputs() + 1; }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    f_.resize(mean_->outputs());
    mean_->evaluate(w, f_);
    f.head(f_.size()) = f_;
    f[f_.size()] = square_.evaluate(w) - 0.5 * f_.squaredNorm();
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    auto of_mean = jv.head(f_.size());
    mean_->jacobian_times(v, of_mean);
    slope_.resize(parameters());
    square_.gradient(slope_);
    jv[f_.size()] = slope_.dot(v) - f_.dot(of_mean);
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    const double factor = u[f_.size()];
    seen_ = u.head(f_.size()) - factor * f_;
    mean_->transpose_times(seen_, jtu);
    slope_.resize(parameters());
    square_.gradient(slope_);
    jtu += factor * slope_;
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    const double factor = u[f_.size()];
    seen_ = u.head(f_.size()) - factor * f_;
    mean_->curvature_times(seen_, v, out);
    slope_.resize(parameters());
    square_.hessian_times(v, slope_);
    out += factor * slope_;
    // hess |f|^2 / 2 has J^T J besides.
    mean_->jacobian_times(v, seen_);
    mean_->transpose_times(seen_, slope_);
    out -= factor * slope_;
  }
  double evaluate_flops() const override { return mean_->evaluate_flops() + square_.flops(); }
  double product_flops() const override { return 2 * mean_->product_flops() + 2 * square_.flops(); }

 private:
  std::vector<Index> widths_;
  std::shared_ptr<const Matrix> right_;
  double variance_;
  std::unique_ptr<OutputMap> mean_;
  MeanSquare square_;
  Vector f_, seen_, slope_;
};

class NoisyLinearLoss final : public OutputLoss {
 public:
  NoisyLinearLoss(Vector target, double constant)
      : target_(std::move(target)), constant_(constant) {}
  double value(ConstVectorRef f) const override {
    return 0.5 * (mean(f) - target_).squaredNorm() + variance(f) + constant_;
  }
  double gradient(ConstVectorRef f, VectorRef g) const override {
    g.head(target_.size()) = mean(f) - target_;
    g[target_.size()] = 1;
    return value(f);
  }
  void hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const override {
    out = v;
    root_times(f, out);
  }
  void root_transposed_times(ConstVectorRef f, VectorRef v) const override { root_times(f, v); }
  void root_times(ConstVectorRef, VectorRef v) const override { v[target_.size()] = 0; }

 private:
  Eigen::Ref<const Vector> mean(ConstVectorRef f) const { return f.head(target_.size()); }
  double variance(ConstVectorRef f) const { return f[target_.size()]; }

  Vector target_;
  double constant_;
};

}  // namespace

std::unique_ptr<OutputMap> make_noisy_linear_map(std::vector<Index> widths,
                                                 std::shared_ptr<const Matrix> right,
                                                 double variance) {
  return std::make_unique<NoisyLinearMap>(std::move(widths), std::move(right), variance);
}

std::shared_ptr<const OutputLoss> make_noisy_linear_loss(Vector target, double constant) {
  return std::make_shared<NoisyLinearLoss>(std::move(target), constant);
}

}  // namespace gradflow
