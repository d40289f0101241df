#include "models/multilayer_perceptron.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/perceptron_data.hpp"
#include "models/perceptron_layers.hpp"
#include "models/perceptron_layout.hpp"
#include "models/relu_pieces.hpp"
#include "models/supervised_data.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

using ConstRowMap = Eigen::Map<const RowMatrix>;
using RowMap = Eigen::Map<RowMatrix>;

/// Activations and their derivatives are (width, n): a column a sample.
class PerceptronMap final : public OutputMap, private ReluNetwork {
 public:
  PerceptronMap(std::shared_ptr<const Matrix> inputs, std::vector<Index> widths,
                Activation activation, bool bias, double scale)
      : inputs_(std::move(inputs)),
        layout_(std::move(widths), bias),
        activation_(activation),
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
    push(v);
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
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    need_second();
    need_forces(u);
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
          RowMap(jt.col(column).data() + layout_.matrix[l], layout_.widths[l + 1],
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

  bool piecewise() const override { return !activation_.smooth() && layers() > 1; }
  void hold_piece(double tolerance, double decay) override {
    const double low = activation_.kind() == Activation::Kind::relu ? 0 : Activation::leaky_slope;
    std::vector<HiddenLayer> hidden;
    for (std::size_t l = 0; l + 1 < layers(); ++l)
      hidden.push_back({layout_.widths[l], layout_.widths[l + 1], layout_.matrix[l],
                        layout_.bias ? layout_.offset[l] : -1});
    pieces_ = std::make_shared<ReluPieces>(std::move(hidden), low, tolerance, decay);
    make_surface();
  }
  std::uint64_t revision() const override { return pieces_ ? pieces_->revision() : 0; }
  double piece_margin(ConstVectorRef u) override { return pieces_->margin(*this, w_, u); }
  void enter_piece(VectorRef w, ConstVectorRef u, bool afresh) override {
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
  bool curved_pieces() const override { return layers() > 2; }
  void turn(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    if (!slides()) return;
    need_forces(u);
    surface_->turn(w_, v, flow_, out);
  }

 private:
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
  /// K -= J N (N^T N)^{-1} (J N)^T: one forward pass a sliding neuron.
  void take_normals_out(MatrixRef k) {
    need_surface();
    along_.resize(outputs(), surface_->size());
    for (Index s = 0; s < surface_->size(); ++s) {
      normal_.setZero(parameters());
      surface_->add(s, 1, normal_);
      jacobian_times(normal_, along_.col(s));
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
  bool have_second_ = false;
  std::shared_ptr<ReluPieces> pieces_;
  std::optional<SlidingSurface> surface_;  ///< of this map's point; pieces are those of all clones
  bool have_surface_ = false, have_forces_ = false;
  Vector forces_, forces_of_, flow_, normal_, outputs_;
  Matrix along_, solved_;
};

double accuracy(const Matrix& outputs, const std::vector<Index>& labels) {
  Index right = 0;
  for (Index i = 0; i < outputs.cols(); ++i) {
    Index largest = 0;
    outputs.col(i).maxCoeff(&largest);
    right += largest == labels[static_cast<std::size_t>(i)];
  }
  return static_cast<double>(right) / static_cast<double>(outputs.cols());
}

/// Of (outputs, n) over sqrt(n), by size.
Vector singular_values_of(ConstMatrixRef outputs) {
  return Eigen::JacobiSVD<Matrix>(outputs / std::sqrt(static_cast<double>(outputs.cols())))
      .singularValues();
}

std::shared_ptr<OutputLoss> make_output_loss(const PerceptronData& data, Index outputs) {
  if (data.classes()) return std::make_shared<CrossEntropyLoss>(data.labels, outputs);
  return std::make_shared<SquaredLoss>(
      0.5 / static_cast<double>(data.inputs.rows()),
      Eigen::Map<const Vector>(data.targets.data(), data.targets.size()));
}

class MultilayerPerceptron final : public LossModel {
 public:
  MultilayerPerceptron(PerceptronData data, PerceptronLayout layout, Activation activation,
                       double scale, Vector initial)
      : LossModel(Loss(make_perceptron_map(std::make_shared<Matrix>(data.inputs), layout.widths,
                                           activation, layout.bias, scale),
                       make_output_loss(data, layout.widths.back())),
                  std::move(initial), groups_of(layout)),
        data_(std::move(data)),
        layout_(std::move(layout)),
        activation_(activation),
        scale_(scale) {}

  std::vector<Observable> observables(const FlowSettings& flow) override {
    std::vector<Observable> all = LossModel::observables(flow);
    // With a decay for each group there is no one lambda that the layers' forces are measured in.
    if (flow.weight_decays.empty())
      for (Observable& observable : observables_of_layers(flow))
        all.push_back(std::move(observable));
    return all;
  }

  std::vector<Observable> own_observables() override {
    const bool classes = data_.classes();
    const Index k = layout_.widths.back();
    std::vector<Observable> all;
    all.push_back(
        {"train_error",
         classes ? "training mean cross-entropy" : "training mean squared error an output entry",
         {},
         true,
         [this, classes](const State& s, double* out) {
           const Vector& f = outputs_at(s);
           *out =
               classes ? loss().output_loss().value(f) : mean_squared_error(f, flat(data_.targets));
         }});
    if (classes)
      all.push_back({"train_accuracy",
                     "fraction of the training samples with the right label",
                     {},
                     true,
                     [this, k](const State& s, double* out) {
                       const Vector& f = outputs_at(s);
                       *out = accuracy(Eigen::Map<const Matrix>(f.data(), k, f.size() / k),
                                       data_.labels);
                     }});
    if (data_.test_inputs.rows() > 0) {
      all.push_back(
          {"test_error",
           classes ? "test mean cross-entropy" : "test mean squared error an output entry",
           {},
           true,
           [this, classes, k](const State& s, double* out) {
             const Vector f = flat(test(s));
             *out = classes ? CrossEntropyLoss(data_.test_labels, k).value(f)
                            : mean_squared_error(f, flat(data_.test_targets));
           }});
      if (classes)
        all.push_back(
            {"test_accuracy",
             "fraction of the test samples with the right label",
             {},
             true,
             [this](const State& s, double* out) { *out = accuracy(test(s), data_.test_labels); }});
    }
    const Index modes = std::min(k, data_.inputs.rows());
    all.push_back({"output_singular_values",
                   "singular values of f(X)/sqrt(n) over the training samples, by size",
                   {counting_axis("mode", modes, "mode, by size", 1)},
                   true,
                   [this, modes](const State& s, double* out) {
                     Eigen::Map<Vector>(out, modes) = output_singular_values(s);
                   }});
    all.push_back(rank_observable(singular_values_of(data_.targets_or_classes(k)),
                                  [this](const State& s) { return output_singular_values(s); }));
    const auto layers = static_cast<Index>(layout_.layers());
    all.push_back({"layer_norm",
                   "Frobenius norm of each W_l",
                   {counting_axis("layer", layers, "layer", 1)},
                   false,
                   [this](const State& s, double* out) {
                     const Vector w = weights(s);
                     for (std::size_t l = 0; l < layout_.layers(); ++l)
                       out[l] = layout_.W(w, l).norm();
                   }});
    if (activation_.homogeneity() == 1 && !layout_.bias && layers > 1)
      all.push_back({"imbalance",
                     "|W_{l+1}|_F^2 - |W_l|_F^2, which decays as exp(-2 lambda t) along the "
                     "gradient flow",
                     {counting_axis("inner_layer", layers - 1, "layer", 1)},
                     false,
                     [this](const State& s, double* out) {
                       const Vector w = weights(s);
                       for (std::size_t l = 0; l + 1 < layout_.layers(); ++l)
                         out[l] = layout_.W(w, l + 1).squaredNorm() - layout_.W(w, l).squaredNorm();
                     }});
    return all;
  }

 private:
  static std::vector<ParameterGroup> groups_of(const PerceptronLayout& layout) {
    std::vector<ParameterGroup> groups;
    for (std::size_t l = 0; l < layout.layers(); ++l) {
      const std::string number = std::to_string(l + 1);
      groups.push_back({"W_" + number, layout.matrix[l], layout.widths[l] * layout.widths[l + 1]});
      if (layout.bias) groups.push_back({"b_" + number, layout.offset[l], layout.widths[l + 1]});
    }
    return groups;
  }
  Vector output_singular_values(const State& s) {
    const Vector& f = outputs_at(s);
    return singular_values_of(
        Eigen::Map<const Matrix>(f.data(), layout_.widths.back(), data_.inputs.rows()));
  }
  std::vector<Observable> observables_of_layers(const FlowSettings& flow) {
    const double decay = flow.weight_decay, tolerance = flow.rank_tolerance;
    const auto layers_at = [this, decay, tolerance](const State& s) -> const PerceptronLayers& {
      return analysed(s, decay, tolerance);
    };
    std::vector<Observable> all = layer_observables(layout_, data_.inputs.rows(), layers_at);
    all.push_back({"representation_loss",
                   "F + lambda/2 sum_l layer_cost, the loss in the activations",
                   {},
                   false,
                   [this, layers_at, decay](const State& s, double* out) {
                     const double penalty = 0.5 * decay * layers_at(s).cost.sum();
                     *out = loss().output_loss().value(outputs_at(s)) + penalty;
                   }});
    for (Observable& observable : all) observable.keys = {"rank_tolerance"};
    return all;
  }
  const PerceptronLayers& analysed(const State& s, double decay, double tolerance) {
    if (!layers_analysed_ || layers_serial_ != s.serial) {
      outputs_at(s);
      const Matrix gradient =
          scale_ * Eigen::Map<const Matrix>(loss().last_output_gradient().data(),
                                            layout_.widths.back(), data_.inputs.rows());
      layers_ = analyse_layers(layout_, activation_, data_.inputs, weights(s), gradient, decay,
                               tolerance);
      layers_serial_ = s.serial;
      layers_analysed_ = true;
    }
    return layers_;
  }
  static Vector flat(const Matrix& m) { return Eigen::Map<const Vector>(m.data(), m.size()); }
  const Matrix& test(const State& s) {
    if (!tested_ || serial_ != s.serial) {
      test_outputs_ =
          perceptron_outputs(layout_, activation_, scale_, data_.test_inputs, weights(s));
      serial_ = s.serial;
      tested_ = true;
    }
    return test_outputs_;
  }

  PerceptronData data_;
  PerceptronLayout layout_;
  Activation activation_;
  double scale_;
  Matrix test_outputs_;
  std::uint64_t serial_ = 0;
  bool tested_ = false;
  PerceptronLayers layers_;
  std::uint64_t layers_serial_ = 0;
  bool layers_analysed_ = false;
};

/// W_l(0) and b_l(0) of the law that the config asks for.
Vector draw_initial(const Parameters& p, std::uint64_t seed, const PerceptronLayout& layout) {
  if (p.has("init_seed")) seed = static_cast<std::uint64_t>(p.integer("init_seed"));
  RandomStream stream(seed, "initial");
  Vector w = p.real("initial_scale") * draw_perceptron(stream, layout, p.real("initial_variance"));
  if (p.text("initial_law") == "half_normal") {
    auto before_last = w.head(layout.matrix.back());
    before_last = before_last.cwiseAbs().eval();
  }
  const double balance = p.real("initial_balance");
  w.head(layout.offset[0]) *= balance;
  w.segment(layout.matrix.back(), layout.offset.back() - layout.matrix.back()) /= balance;
  return w;
}

/// From the inputs to the outputs. One number for all hidden layers can be an axis of a study, as a
/// list cannot.
std::vector<Index> layer_widths(Parameters& p) {
  const auto& all = p.integers("widths");
  if (all.size() < 2) throw ParameterError("widths", "has fewer than two entries");
  std::vector<Index> widths(all.begin(), all.end());
  if (p.has("width")) {
    if (widths.size() == 2) p.without_effect("width", "a network without hidden layers");
    std::fill(widths.begin() + 1, widths.end() - 1, p.integer("width"));
  }
  return widths;
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const PerceptronLayout layout(layer_widths(p), p.boolean("bias"));
  const Index d = layout.widths.front(), k = layout.widths.back();
  const Activation activation = *parse_activation(p.text("activation"));
  const bool classes = p.text("loss") == "cross_entropy";
  if (classes && k < 2)
    throw ParameterError("widths", "ends with 1, but cross-entropy needs at least two outputs");
  PerceptronData data = read_perceptron_data(p, seed, d, k, activation, classes);

  double scale = 1;
  if (layout.layers() > 1) {
    const double width = static_cast<double>(layout.widths[layout.layers() - 1]);
    const std::string& name = p.text("output_scale");
    scale = name == "sqrt" ? 1 / std::sqrt(width) : name == "mean" ? 1 / width : 1;
  }
  Vector initial;
  if (p.has_file("initial")) {
    initial = read_initial(p, layout.parameters, "the number of weights and biases");
    for (const char* name :
         {"initial_law", "initial_variance", "initial_scale", "initial_balance", "init_seed"})
      p.unused(name, "initial");
  } else {
    initial = draw_initial(p, seed, layout);
  }
  return std::make_unique<MultilayerPerceptron>(std::move(data), layout, activation, scale,
                                                std::move(initial));
}

}  // namespace

std::unique_ptr<OutputMap> make_perceptron_map(std::shared_ptr<const Matrix> inputs,
                                               std::vector<Index> widths, Activation activation,
                                               bool bias, double output_scale) {
  return std::make_unique<PerceptronMap>(std::move(inputs), std::move(widths), activation, bias,
                                         output_scale);
}

ModelInfo multilayer_perceptron() {
  std::vector<std::string> activations;
  for (const std::string_view name : activation_names()) activations.emplace_back(name);
  std::vector<ParameterInfo> parameters{
      integer_list_parameter("widths", std::vector<std::int64_t>{10, 30, 30, 1},
                             "widths from the inputs to the outputs", 1),
      integer_parameter("width", std::nullopt,
                        "width of all hidden layers, in place of those in widths"),
      choice_parameter("activation", "tanh", activations, "activation sigma of the hidden layers"),
      boolean_parameter("bias", true, "biases b_l in all layers"),
      choice_parameter("loss", "squared", {"squared", "cross_entropy"},
                       "squared error, or cross-entropy of the outputs' softmax"),
      choice_parameter(
          "output_scale", "one", {"one", "sqrt", "mean"},
          "factor c of the outputs: 1, or 1/sqrt(m) or 1/m of the last hidden width m"),
      choice_parameter("initial_law", "gaussian", {"gaussian", "half_normal"},
                       "law of the entries of W_l(0); half_normal: absolute values of Gaussians in "
                       "all W_l but the last"),
      nonnegative_parameter(
          "initial_variance", 1.0,
          "variance of the entries of W_l(0), times the layer's number of inputs; "
          "biases begin at 0"),
      nonnegative_parameter("initial_scale", 1.0, "factor on all W_l(0)"),
      positive_parameter("initial_balance", 1.0, "factor on W_1(0); its inverse on W_L(0)"),
      integer_parameter("init_seed", std::nullopt,
                        "seed of W_l(0), in place of seed: other starts on the same data", 0),
      file_parameter("initial", "(p): W_1 row by row, b_1 (with bias), W_2, ...",
                     "W_l(0), b_l(0), or the folder of an earlier result"),
  };
  for (ParameterInfo& info : perceptron_data_parameters()) parameters.push_back(std::move(info));
  return {"multilayer_perceptron",
          "a fully connected network of any depth, with one or several outputs",
          "F = 1/(2n) sum_i |f(x_i) - y_i|^2, or mean cross-entropy;  f(x) = c (W_L sigma(... "
          "sigma(W_1 x + b_1) ...) + b_L)",
          "the networks of Ersoy, Wiesner, arXiv 2505.06597, and of many others",
          LossModel::flows(),
          std::move(parameters),
          make};
}

}  // namespace gradflow
