#include "models/deep_linear_map.hpp"

#include "flow/mini_batch.hpp"
#include "models/perceptron_layout.hpp"

namespace gradflow {
namespace {

class DeepLinearMap final : public OutputMap {
 public:
  DeepLinearMap(std::vector<Index> widths, std::shared_ptr<const Matrix> right, bool samples)
      : layout_(std::move(widths), false), right_(std::move(right)), columns_are_samples_(samples) {
    w_.resize(layout_.parameters);
    for (const Index width : layout_.widths) {
      prefix_.emplace_back(width, right_->cols());
      forward_.emplace_back(width, right_->cols());
      backward_.emplace_back(width, right_->cols());
      tangent_.emplace_back(width, right_->cols());
      suffix_.emplace_back(layout_.widths.back(), width);
    }
    prefix_[0] = *right_;
    forward_[0].setZero();
    suffix_.back().setIdentity();
  }
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<DeepLinearMap>(layout_.widths, right_, columns_are_samples_);
  }
  Index parameters() const override { return layout_.parameters; }
  Index outputs() const override { return layout_.widths.back() * right_->cols(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    w_ = w;
    for (std::size_t l = 0; l < layers(); ++l)
      prefix_[l + 1].noalias() = layout_.W(w_, l) * prefix_[l];
    f = Eigen::Map<const Vector>(prefix_.back().data(), outputs());
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    push(v);
    jv = Eigen::Map<const Vector>(forward_.back().data(), outputs());
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    pull(u);
    for (std::size_t l = 0; l < layers(); ++l)
      layout_.W(jtu, l).noalias() = backward_[l + 1] * prefix_[l].transpose();
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    push(v);
    pull(u);
    tangent_.back().setZero();
    for (std::size_t l = layers(); l-- > 0;) {
      auto block = layout_.W(out, l);
      block.noalias() = tangent_[l + 1] * prefix_[l].transpose();
      block.noalias() += backward_[l + 1] * forward_[l].transpose();
      tangent_[l].noalias() = layout_.W(v, l).transpose() * backward_[l + 1];
      tangent_[l].noalias() += layout_.W(w_, l).transpose() * tangent_[l + 1];
    }
  }
  Index samples() const override { return columns_are_samples_ ? right_->cols() : 0; }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_batch_map([widths = layout_.widths, all = right_](Index size) {
      auto map = std::make_unique<DeepLinearMap>(
          widths, std::make_shared<Matrix>(all->leftCols(size)), true);
      const auto select = [all, &columns = map->prefix_[0]](const std::vector<Index>& samples) {
        for (Index b = 0; b < columns.cols(); ++b)
          columns.col(b) = all->col(samples[static_cast<std::size_t>(b)]);
      };
      return SelectingMap{std::move(map), select};
    });
  }
  double evaluate_flops() const override {
    return 2.0 * static_cast<double>(parameters() * right_->cols());
  }
  double product_flops() const override { return 2 * evaluate_flops(); }

  /// K = sum_l (A_{l-1}^T A_{l-1}) (x) (B_l B_l^T), A_l = W_l ... W_1 R and B_l = W_L ... W_{l+1};
  /// so too for weights that are one number a layer.
  void gram(ConstVectorRef weight, MatrixRef k) override {
    if (weight.size() != 0)
      for (std::size_t l = 0; l < layers(); ++l)
        if ((layout_.W(weight, l).array() != weight[layout_.matrix[l]]).any()) {
          OutputMap::gram(weight, k);
          return;
        }
    for (std::size_t l = layers(); l-- > 0;)
      suffix_[l].noalias() = suffix_[l + 1] * layout_.W(w_, l);
    const Index p = layout_.widths.back(), columns = right_->cols();
    k.setZero();
    for (std::size_t l = 0; l < layers(); ++l) {
      inner_.noalias() = prefix_[l].transpose() * prefix_[l];
      outer_.noalias() = suffix_[l + 1] * suffix_[l + 1].transpose();
      const double factor = weight.size() == 0 ? 1 : weight[layout_.matrix[l]];
      for (Index j = 0; j < columns; ++j)
        for (Index i = 0; i < columns; ++i)
          k.block(i * p, j * p, p, p) += (factor * inner_(i, j)) * outer_;
    }
  }
  double gram_flops() const override {
    const double n = static_cast<double>(outputs());
    return static_cast<double>(layers()) * 2 * n * n + 4 * evaluate_flops();
  }

 private:
  std::size_t layers() const { return layout_.layers(); }
  /// Derivative of A_l along v.
  void push(ConstVectorRef v) {
    for (std::size_t l = 0; l < layers(); ++l) {
      forward_[l + 1].noalias() = layout_.W(v, l) * prefix_[l];
      if (l > 0) forward_[l + 1].noalias() += layout_.W(w_, l) * forward_[l];
    }
  }
  /// B_l^T U.
  void pull(ConstVectorRef u) {
    backward_.back() = Eigen::Map<const Matrix>(u.data(), layout_.widths.back(), right_->cols());
    for (std::size_t l = layers(); l-- > 0;)
      backward_[l].noalias() = layout_.W(w_, l).transpose() * backward_[l + 1];
  }

  PerceptronLayout layout_;
  std::shared_ptr<const Matrix> right_;
  bool columns_are_samples_;
  Vector w_;
  std::vector<Matrix> prefix_, forward_, backward_, tangent_, suffix_;
  Matrix inner_, outer_;
};

}  // namespace

std::unique_ptr<OutputMap> make_deep_linear_map(std::vector<Index> widths,
                                                std::shared_ptr<const Matrix> right,
                                                bool columns_are_samples) {
  return std::make_unique<DeepLinearMap>(std::move(widths), std::move(right), columns_are_samples);
}

}  // namespace gradflow
