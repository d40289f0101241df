// One class: passes forwards and backwards, the pieces of ReLUs and the blocks of neurons all read
// what the last point has left in the layers, and would each take all of it as arguments.
#include "models/perceptron_map.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "flow/gauss_newton_blocks.hpp"
#include "flow/mini_batch.hpp"
#include "flow/pieces.hpp"
#include "models/perceptron_layout.hpp"
#include "models/relu_pieces.hpp"

namespace gradflow {
namespace {

/// A block of its own for each neuron takes half as many gradients as it has inputs.
constexpr Index most_inputs_of_own_block = 300;

/// Activations and their derivatives are (width, n): a column a sample.
class PerceptronMap final : public OutputMap,
                            public GaussNewtonBlocks,
                            public Resumable,
                            private MapPieces,
                            private LayeredNetwork {
 public:
  PerceptronMap(std::shared_ptr<const Matrix> inputs, std::vector<Index> widths,
                Activation activation, bool bias, double scale)
      : inputs_(std::move(inputs)),
        layout_(std::move(widths), bias),
        activation_(std::move(activation)),
        scale_(scale) {}
  std::unique_ptr<OutputMap> clone() const override {
    auto copy =
        std::make_unique<PerceptronMap>(inputs_, layout_.widths, activation_, layout_.bias, scale_);
    copy->pieces_ = pieces_;
    copy->make_surface();
    return copy;
  }
  Index parameters() const override { return layout_.parameters; }
  Index outputs() const override { return n() * layout_.widths.back(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    if (value_.empty()) allocate();
    w_ = w;
    const bool in_piece = pieces_ && pieces_->entered();
    for (std::size_t l = 0; l < layers(); ++l) {
      z_[l].noalias() = layout_.W(w_, l) * value_[l];
      if (layout_.bias) z_[l].colwise() += layout_.b(w_, l);
      if (l + 1 == layers()) break;
      if (in_piece) {
        first_[l] = pieces_->slopes(static_cast<Index>(l));
        value_[l + 1] = first_[l].cwiseProduct(z_[l]);
      } else {
        activation_.evaluate(z_[l].data(), z_[l].size(), value_[l + 1].data(), first_[l].data());
      }
    }
    have_second_ = have_surface_ = have_forces_ = false;
    f = scale_ * Eigen::Map<const Vector>(z_.back().data(), outputs());
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    push(along_surface(v));
    jv = scale_ * Eigen::Map<const Vector>(dz_.back().data(), outputs());
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    pull(u);
    collect(jtu);
    project(jtu);
  }
  /// The derivative of J^T u along v (Pearlmutter, "Fast exact multiplication by the Hessian",
  /// 1994). Where neurons slide it is that of F less the multipliers times the z that are kept at
  /// 0, which the backward pass has by the forces at them.
  void curvature_times(ConstVectorRef u, ConstVectorRef direction, VectorRef out) override {
    need_second();
    need_forces(u);
    const auto v = along_surface(direction);
    push(v);
    pull(u, true);
    tangent_.back().setZero();
    for (std::size_t l = layers(); l-- > 0;) {
      auto W = layout_.W(out, l);
      W.noalias() = tangent_[l] * value_[l].transpose();
      if (l > 0) W.noalias() += delta_[l] * dvalue_[l].transpose();
      if (layout_.bias)
        out.segment(layout_.offset[l], layout_.widths[l + 1]) = tangent_[l].rowwise().sum();
      if (l == 0) break;
      tangent_[l - 1].noalias() = layout_.W(v, l).transpose() * delta_[l];
      tangent_[l - 1].noalias() += layout_.W(w_, l).transpose() * tangent_[l];
      tangent_[l - 1].array() =
          tangent_[l - 1].array() * first_[l - 1].array() +
          pulled_[l - 1].array() * second_[l - 1].array() * dz_[l - 1].array();
    }
    project(out);
  }
  double evaluate_flops() const override {
    double flops = 0;
    for (std::size_t l = 0; l < layers(); ++l)
      flops += static_cast<double>(layout_.widths[l + 1]) *
               static_cast<double>(2 * layout_.widths[l] + 30);
    return flops * static_cast<double>(n());
  }
  double product_flops() const override {
    // Both the tangents of the weights and those of the layer below.
    double flops = 0;
    for (std::size_t l = 0; l < layers(); ++l)
      flops += static_cast<double>(layout_.widths[l + 1] * (4 * layout_.widths[l] + 1));
    return flops * static_cast<double>(n());
  }

  void transposed_jacobian(MatrixRef jt) override {
    unit_pulls();
    const Index k = layout_.widths.back();
    for (Index i = 0; i < n(); ++i)
      for (Index c = 0; c < k; ++c) {
        const Index column = i * k + c;
        for (std::size_t l = 0; l < layers(); ++l) {
          const auto delta = unit_delta_[l].col(column);
          Eigen::Map<RowMatrix>(jt.col(column).data() + layout_.matrix[l], layout_.widths[l + 1],
                                layout_.widths[l])
              .noalias() = delta * value_[l].col(i).transpose();
          if (layout_.bias)
            jt.col(column).segment(layout_.offset[l], layout_.widths[l + 1]) = delta;
        }
        project(jt.col(column));
      }
  }
  /// K_(i,c),(j,e) = sum_l (h_i . h_j + 1) delta_(i,c) . delta_(j,e), h the layer's inputs and
  /// delta the derivatives by its preactivations: N^2 sum of widths instead of N^2 p. So too for
  /// weights that are one number for each W_l and b_l.
  void gram(ConstVectorRef weight, MatrixRef k) override {
    if (weight.size() != 0 && (slides() || !by_layer(weight))) {
      OutputMap::gram(weight, k);
      return;
    }
    unit_pulls();
    const Index outputs_each = layout_.widths.back();
    product_.resize(outputs(), outputs());
    inner_.resize(n(), n());
    k.setZero();
    for (std::size_t l = 0; l < layers(); ++l) {
      const double w = weight.size() == 0 ? 1 : weight[layout_.matrix[l]];
      const double b = !layout_.bias ? 0 : weight.size() == 0 ? 1 : weight[layout_.offset[l]];
      inner_.noalias() = value_[l].transpose() * value_[l];
      product_.setZero();
      product_.selfadjointView<Eigen::Lower>().rankUpdate(unit_delta_[l].transpose());
      for (Index j = 0; j < n(); ++j)
        for (Index i = j; i < n(); ++i)
          k.block(i * outputs_each, j * outputs_each, outputs_each, outputs_each) +=
              (w * inner_(i, j) + b) *
              product_.block(i * outputs_each, j * outputs_each, outputs_each, outputs_each);
    }
    k.triangularView<Eigen::StrictlyUpper>() = k.transpose();
    if (slides()) take_normals_out(k);
  }
  double gram_flops() const override {
    double width = 0;
    for (std::size_t l = 0; l < layers(); ++l) width += static_cast<double>(layout_.widths[l + 1]);
    const double N = static_cast<double>(outputs());
    return N * N * (width + 2 * static_cast<double>(layers())) +
           static_cast<double>(layout_.widths.back()) * evaluate_flops();
  }

  Index samples() const override { return n(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_batch_map([inputs = inputs_, layout = layout_, activation = activation_,
                           scale = scale_](Index size) {
      auto map = std::make_unique<PerceptronMap>(std::make_shared<Matrix>(size, inputs->cols()),
                                                 layout.widths, activation, layout.bias, scale);
      map->allocate();
      const auto select = [inputs, &columns = map->value_[0]](const std::vector<Index>& samples) {
        for (Index b = 0; b < columns.cols(); ++b)
          columns.col(b) = inputs->row(samples[static_cast<std::size_t>(b)]).transpose();
      };
      return SelectingMap{std::move(map), select};
    });
  }

  /// Of neuron k in layer l the block is sum_i |S_i^T df_i/dz_ki|^2 (h_i, 1) (h_i, 1)^T, h the
  /// layer's inputs: exact, and one matrix for all neurons of the last layer where D is a multiple
  /// of the identity. Hidden neurons with many inputs share one too, with the mean of their
  /// squares: the Kronecker factor of inputs of K-FAC (Martens and Grosse 2015, arXiv 1503.05671).
  bool takes_roots() const override { return true; }
  std::vector<Sets> gauss_newton_sets(bool with_roots) const override {
    std::vector<Sets> all;
    for (std::size_t l = 0; l < layers(); ++l) {
      const bool shared = neurons_share_block(l, with_roots);
      if (shared) all.emplace_back();
      for (Index k = 0; k < layout_.widths[l + 1]; ++k) {
        if (!shared) all.emplace_back();
        std::vector<Index>& set = all.back().emplace_back();
        const Index in = layout_.widths[l];
        for (Index j = 0; j < in; ++j) set.push_back(layout_.matrix[l] + k * in + j);
        if (layout_.bias) set.push_back(layout_.offset[l] + k);
      }
    }
    return all;
  }
  Index blocks_of_an_output(bool with_roots) const override {
    Index blocks = 0;
    for (std::size_t l = 0; l < layers(); ++l)
      blocks += neurons_share_block(l, with_roots) ? 1 : layout_.widths[l + 1];
    return blocks;
  }
  void begin_gauss_newton_blocks(ConstMatrixRef roots) override {
    with_roots_ = roots.size() > 0;
    squares_.resize(layers());
    for (std::size_t l = 0; l < layers(); ++l) squares_[l].setZero(layout_.widths[l + 1], n());
    const Index each = layout_.widths.back();
    outputs_.resize(outputs());
    for (Index c = 0; c < each; ++c) {
      for (Index i = 0; i < n(); ++i)
        if (with_roots_)
          outputs_.segment(i * each, each) = roots.col(i * each + c);
        else
          outputs_.segment(i * each, each) = Vector::Unit(each, c);
      pull(outputs_);
      for (std::size_t l = 0; l < layers(); ++l) squares_[l] += delta_[l].cwiseAbs2();
    }
  }
  void gauss_newton_block(Index b, MatrixRef block) const override {
    std::size_t l = 0;
    for (Index blocks = 0;; b -= blocks, ++l) {
      blocks = neurons_share_block(l, with_roots_) ? 1 : layout_.widths[l + 1];
      if (b < blocks) break;
    }
    const Index in = layout_.widths[l];
    const bool shared = neurons_share_block(l, with_roots_);
    // Some samples at a time, in memory of the thread's own for all blocks.
    constexpr Index samples_of_a_part = 256;
    thread_local std::vector<double> memory;
    memory.resize(static_cast<std::size_t>((most_inputs() + 1) * samples_of_a_part));
    block.setZero();
    for (Index first = 0; first < n(); first += samples_of_a_part) {
      const Index count = std::min(samples_of_a_part, n() - first);
      Eigen::Map<Matrix> weighted(memory.data(), block.rows(), count);
      for (Index i = 0; i < count; ++i) {
        const auto squares = squares_[l].col(first + i);
        const double root = std::sqrt(shared ? squares.mean() : squares[b]);
        weighted.col(i).head(in) = root * value_[l].col(first + i);
        if (layout_.bias) weighted(in, i) = root;
      }
      block.selfadjointView<Eigen::Lower>().rankUpdate(weighted);
    }
  }
  double gauss_newton_block_flops(bool with_roots) const override {
    const double samples = static_cast<double>(n());
    double flops = static_cast<double>(layout_.widths.back()) * evaluate_flops();
    for (std::size_t l = 0; l < layers(); ++l) {
      const double in = static_cast<double>(layout_.widths[l] + (layout_.bias ? 1 : 0));
      const double blocks =
          neurons_share_block(l, with_roots) ? 1 : static_cast<double>(layout_.widths[l + 1]);
      flops += blocks * samples * in * in;
    }
    return flops;
  }

  MapPieces* pieces() override { return activation_.smooth() || layers() == 1 ? nullptr : this; }
  void exchange(Archive& archive) override {
    if (pieces_) archive.part("pieces", *pieces_);
  }

 private:
  void hold(double tolerance, double decay) override {
    const double low = activation_.kind() == Activation::Kind::relu ? 0 : Activation::leaky_slope;
    std::vector<HiddenLayer> hidden;
    for (std::size_t l = 0; l + 1 < layers(); ++l)
      hidden.push_back({layout_.widths[l], layout_.widths[l + 1], layout_.matrix[l],
                        layout_.bias ? layout_.offset[l] : -1});
    pieces_ = std::make_shared<ReluPieces>(std::move(hidden), low, tolerance, decay);
    make_surface();
  }
  std::uint64_t revision() const override { return pieces_ ? pieces_->revision() : 0; }
  double margin(ConstVectorRef u) override { return pieces_->margin(*this, w_, u); }
  void enter(VectorRef w, ConstVectorRef u, bool afresh) override {
    if (afresh)
      pieces_->enter_afresh(*this);
    else
      pieces_->enter_next(*this, w, u);
  }
  void project(VectorRef v) override {
    if (!slides()) return;
    need_surface();
    surface_->project(v);
  }
  bool curved() const override { return layers() > 2; }
  void turn(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    if (!slides()) return;
    need_forces(u);
    surface_->turn(w_, along_surface(v), flow_, out);
  }

  void move_to(ConstVectorRef w) override {
    outputs_.resize(outputs());
    evaluate(w, outputs_);
  }
  const Matrix& layer_input(Index l) const override { return value_[static_cast<std::size_t>(l)]; }
  const Matrix& preactivation(Index l) const override { return z_[static_cast<std::size_t>(l)]; }
  void loss_gradient(ConstVectorRef u, VectorRef g) override {
    pull(u);
    collect(g);
  }
  const Matrix& activation_gradient(Index l) const override {
    return pulled_[static_cast<std::size_t>(l)];
  }

  Index most_inputs() const {
    return *std::max_element(layout_.widths.begin(), layout_.widths.end() - 1);
  }
  bool neurons_share_block(std::size_t l, bool with_roots) const {
    return layout_.widths[l] > most_inputs_of_own_block || (l + 1 == layers() && !with_roots);
  }
  bool slides() const { return pieces_ && !pieces_->kinks().empty(); }
  void make_surface() {
    if (pieces_) surface_.emplace(pieces_->layers());
  }
  void need_surface() {
    if (have_surface_) return;
    surface_->build(pieces_->kinks(), pieces_->slopes(), *this, w_);
    have_surface_ = true;
  }
  /// The forces that hold sliding neurons, and P (J^T u + decay w).
  void need_forces(ConstVectorRef u) {
    if (!slides() || (have_forces_ && u == forces_of_)) return;
    need_surface();
    forces_of_ = u;
    flow_.resize(parameters());
    loss_gradient(u, flow_);
    pieces_->holding_forces(*surface_, w_, flow_, forces_);
    have_forces_ = true;
  }
  /// P v in plane surfaces. The flow there has the derivatives P J^T J P and P H P: without the P
  /// on the right matrices are not symmetric, and what takes half of one for the whole is far off.
  /// Stages of a method leave curved surfaces, and its order hangs on what f does across them: v.
  Eigen::Map<const Vector> along_surface(ConstVectorRef v) {
    if (!slides() || curved()) return {v.data(), v.size()};
    direction_ = v;
    project(direction_);
    return {direction_.data(), direction_.size()};
  }
  /// K -= J N (N^T N)^{-1} (J N)^T: one forward pass a sliding neuron.
  void take_normals_out(MatrixRef k) {
    need_surface();
    along_.resize(outputs(), surface_->size());
    for (Index s = 0; s < surface_->size(); ++s) {
      normal_.setZero(parameters());
      surface_->add(s, 1, normal_);
      push(normal_);
      along_.col(s) = scale_ * Eigen::Map<const Vector>(dz_.back().data(), outputs());
    }
    solved_ = along_.transpose();
    for (Index i = 0; i < outputs(); ++i) surface_->solve(solved_.col(i));
    k.noalias() -= along_ * solved_;
  }

  Index n() const { return inputs_->rows(); }
  std::size_t layers() const { return layout_.layers(); }
  void allocate() {
    for (std::size_t l = 0; l < layers(); ++l) {
      const Index in = layout_.widths[l], out = layout_.widths[l + 1];
      value_.emplace_back(in, n());
      dvalue_.emplace_back(in, n());
      for (auto* list : {&z_, &dz_, &delta_, &tangent_, &pulled_}) list->emplace_back(out, n());
      if (l + 1 < layers())
        for (auto* list : {&first_, &second_}) list->emplace_back(out, n());
    }
    value_[0] = inputs_->transpose();
  }
  /// Derivatives of preactivations and activations along v.
  void push(ConstVectorRef v) {
    for (std::size_t l = 0; l < layers(); ++l) {
      dz_[l].noalias() = layout_.W(v, l) * value_[l];
      if (l > 0) dz_[l].noalias() += layout_.W(w_, l) * dvalue_[l];
      if (layout_.bias) dz_[l].colwise() += layout_.b(v, l);
      if (l + 1 < layers()) dvalue_[l + 1] = first_[l].cwiseProduct(dz_[l]);
    }
  }
  /// delta_l: derivatives of u . f by preactivations; pulled_l: by activations. With the forces, if
  /// asked, of neurons that slide, in whose slopes they are not.
  void pull(ConstVectorRef u, bool with_forces = false) {
    delta_.back() = scale_ * Eigen::Map<const Matrix>(u.data(), layout_.widths.back(), n());
    for (std::size_t l = layers() - 1; l > 0; --l) {
      pulled_[l - 1].noalias() = layout_.W(w_, l).transpose() * delta_[l];
      delta_[l - 1] = pulled_[l - 1].cwiseProduct(first_[l - 1]);
      if (!with_forces || !slides()) continue;
      for (std::size_t s = 0; s < pieces_->kinks().size(); ++s)
        if (const Kink& kink = pieces_->kinks()[s]; kink.layer == static_cast<Index>(l) - 1)
          delta_[l - 1](kink.neuron, kink.sample) += forces_[static_cast<Index>(s)];
    }
  }
  /// J^T u of the last pull.
  void collect(VectorRef jtu) const {
    for (std::size_t l = 0; l < layers(); ++l) {
      layout_.W(jtu, l).noalias() = delta_[l] * value_[l].transpose();
      if (layout_.bias)
        jtu.segment(layout_.offset[l], layout_.widths[l + 1]) = delta_[l].rowwise().sum();
    }
  }
  /// delta_l of each output of each sample alone: column i k + c.
  void unit_pulls() {
    const Index k = layout_.widths.back();
    unit_delta_.resize(layers());
    for (std::size_t l = 0; l < layers(); ++l)
      unit_delta_[l].resize(layout_.widths[l + 1], outputs());
    unit_delta_.back() = scale_ * Matrix::Identity(k, k).replicate(1, n());
    for (std::size_t l = layers() - 1; l > 0; --l) {
      unit_delta_[l - 1].noalias() = layout_.W(w_, l).transpose() * unit_delta_[l];
      for (Index i = 0; i < n(); ++i)
        unit_delta_[l - 1].middleCols(i * k, k).array().colwise() *= first_[l - 1].col(i).array();
    }
  }
  bool by_layer(ConstVectorRef weight) const {
    for (std::size_t l = 0; l < layers(); ++l) {
      const double w = weight[layout_.matrix[l]];
      if ((layout_.W(weight, l).array() != w).any()) return false;
      if (layout_.bias && (layout_.b(weight, l).array() != weight[layout_.offset[l]]).any())
        return false;
    }
    return true;
  }
  void need_second() {
    if (have_second_) return;
    for (std::size_t l = 0; l + 1 < layers(); ++l) {
      if (!activation_.smooth()) {
        second_[l].setZero();
        continue;
      }
      activation_.second_derivative(z_[l].data(), value_[l + 1].data(), first_[l].data(),
                                    z_[l].size(), second_[l].data());
    }
    have_second_ = true;
  }

  std::shared_ptr<const Matrix> inputs_;
  PerceptronLayout layout_;
  Activation activation_;
  double scale_;
  Vector w_;
  std::vector<Matrix> value_, dvalue_, z_, dz_, first_, second_, delta_, pulled_, tangent_,
      unit_delta_;
  Matrix product_, inner_;
  std::vector<Matrix> squares_;  ///< |S_i^T df_i/dz_ki|^2, of each layer (width, n)
  bool with_roots_ = false;
  bool have_second_ = false;
  std::shared_ptr<ReluPieces> pieces_;
  std::optional<SlidingSurface> surface_;  ///< of this map's point; pieces are those of all clones
  bool have_surface_ = false, have_forces_ = false;
  Vector forces_, forces_of_, flow_, normal_, direction_, outputs_;
  Matrix along_, solved_;
};

}  // namespace

std::unique_ptr<OutputMap> make_perceptron_map(std::shared_ptr<const Matrix> inputs,
                                               std::vector<Index> widths, Activation activation,
                                               bool bias, double output_scale) {
  return std::make_unique<PerceptronMap>(std::move(inputs), std::move(widths),
                                         std::move(activation), bias, output_scale);
}

}  // namespace gradflow
