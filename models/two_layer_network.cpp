#include "models/two_layer_network.hpp"

#include <algorithm>
#include <cmath>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/relu_pieces.hpp"
#include "models/supervised_data.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"
#include "numerics/symmetric_product.hpp"

namespace gradflow {
namespace {

/// Blocks above this size cost more than the Woodbury matrix they save; they are not offered.
constexpr Index largest_block = 64;

/// Matrices of activations are (m, n): a column a sample.
class TwoLayerMap final : public OutputMap, private ReluNetwork {
 public:
  TwoLayerMap(std::shared_ptr<const Matrix> inputs, Index width, Activation activation, bool bias,
              double scale)
      : inputs_(std::move(inputs)),
        m_(width),
        activation_(activation),
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
      auto z = z_.middleRows(start, count), value = value_.middleRows(start, count);
      preactivation(w, start, z);
      if (held)
        value = first_.middleRows(start, count).cwiseProduct(z);
      else
        for (Index i = 0; i < outputs(); ++i)
          activation_.evaluate(&z_(start, i), count, &value_(start, i), &first_(start, i));
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
    if (slides())
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
      const bool by_layer = !slides() && constant(0, m_ * d()) && constant(parameters() - m_, m_) &&
                            (!bias_ || constant(m_ * d(), m_));
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
    for (Index i = 0; i < outputs(); ++i) back_.col(i) = first_.col(i).cwiseProduct(a_);
    small_.setZero();
    add_symmetric_product(scale_ * scale_, back_, back_, small_);
    small_.array() *= first * kernel_.array() + (bias_ ? bias : 0);
    add_symmetric_product(scale_ * scale_ * second, value_, value_, small_);
    k = small_.selfadjointView<Eigen::Lower>();
    // A neuron that slides has x_i . P x_j, P the projection off its normals.
    if (slides())
      for (const Index neuron : sliders()) {
        const Matrix& normals = normals_of(neuron);
        for (Index e = 0; e < normals.cols(); ++e) {
          sample_ = *inputs_ * normals.col(e).head(d());
          if (bias_) sample_.array() += normals(d(), e);
          sample_.array() *= back_.row(neuron).transpose().array() * scale_;
          k.noalias() -= sample_ * sample_.transpose();
        }
      }
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
      if (slides() && slides(k)) {
        const Matrix& normals = normals_of(k);
        const Matrix off = Matrix::Identity(inner, inner) - normals * normals.transpose();
        block.topRows(inner) = (off * block.topRows(inner)).eval();
        block.leftCols(inner) = (block.leftCols(inner) * off).eval();
      }
    }
  }

  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_row_batch_map(inputs_, [m = m_, activation = activation_, bias = bias_,
                                        scale = scale_](const auto& rows) {
      return std::make_unique<TwoLayerMap>(rows, m, activation, bias, scale);
    });
  }

  bool piecewise() const override { return !activation_.smooth(); }
  void hold_piece(double tolerance, double decay) override {
    const double low = activation_.kind() == Activation::Kind::relu ? 0 : Activation::leaky_slope;
    pieces_ = std::make_shared<ReluPieces>(
        std::vector<HiddenLayer>{{d(), m_, 0, bias_ ? m_ * d() : -1}}, low, tolerance, decay);
    columns_ = std::make_shared<Matrix>(inputs_->transpose());
    normals_of_revision_ = 0;
  }
  std::uint64_t revision() const override { return pieces_ ? pieces_->revision() : 0; }
  double piece_margin(ConstVectorRef u) override { return pieces_->margin(*this, w_, u); }
  void enter_piece(VectorRef w, ConstVectorRef u, bool afresh) override {
    if (afresh)
      pieces_->enter_afresh(*this);
    else
      pieces_->enter_next(*this, w, u);
  }
  /// A neuron's surfaces have normals in its own weights (w_k, b_k), at any w the same.
  void project(VectorRef v) override {
    if (!slides()) return;
    for (const Index k : sliders()) {
      neuron_.resize(extended());
      neuron_.head(d()) = v.segment(k * d(), d());
      if (bias_) neuron_[d()] = v[m_ * d() + k];
      neuron_ -= normals_of(k) * (normals_of(k).transpose() * neuron_);
      v.segment(k * d(), d()) = neuron_.head(d());
      if (bias_) v[m_ * d() + k] = neuron_[d()];
    }
  }

 private:
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

  bool slides() const { return pieces_ && !pieces_->kinks().empty(); }
  bool slides(Index k) { return normals_of(k).cols() > 0; }
  const std::vector<Index>& sliders() {
    refresh_normals();
    return sliders_;
  }
  /// An orthonormal basis of the span of the (x_i, 1) in whose surfaces neuron k slides.
  const Matrix& normals_of(Index k) {
    refresh_normals();
    return normals_[static_cast<std::size_t>(k)];
  }
  void refresh_normals() {
    if (normals_of_revision_ == pieces_->revision()) return;
    normals_of_revision_ = pieces_->revision();
    std::vector<std::vector<Index>> held(static_cast<std::size_t>(m_));
    for (const Kink& s : pieces_->kinks())
      held[static_cast<std::size_t>(s.neuron)].push_back(s.sample);
    normals_.assign(held.size(), Matrix(extended(), 0));
    sliders_.clear();
    for (std::size_t k = 0; k < held.size(); ++k) {
      if (held[k].empty()) continue;
      sliders_.push_back(static_cast<Index>(k));
      Matrix span(extended(), static_cast<Index>(held[k].size()));
      for (std::size_t s = 0; s < held[k].size(); ++s) {
        span.col(static_cast<Index>(s)).head(d()) = columns_->col(held[k][s]);
        if (bias_) span(d(), static_cast<Index>(s)) = 1;
      }
      normals_[k] = Eigen::HouseholderQR<Matrix>(span).householderQ() *
                    Matrix::Identity(span.rows(), span.cols());
    }
  }
  /// v, or what is left of it where sliding neurons keep to their surfaces.
  Eigen::Map<const Vector> tangent_of(ConstVectorRef v) {
    if (!slides()) return {v.data(), v.size()};
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
  Index extended() const { return d() + (bias_ ? 1 : 0); }

  Index d() const { return inputs_->cols(); }
  Index block_size() const { return d() + (bias_ ? 2 : 1); }
  void allocate() {
    for (Matrix* work : {&z_, &value_, &first_, &second_, &back_}) work->resize(m_, outputs());
    // Activations of a block on all samples fit the second-level cache a few times.
    rows_ = std::min(m_, std::clamp<Index>(16384 / outputs(), 256, 2048));
    parts_.resize(outputs(), (m_ + rows_ - 1) / rows_);
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
      activation_.second_derivative(z_.col(i).data(), value_.col(i).data(), first_.col(i).data(),
                                    m_, second_.col(i).data());
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
  std::vector<Matrix> normals_;
  std::vector<Index> sliders_;
  std::uint64_t normals_of_revision_ = 0;
  Matrix pulled_;
  Vector neuron_, outputs_;
  Vector w_, tangent_, sample_;
};

double output_factor(const std::string& name, Index width) {
  const double m = static_cast<double>(width);
  return name == "sqrt" ? 1 / std::sqrt(m) : name == "mean" ? 1 / m : 1;
}

struct TwoLayerShape {
  Index width;
  Activation activation;
  bool bias;
  double scale;
};

/// f(x) for the rows of x, some at a time so that the activations stay in the cache.
Vector predict(const TwoLayerShape& shape, const Matrix& x, ConstVectorRef w) {
  const Index m = shape.width, d = x.cols();
  const Index chunk = std::clamp<Index>(16384 / m, 1, x.rows());
  const Eigen::Map<const RowMatrix> W(w.data(), m, d);
  Matrix z(m, chunk);
  Vector f(x.rows());
  for (Index start = 0; start < x.rows(); start += chunk) {
    const Index count = std::min(chunk, x.rows() - start);
    auto part = z.leftCols(count);
    part.noalias() = W * x.middleRows(start, count).transpose();
    if (shape.bias) part.colwise() += w.segment(m * d, m);
    shape.activation.evaluate(z.data(), m * count, z.data());
    f.segment(start, count).noalias() = shape.scale * (part.transpose() * w.tail(m));
  }
  return f;
}

class TwoLayerNetwork final : public LossModel {
 public:
  TwoLayerNetwork(SupervisedData data, TwoLayerShape shape, Vector initial, Vector grid,
                  Vector teacher_on_grid)
      : LossModel(Loss(make_two_layer_map(std::make_shared<Matrix>(data.inputs), shape.width,
                                          shape.activation, shape.bias, shape.scale),
                       std::make_shared<SquaredLoss>(0.5 / static_cast<double>(data.inputs.rows()),
                                                     data.targets.col(0))),
                  std::move(initial), layers(shape, data.inputs.cols())),
        data_(std::move(data)),
        shape_(shape),
        grid_(std::move(grid)),
        teacher_on_grid_(std::move(teacher_on_grid)) {}

  std::vector<Observable> own_observables() override {
    const Index m = shape_.width, d = data_.inputs.cols();
    const Axis neuron = counting_axis("neuron", m, "neuron");
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "training mean squared error",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = mean_squared_error(outputs_at(s), data_.targets.col(0));
                   }});
    if (data_.test_inputs.rows() > 0)
      all.push_back(
          {"test_error", "test mean squared error", {}, true, [this](const State& s, double* out) {
             *out = mean_squared_error(predict(shape_, data_.test_inputs, weights(s)),
                                       data_.test_targets.col(0));
           }});
    all.push_back({"second_layer",
                   "second-layer weights a_k",
                   {neuron},
                   false,
                   [this, m](const State& s, double* out) {
                     Eigen::Map<Vector>(out, m) = weights(s).tail(m);
                   }});
    all.push_back({"first_layer",
                   "first-layer weights w_k",
                   {neuron, counting_axis("input", d, "coordinate of the input")},
                   false,
                   [this, m, d](const State& s, double* out) {
                     Eigen::Map<Vector>(out, m * d) = weights(s).head(m * d);
                   }});
    if (shape_.bias)
      all.push_back(
          {"bias", "biases b_k", {neuron}, false, [this, m, d](const State& s, double* out) {
             Eigen::Map<Vector>(out, m) = weights(s).segment(m * d, m);
           }});
    if (shape_.activation.homogeneity() == 1)
      all.push_back({"invariant",
                     "|w_k|^2 + b_k^2 - a_k^2, which decays as exp(-2 lambda t) along the gradient "
                     "flow",
                     {neuron},
                     false,
                     [this, m, d](const State& s, double* out) {
                       const auto w = weights(s);
                       for (Index k = 0; k < m; ++k) {
                         out[k] = w.segment(k * d, d).squaredNorm();
                         if (shape_.bias) out[k] += w[m * d + k] * w[m * d + k];
                         const double a = w[w.size() - m + k];
                         out[k] -= a * a;
                       }
                     }});
    if (!shape_.activation.smooth())
      all.push_back({"active_samples",
                     "number of training samples at which a neuron is active",
                     {neuron},
                     false,
                     [this, m, d](const State& s, double* out) {
                       const Vector w = weights(s);
                       const Eigen::Map<const RowMatrix> W(w.data(), m, d);
                       Matrix z = W * data_.inputs.transpose();
                       if (shape_.bias) z.colwise() += w.segment(m * d, m);
                       for (Index k = 0; k < m; ++k)
                         out[k] = static_cast<double>((z.row(k).array() > 0).count());
                     }});
    if (grid_.size() > 0) {
      all.push_back({"prediction",
                     "prediction on a grid of inputs",
                     {grid_axis()},
                     false,
                     [this](const State& s, double* out) {
                       Eigen::Map<Vector>(out, grid_.size()) = predict(shape_, grid_, weights(s));
                     }});
    }
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    const auto vector = [](const Vector& v) { return std::vector<double>(v.begin(), v.end()); };
    const Axis sample = counting_axis("training_sample", data_.inputs.rows(), "training sample");
    std::vector<Measurement> all;
    all.push_back({"target", "training targets y", {sample}, vector(data_.targets.col(0))});
    if (data_.inputs.cols() == 1)
      all.push_back({"point", "training inputs x", {sample}, vector(data_.inputs.col(0))});
    if (teacher_on_grid_.size() > 0)
      all.push_back({"teacher_on_grid",
                     "teacher on the grid of inputs",
                     {grid_axis()},
                     vector(teacher_on_grid_)});
    return all;
  }

 private:
  static std::vector<ParameterGroup> layers(const TwoLayerShape& shape, Index d) {
    const Index m = shape.width;
    std::vector<ParameterGroup> groups{{"W", 0, m * d}};
    if (shape.bias) groups.push_back({"b", m * d, m});
    groups.push_back({"a", m * (d + (shape.bias ? 1 : 0)), m});
    return groups;
  }
  Axis grid_axis() const { return {"grid_point", {grid_.begin(), grid_.end()}, "input x", false}; }

  SupervisedData data_;
  TwoLayerShape shape_;
  Vector grid_, teacher_on_grid_;
};

