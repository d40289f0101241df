#include "models/two_layer_network.hpp"

#include <algorithm>
#include <cmath>

#include "flow/loss_model.hpp"
#include "models/formulas.hpp"
#include "models/initial_state.hpp"
#include "models/supervised_data.hpp"
#include "models/training_data.hpp"
#include "models/two_layer_map.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

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
  Vector f(x.rows());
  for_each_stretch(x.rows(), chunk, [&](Index, Index start, Index count) {
    Matrix z(m, count);
    z.noalias() = W * x.middleRows(start, count).transpose();
    if (shape.bias) z.colwise() += w.segment(m * d, m);
    shape.activation.evaluate(z.data(), m * count, z.data());
    f.segment(start, count).noalias() = shape.scale * (z.transpose() * w.tail(m));
  });
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
    else
      for (Measurement& input : training_inputs(data_.inputs)) all.push_back(std::move(input));
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
  const Activation activation = activation_of(p.text("teacher_activation"));
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
  RandomStream stream(initial_seed(p, seed), "initial");
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
    const std::string expected = "a multiple of " + std::to_string(per_neuron) + ": " +
                                 (bias ? "W (m, d), b (m), a (m)" : "W (m, d), a (m)");
    p.fix_size("width", initial_sets(p, per_neuron, expected), "initial");
    for (const char* name :
         {"initial_variance", "initial_scale", "initial_balance", "initial_balanced"})
      p.unused(name, "initial");
  }
  const Index m = p.integer("width");
  const TwoLayerShape shape{m, activation_of(p.text("activation")), bias, output_scale(p, m)};

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

ModelInfo two_layer_network() {
  ParameterInfo teacher_activation = activation_parameter(
      "teacher_activation", "", "the teacher's activation; the network's without it");
  teacher_activation.default_value = {};
  std::vector<ParameterInfo> parameters{
      integer_parameter("width", 100, "number m of neurons"),
      activation_parameter("activation", "tanh", "activation sigma"),
      boolean_parameter("bias", true, "a bias b_k in each neuron"),
      integer_parameter("input_dimension", 1, "dimension d of the inputs"),
      output_scale_parameter("factor c of the output: 1, 1/sqrt(m), 1/m or a number"),
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
      initial_seed_parameter(),
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
