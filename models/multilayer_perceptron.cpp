#include "models/multilayer_perceptron.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/formulas.hpp"
#include "models/initial_state.hpp"
#include "models/perceptron_data.hpp"
#include "models/perceptron_layers.hpp"
#include "models/perceptron_layout.hpp"
#include "models/perceptron_map.hpp"
#include "models/supervised_data.hpp"
#include "models/training_data.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

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
  return jacobi_singular_values(outputs / std::sqrt(static_cast<double>(outputs.cols())));
}

std::shared_ptr<OutputLoss> make_output_loss(const PerceptronData& data, Index outputs,
                                             bool cross_entropy) {
  if (cross_entropy) return std::make_shared<CrossEntropyLoss>(data.labels, outputs);
  return std::make_shared<SquaredLoss>(
      0.5 / static_cast<double>(data.inputs.rows()),
      Eigen::Map<const Vector>(data.targets.data(), data.targets.size()));
}

class MultilayerPerceptron final : public LossModel {
 public:
  MultilayerPerceptron(PerceptronData data, PerceptronLayout layout, Activation activation,
                       double scale, bool cross_entropy, Vector initial)
      : LossModel(Loss(make_perceptron_map(std::make_shared<Matrix>(data.inputs), layout.widths,
                                           activation, layout.bias, scale),
                       make_output_loss(data, layout.widths.back(), cross_entropy)),
                  std::move(initial), groups_of(layout)),
        data_(std::move(data)),
        layout_(std::move(layout)),
        activation_(activation),
        scale_(scale),
        cross_entropy_(cross_entropy) {}

  std::vector<Observable> observables(const FlowSettings& flow) override {
    std::vector<Observable> all = LossModel::observables(flow);
    // With a decay for each group there is no one lambda that the layers' forces are measured in.
    if (flow.weight_decays.empty())
      for (Observable& observable : observables_of_layers(flow))
        all.push_back(std::move(observable));
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    std::vector<Measurement> all = training_inputs(data_.inputs);
    Matrix labels(static_cast<Index>(data_.labels.size()), 1);
    for (Index i = 0; i < labels.rows(); ++i)
      labels(i, 0) = static_cast<double>(data_.labels[static_cast<std::size_t>(i)]);
    const Matrix targets = data_.targets.transpose();
    const Axis output = counting_axis("output", targets.cols(), "entry of the output");
    for (auto list : {training_data("target", "training targets y_i", targets, output),
                      training_data("label", "labels y_i, from 0", labels, {})})
      for (Measurement& data : list) all.push_back(std::move(data));
    return all;
  }

  std::vector<Observable> own_observables() override {
    const bool labelled = !data_.labels.empty();
    const Index k = layout_.widths.back();
    std::vector<Observable> all;
    all.push_back({"train_error",
                   cross_entropy_ ? "training mean cross-entropy"
                                  : "training mean squared error an output entry",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     const Vector& f = outputs_at(s);
                     *out = cross_entropy_ ? loss().output_loss().value(f)
                                           : mean_squared_error(f, flat(data_.targets));
                   }});
    if (labelled)
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
           cross_entropy_ ? "test mean cross-entropy" : "test mean squared error an output entry",
           {},
           true,
           [this, k](const State& s, double* out) {
             const Vector f = flat(test(s));
             *out = cross_entropy_ ? CrossEntropyLoss(data_.test_labels, k).value(f)
                                   : mean_squared_error(f, flat(data_.test_targets));
           }});
      if (labelled)
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
  bool cross_entropy_;
  Matrix test_outputs_;
  std::uint64_t serial_ = 0;
  bool tested_ = false;
  PerceptronLayers layers_;
  std::uint64_t layers_serial_ = 0;
  bool layers_analysed_ = false;
};

/// W_l(0) and b_l(0) of the law that the config asks for.
Vector draw_initial(const Parameters& p, std::uint64_t seed, const PerceptronLayout& layout) {
  RandomStream stream(initial_seed(p, seed), "initial");
  const std::string& law = p.text("initial_law");
  const double variance = p.real("initial_variance");
  Vector w;
  if (law == "gaussian" || law == "half_normal") {
    w = draw_perceptron(stream, layout, variance);
  } else {
    w = Vector::Zero(layout.parameters);
    for (std::size_t l = 0; l < layout.layers(); ++l) {
      auto matrix = w.segment(layout.matrix[l], layout.widths[l] * layout.widths[l + 1]);
      draw_by_formula(p, "initial_law", stream, matrix);
      matrix *= std::sqrt(variance / static_cast<double>(layout.widths[l]));
    }
  }
  w *= p.real("initial_scale");
  if (law == "half_normal") {
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
  const Activation activation = activation_of(p.text("activation"));
  const bool cross_entropy = p.text("loss") == "cross_entropy";
  if (cross_entropy && k < 2)
    throw ParameterError("widths", "ends with 1, but cross-entropy needs at least two outputs");
  PerceptronData data = read_perceptron_data(p, seed, d, k, activation, cross_entropy);

  // Without hidden layers there is no width m.
  const double scale =
      output_scale(p, layout.layers() > 1 ? layout.widths[layout.layers() - 1] : 1);
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
                                                cross_entropy, std::move(initial));
}

}  // namespace

ModelInfo multilayer_perceptron() {
  std::vector<ParameterInfo> parameters{
      integer_list_parameter("widths", std::vector<std::int64_t>{10, 30, 30, 1},
                             "widths from the inputs to the outputs", 1),
      integer_parameter("width", std::nullopt,
                        "width of all hidden layers, in place of those in widths"),
      activation_parameter("activation", "tanh", "activation sigma of the hidden layers"),
      boolean_parameter("bias", true, "biases b_l in all layers"),
      choice_parameter("loss", "squared", {"squared", "cross_entropy"},
                       "squared error, or cross-entropy of the outputs' softmax"),
      output_scale_parameter("factor c of the outputs: 1, or 1/sqrt(m) or 1/m of the last hidden "
                             "width m, or a number"),
      law_parameter("initial_law", "gaussian", {"gaussian", "half_normal"}, false,
                    "law of the entries of W_l(0) before their scale; half_normal: absolute values "
                    "of Gaussians in all W_l but the last; u is uniform on (0, 1), z standard "
                    "normal"),
      nonnegative_parameter(
          "initial_variance", 1.0,
          "variance of the entries of W_l(0), times the layer's number of inputs; "
          "biases begin at 0"),
      nonnegative_parameter("initial_scale", 1.0, "factor on all W_l(0)"),
      positive_parameter("initial_balance", 1.0, "factor on W_1(0); its inverse on W_L(0)"),
      initial_seed_parameter(),
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