/// The teacher's weights (W, b, a), b always there, and its shape.
struct Teacher {
  TwoLayerShape shape;
  Vector w;
};

Teacher make_teacher(Parameters& p, std::uint64_t seed, Index d) {
  if (!p.has("teacher_activation")) p.resolve("teacher_activation", p.text("activation"));
  const Activation activation = *parse_activation(p.text("teacher_activation"));
  if (p.text("teacher") == "explicit") {
    for (const char* name : {"teacher_coefficients", "teacher_weights"})
      if (!p.has(name)) throw ParameterError(name, "is needed with model.teacher = \"explicit\"");
    const std::vector<double>& a = p.reals("teacher_coefficients");
    const auto m = static_cast<Index>(a.size());
    p.fix_size("teacher_width", m, "teacher_coefficients");
    if (!p.has("teacher_biases")) p.resolve("teacher_biases", std::vector<double>(a.size(), 0.0));
    Teacher teacher{{m, activation, true, 1}, Vector(m * (d + 2))};
    const auto fill = [&](const char* name, Index offset, Index size) {
      const std::vector<double>& values = p.reals(name);
      if (static_cast<Index>(values.size()) != size)
        throw ParameterError(name, "has " + std::to_string(values.size()) + " entries, expected " +
                                       std::to_string(size) +
                                       " to go with model.teacher_coefficients");
      teacher.w.segment(offset, size) = Eigen::Map<const Vector>(values.data(), size);
    };
    fill("teacher_weights", 0, m * d);
    fill("teacher_biases", m * d, m);
    fill("teacher_coefficients", m * d + m, m);
    return teacher;
  }
  for (const char* name : {"teacher_coefficients", "teacher_weights", "teacher_biases"})
    p.unused(name, "teacher = \"random\"");
  const Index m = p.integer("teacher_width");
  Teacher teacher{{m, activation, true, 1 / std::sqrt(static_cast<double>(m))},
                  Vector(m * (d + 2))};
  RandomStream stream(seed, "teacher");
  stream.fill_normal(teacher.w.head(m * d), 1 / std::sqrt(static_cast<double>(d)));
  stream.fill_normal(teacher.w.segment(m * d, m));
  stream.fill_normal(teacher.w.tail(m));
  if (!p.boolean("bias")) teacher.w.segment(m * d, m).setZero();
  return teacher;
}

