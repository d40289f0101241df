#include "models/two_layer_map.hpp"

#include <algorithm>

#include "flow/mini_batch.hpp"
#include "flow/pieces.hpp"
#include "models/relu_pieces.hpp"
#include "models/sliding_neurons.hpp"
#include "numerics/parallel.hpp"
#include "numerics/symmetric_product.hpp"

namespace gradflow {
namespace {

/// Blocks above this size cost more than the Woodbury matrix they save; they are not offered.
constexpr Index largest_block = 64;

/// Matrices of activations are (m, n): a column a sample.
class TwoLayerMap final : public OutputMap,
                          public Resumable,
                          private MapPieces,
                          private LayeredNetwork {
 public:
  TwoLayerMap(std::shared_ptr<const Matrix> inputs, Index width, Activation activation, bool bias,
              double scale)
      : inputs_(std::move(inputs)),
        m_(width),
        activation_(std::move(activation)),
        bias_(bias),
        scale_(scale),
        a_(width) {
    if (block_size() > largest_block) return;
    for (Index k = 0; k < m_; ++k) {
      blocks_.start.push_back(static_cast<Index>(blocks_.index.size()));
      for (Index l = 0; l < d(); ++l) blocks_.index.push_back(k * d() + l);
      if (bias_) blocks_.index.push_back(m_ * d() + k);
      blocks_.index.push_back(parameters() - m_ + k);
    }
    blocks_.start.push_back(static_cast<Index>(blocks_.index.size()));
  }
  std::unique_ptr<OutputMap> clone() const override {
    auto copy = std::make_unique<TwoLayerMap>(inputs_, m_, activation_, bias_, scale_);
    copy->pieces_ = pieces_;
    copy->columns_ = columns_;
    copy->sliding_ = sliding_;
    return copy;
  }
  Index parameters() const override { return m_ * block_size(); }
  Index outputs() const override { return inputs_->rows(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    if (value_.size() == 0) allocate();
    a_ = w.tail(m_);
    const bool held = pieces_ && pieces_->entered();
    if (pieces_) w_ = w;
    if (held) first_ = pieces_->slopes(0);
    for_blocks([&](Index block, Index start, Index count) {
      auto value = value_.middleRows(start, count);
      auto z = keeps_arguments() ? z_.middleRows(start, count) : value_.middleRows(start, count);
      preactivation(w, start, z);
      if (held)
        value = first_.middleRows(start, count).cwiseProduct(z);
      else
        for (Index i = 0; i < outputs(); ++i)
          activation_.evaluate(&z(0, i), count, &value(0, i), &first_(start, i));
      parts_.col(block).noalias() = value.transpose() * a_.segment(start, count);
    });
    have_second_ = false;
    f = scale_ * parts_.rowwise().sum();
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    const auto tangent = tangent_of(v);
    for_blocks([&](Index block, Index start, Index count) {
      Matrix& dz = scratch(count);
      preactivation(tangent, start, dz);
      dz.array() *= first_.middleRows(start, count).array();
      parts_.col(block).noalias() = dz.transpose() * a_.segment(start, count);
      parts_.col(block).noalias() +=
          value_.middleRows(start, count).transpose() * v.segment(parameters() - m_ + start, count);
    });
    jv = scale_ * parts_.rowwise().sum();
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    pull(u, jtu);
    project(jtu);
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    need_second();
    const auto tangent = tangent_of(v);
    for_blocks([&](Index, Index start, Index count) {
      Matrix& dz = scratch(count);
      preactivation(tangent, start, dz);
      const auto a = a_.segment(start, count).array();
      const auto da = v.segment(parameters() - m_ + start, count).array();
      auto change = out.segment(parameters() - m_ + start, count);
      change.setZero();
      for (Index i = 0; i < outputs(); ++i) {
        const auto first = first_.col(i).segment(start, count).array();
        const auto second = second_.col(i).segment(start, count).array();
        const double factor = scale_ * u[i];
        change.array() += factor * first * dz.col(i).array();
        dz.col(i) = factor * (first * da + second * dz.col(i).array() * a);
      }
      collect(dz, start, out);
    });
    project(out);
  }

  void transposed_jacobian(MatrixRef jt) override {
    jt.bottomRows(m_) = scale_ * value_;
    parallel_for(outputs(), [&](Index i) {
      back_.col(i) = scale_ * first_.col(i).cwiseProduct(a_);
      Eigen::Map<RowMatrix>(jt.col(i).data(), m_, d()).noalias() = back_.col(i) * inputs_->row(i);
      if (bias_) jt.col(i).segment(m_ * d(), m_) = back_.col(i);
    });
    if (sliding_.any())
      for (Index i = 0; i < outputs(); ++i) project(jt.col(i));
  }

  /// K_ij = c^2 [(x_i . x_j + 1) sum_k a_k^2 sigma'_ik sigma'_jk + sum_k sigma_ik sigma_jk], with
  /// the 1 where there are biases: n^2 m flops instead of n^2 p. So too for weights that are one
  /// number a layer, as learning rates are.
  void gram(ConstVectorRef weight, MatrixRef k) override {
    double first = 1, bias = 1, second = 1;
    if (weight.size() != 0) {
      const auto constant = [&](Index offset, Index size) {
        const double w = weight[offset];
        return (weight.segment(offset, size).array() == w).all();
      };
      const bool by_layer = !sliding_.any() && constant(0, m_ * d()) &&
                            constant(parameters() - m_, m_) && (!bias_ || constant(m_ * d(), m_));
      if (!by_layer) {
        OutputMap::gram(weight, k);
        return;
      }
      first = weight[0];
      bias = weight[m_ * d()];
      second = weight[parameters() - m_];
    }
    if (kernel_.size() == 0) {
      kernel_.noalias() = *inputs_ * inputs_->transpose();
      small_.resize(outputs(), outputs());
    }
    parallel_for(outputs(), [&](Index i) { back_.col(i) = first_.col(i).cwiseProduct(a_); });
    small_.setZero();
    add_symmetric_product(scale_ * scale_, back_, back_, small_);
    small_.array() *= first * kernel_.array() + (bias_ ? bias : 0);
    add_symmetric_product(scale_ * scale_ * second, value_, value_, small_);
    k = small_.selfadjointView<Eigen::Lower>();
    if (sliding_.any()) sliding_.take_off_gram(scale_ * back_, k);
  }
  double gram_flops() const override {
    const double n = static_cast<double>(outputs());
    return 2 * n * n * static_cast<double>(m_);
  }
  double evaluate_flops() const override {
    return static_cast<double>(m_) * static_cast<double>(outputs()) *
           static_cast<double>(2 * block_size() + 30);
  }
  double product_flops() const override {
    return static_cast<double>(m_) * static_cast<double>(outputs()) *
           static_cast<double>(2 * block_size() + 1);
  }

  const BlockStructure* curvature_blocks() const override {
    return blocks_.start.empty() ? nullptr : &blocks_;
  }
  void curvature(ConstVectorRef u, VectorRef blocks) override {
    need_second();
    const Index size = block_size(), inner = size - 1;
    extended_.resize(inner, outputs());
    extended_.topRows(d()) = inputs_->transpose();
    if (bias_) extended_.bottomRows(1).setOnes();
    for (Index k = 0; k < m_; ++k) {
      Eigen::Map<Matrix> block(&blocks[k * size * size], size, size);
      weight_ = scale_ * a_[k] * u.cwiseProduct(second_.row(k).transpose());
      weighted_ = extended_ * weight_.asDiagonal();
      block.topLeftCorner(inner, inner).noalias() = weighted_ * extended_.transpose();
      weight_ = u.cwiseProduct(first_.row(k).transpose());
      block.topRightCorner(inner, 1).noalias() = scale_ * (extended_ * weight_);
      block.bottomLeftCorner(1, inner) = block.topRightCorner(inner, 1).transpose();
      block(inner, inner) = 0;
      sliding_.project_block(k, block);
    }
  }

  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_row_batch_map(inputs_, [m = m_, activation = activation_, bias = bias_,
                                        scale = scale_](const auto& rows) {
      return std::make_unique<TwoLayerMap>(rows, m, activation, bias, scale);
    });
  }

  MapPieces* pieces() override { return activation_.smooth() ? nullptr : this; }
  void exchange(Archive& archive) override {
    if (pieces_) archive.part("pieces", *pieces_);
  }

 private:
  void hold(double tolerance, double decay) override {
    const double low = activation_.kind() == Activation::Kind::relu ? 0 : Activation::leaky_slope;
    pieces_ = std::make_shared<ReluPieces>(
        std::vector<HiddenLayer>{{d(), m_, 0, bias_ ? m_ * d() : -1}}, low, tolerance, decay);
    columns_ = std::make_shared<Matrix>(inputs_->transpose());
    sliding_ = SlidingNeurons(pieces_->layers().front(), pieces_, columns_);
  }
  std::uint64_t revision() const override { return pieces_ ? pieces_->revision() : 0; }
  double margin(ConstVectorRef u) override { return pieces_->margin(*this, w_, u); }
  void enter(VectorRef w, ConstVectorRef u, bool afresh) override {
    if (afresh)
      pieces_->enter_afresh(*this);
    else
      pieces_->enter_next(*this, w, u);
  }
  void project(VectorRef v) override { sliding_.project(v); }

  void move_to(ConstVectorRef w) override {
    outputs_.resize(outputs());
    evaluate(w, outputs_);
  }
  const Matrix& layer_input(Index) const override { return *columns_; }
  const Matrix& preactivation(Index) const override { return z_; }
  void loss_gradient(ConstVectorRef u, VectorRef g) override {
    pull(u, g);
    pulled_.noalias() = scale_ * a_ * u.transpose();
  }
  const Matrix& activation_gradient(Index) const override { return pulled_; }

  /// v, or what is left of it where sliding neurons keep to their surfaces.
  Eigen::Map<const Vector> tangent_of(ConstVectorRef v) {
    if (!sliding_.any()) return {v.data(), v.size()};
    tangent_ = v;
    project(tangent_);
    return {tangent_.data(), tangent_.size()};
  }
  /// J^T u, not projected.
  void pull(ConstVectorRef u, VectorRef jtu) {
    for_blocks([&](Index, Index start, Index count) {
      jtu.segment(parameters() - m_ + start, count).noalias() =
          scale_ * (value_.middleRows(start, count) * u);
      Matrix& back = scratch(count);
      for (Index i = 0; i < outputs(); ++i)
        back.col(i) = (scale_ * u[i]) *
                      first_.col(i).segment(start, count).cwiseProduct(a_.segment(start, count));
      collect(back, start, jtu);
    });
  }

  Index d() const { return inputs_->cols(); }
  Index block_size() const { return d() + (bias_ ? 2 : 1); }
  void allocate() {
    if (keeps_arguments()) z_.resize(m_, outputs());
    for (Matrix* work : {&value_, &first_, &second_, &back_}) work->resize(m_, outputs());
    // Activations of a block on all samples fit the second-level cache a few times.
    rows_ = std::min(m_, std::clamp<Index>(16384 / outputs(), 128, 2048));
    parts_.resize(outputs(), (m_ + rows_ - 1) / rows_);
  }
  /// Pre-activations are kept where something asks for them again: they are a third of what an
  /// evaluation writes.
  bool keeps_arguments() const {
    return !activation_.smooth() || activation_.second_derivative_takes_argument();
  }
  /// f(block, first neuron, neurons), in parallel.
  template <class F>
  void for_blocks(F f) const {
    parallel_for(parts_.cols(), [&](Index block) {
      const Index start = block * rows_;
      f(block, start, std::min(rows_, m_ - start));
    });
  }
  /// Of a thread's own, for a block.
  Matrix& scratch(Index count) const {
    thread_local Matrix all;
    all.resize(count, outputs());
    return all;
  }
  /// W X^T + b 1^T for the z.rows() neurons from `start` on, for a vector like w.
  template <class Z>
  void preactivation(ConstVectorRef w, Index start, Z& z) const {
    const Index count = z.rows();
    if (d() == 1) {
      const auto W = w.segment(start, count);
      for (Index i = 0; i < outputs(); ++i)
        if (bias_)
          z.col(i) = (*inputs_)(i, 0) * W + w.segment(m_ + start, count);
        else
          z.col(i) = (*inputs_)(i, 0) * W;
      return;
    }
    const Eigen::Map<const RowMatrix> W(w.data(), m_, d());
    z.noalias() = W.middleRows(start, count) * inputs_->transpose();
    if (bias_) z.colwise() += w.segment(m_ * d() + start, count);
  }
  /// The transpose: W part G X and b part G 1.
  void collect(const Matrix& g, Index start, VectorRef out) const {
    Eigen::Map<RowMatrix> W(out.data(), m_, d());
    W.middleRows(start, g.rows()).noalias() = g * *inputs_;
    if (bias_) out.segment(m_ * d() + start, g.rows()) = g.rowwise().sum();
  }
  void need_second() {
    if (have_second_) return;
    have_second_ = true;
    if (!activation_.smooth()) {
      second_.setZero();
      return;
    }
    parallel_for(outputs(), [&](Index i) {
      activation_.second_derivative(keeps_arguments() ? &z_(0, i) : nullptr, value_.col(i).data(),
                                    first_.col(i).data(), m_, second_.col(i).data());
    });
  }

  std::shared_ptr<const Matrix> inputs_;
  Index m_;
  Activation activation_;
  bool bias_;
  double scale_;
  Vector a_;
  Matrix z_, value_, first_, second_, back_, parts_;
  Index rows_ = 0;  ///< neurons of a block
  Matrix kernel_, small_, extended_, weighted_;
  Vector weight_;
  bool have_second_ = false;
  BlockStructure blocks_;
  std::shared_ptr<ReluPieces> pieces_;
  std::shared_ptr<const Matrix> columns_;  ///< X^T
  SlidingNeurons sliding_;
  Matrix pulled_;
  Vector outputs_;
  Vector w_, tangent_;
};

}  // namespace

std::unique_ptr<OutputMap> make_two_layer_map(std::shared_ptr<const Matrix> inputs, Index width,
                                              Activation activation, bool bias,
                                              double output_scale) {
  return std::make_unique<TwoLayerMap>(std::move(inputs), width, std::move(activation), bias,
                                       output_scale);
}

}  // namespace gradflow