Vector draw_initial(const Parameters& p, std::uint64_t seed, const TwoLayerShape& shape, Index d) {
  const Index m = shape.width;
  Vector w(m * (d + (shape.bias ? 2 : 1)));
  RandomStream stream(seed, "initial");
  stream.fill_normal(w, p.real("initial_scale") * std::sqrt(p.real("initial_variance")));
  if (p.boolean("initial_balanced")) {
    // |(w_k, b_k)| = |a_k| with the product kept.
    for (Index k = 0; k < m; ++k) {
      double size = w.segment(k * d, d).squaredNorm();
      if (shape.bias) size += w[m * d + k] * w[m * d + k];
      size = std::sqrt(size);
      double& a = w[w.size() - m + k];
      if (size == 0 || a == 0) continue;
      const double factor = std::sqrt(std::abs(a) / size);
      w.segment(k * d, d) *= factor;
      if (shape.bias) w[m * d + k] *= factor;
      a /= factor;
    }
  }
  const double balance = p.real("initial_balance");
  w.head(w.size() - m) *= balance;
  w.tail(m) /= balance;
  return w;
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  fix_supervised_sizes(p, "input_dimension");
  const Index d = p.integer("input_dimension");
  const bool bias = p.boolean("bias");
  const Index per_neuron = d + (bias ? 2 : 1);
  if (p.has_file("initial")) {
    const Index entries = p.file_vector("initial").size();
    if (entries % per_neuron != 0)
      throw ParameterError("initial", "has " + std::to_string(entries) +
                                          " entries, expected a multiple of " +
                                          std::to_string(per_neuron) + ": " +
                                          (bias ? "W (m, d), b (m), a (m)" : "W (m, d), a (m)"));
    p.fix_size("width", entries / per_neuron, "initial");
    for (const char* name :
         {"initial_variance", "initial_scale", "initial_balance", "initial_balanced"})
      p.unused(name, "initial");
  }
  const Index m = p.integer("width");
  const TwoLayerShape shape{m, *parse_activation(p.text("activation")), bias,
                            output_factor(p.text("output_scale"), m)};

  const bool asked = p.given("teacher");
  Teacher teacher{shape, {}};
  if (!p.has_file("targets") || asked)
    teacher = make_teacher(p, seed, d);
  else
    for (const char* name : {"teacher", "teacher_width", "teacher_activation",
                             "teacher_coefficients", "teacher_weights", "teacher_biases"})
      p.unused(name, "targets");
  const auto values = [&](const Matrix& x) -> Matrix {
    return predict(teacher.shape, x, teacher.w);
  };
  SupervisedData data = read_supervised_data(p, seed, d, 1, asked, values);

  Vector grid, teacher_on_grid;
  if (d == 1) {
    double range = p.real("input_range");
    if (p.text("input_law") != "uniform") range = data.inputs.cwiseAbs().maxCoeff();
    grid = Vector::LinSpaced(p.integer("grid"), -range, range);
    if (teacher.w.size() > 0) teacher_on_grid = values(grid);
  } else {
    p.without_effect("grid", "model.input_dimension = " + std::to_string(d));
  }
  Vector initial = p.has_file("initial")
                       ? read_initial(p, m * per_neuron, "width * " + std::to_string(per_neuron))
                       : draw_initial(p, seed, shape, d);
  return std::make_unique<TwoLayerNetwork>(std::move(data), shape, std::move(initial),
                                           std::move(grid), std::move(teacher_on_grid));
}

}  // namespace

std::unique_ptr<OutputMap> make_two_layer_map(std::shared_ptr<const Matrix> inputs, Index width,
                                              Activation activation, bool bias,
                                              double output_scale) {
  return std::make_unique<TwoLayerMap>(std::move(inputs), width, activation, bias, output_scale);
}

ModelInfo two_layer_network() {
  std::vector<std::string> activations;
  for (const std::string_view name : activation_names()) activations.emplace_back(name);
  ParameterInfo teacher_activation = choice_parameter(
      "teacher_activation", "", activations, "the teacher's activation; the network's without it");
  teacher_activation.default_value = {};
  std::vector<ParameterInfo> parameters{
      integer_parameter("width", 100, "number m of neurons"),
      choice_parameter("activation", "tanh", activations, "activation sigma"),
      boolean_parameter("bias", true, "a bias b_k in each neuron"),
      integer_parameter("input_dimension", 1, "dimension d of the inputs"),
      choice_parameter("output_scale", "one", {"one", "sqrt", "mean"},
                       "factor c of the output: 1, 1/sqrt(m) or 1/m"),
      choice_parameter("teacher", "random", {"random", "explicit"},
                       "where targets come from: a random two-layer network, or the one given by "
                       "teacher_coefficients, teacher_weights and teacher_biases"),
      integer_parameter("teacher_width", 3, "neurons of the teacher"),
      teacher_activation,
      list_parameter("teacher_coefficients", std::nullopt, "second layer of an explicit teacher"),
      list_parameter("teacher_weights", std::nullopt,
                     "first layer of an explicit teacher, neuron by neuron"),
      list_parameter("teacher_biases", std::nullopt, "biases of an explicit teacher; 0 without it"),
      nonnegative_parameter("initial_variance", 1.0, "variance of the entries of W(0), b(0), a(0)"),
      nonnegative_parameter("initial_scale", 1.0, "factor on W(0), b(0), a(0)"),
      positive_parameter("initial_balance", 1.0, "factor on W(0), b(0); its inverse on a(0)"),
      boolean_parameter("initial_balanced", false,
                        "rescale each neuron so that |(w_k, b_k)| = |a_k| first"),
      integer_parameter("grid", 401, "points of the grid of the observable prediction (d = 1)", 2),
      file_parameter("initial", "(m (d + 2)): W row by row, b (with bias), a",
                     "W(0), b(0), a(0), or the folder of an earlier result"),
  };
  for (ParameterInfo& info : supervised_data_parameters(40)) parameters.push_back(std::move(info));
  return {"two_layer_network",
          "a network with one hidden layer and one output",
          "F(W, b, a) = 1/(2n) sum_i (f(x_i) - y_i)^2,  f(x) = c sum_k a_k sigma(w_k . x + b_k)",
          "Boursier, Pesme, Dragomir, arXiv 2505.20172, figure 3",
          LossModel::flows(),
          std::move(parameters),
          make};
}

}  // namespace gradflow
