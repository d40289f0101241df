#include "models/diagonal_linear_network.hpp"

#include <cmath>
#include <numbers>

#include "flow/linear_map.hpp"
#include "flow/loss_model.hpp"
#include "flow/mirror_flow.hpp"
#include "models/diagonal_map.hpp"
#include "models/initial_state.hpp"
#include "models/sample_values.hpp"
#include "models/training_data.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

/// (1, cos(pi x/2), ..., cos(K pi x/2), sin(pi x/2), ..., sin(K pi x/2)) for each point.
Matrix fourier_features(const Vector& points, Index frequencies) {
  Matrix features(points.size(), 2 * frequencies + 1);
  for (Index i = 0; i < points.size(); ++i) {
    features(i, 0) = 1;
    for (Index k = 1; k <= frequencies; ++k) {
      const double phase = 0.5 * std::numbers::pi * static_cast<double>(k) * points[i];
      features(i, k) = std::cos(phase);
      features(i, frequencies + k) = std::sin(phase);
    }
  }
  return features;
}

struct Data {
  std::shared_ptr<Matrix> inputs;
  Vector targets;
  Matrix test_inputs;
  Vector test_targets;
  Vector teacher;  ///< empty where the targets come from a file
  Vector points, grid;
  Matrix grid_features;
};

class DiagonalLinearNetwork final : public LossModel {
 public:
  DiagonalLinearNetwork(Data data, Parametrisation kind, Vector initial)
      : LossModel(Loss(std::make_unique<DiagonalMap>(data.inputs, kind),
                       std::make_shared<SquaredLoss>(0.5 / static_cast<double>(data.targets.size()),
                                                     data.targets)),
                  initial, factors(kind, data.inputs->cols())),
        data_(std::move(data)),
        kind_(kind),
        initial_(std::move(initial)),
        map_(data_.inputs, kind),
        beta_(data_.inputs->cols()) {}

  Vector initial_state(const FlowSettings& flow) override {
    if (flow.kind != "mirror") return LossModel::initial_state(flow);
    // theta = arcsinh(beta/(2 |u v|)) = log |u/v|.
    const Index d = beta_.size();
    return (initial_.head(d).array() / initial_.tail(d).array()).abs().log();
  }

  /// The gradient flow of (u, v) as mirror flow of beta = u^2 - v^2: d beta = -4 (u^2 + v^2) grad F
  /// dt and u_i v_i constant, so that d arcsinh(beta/c) = -4 grad F dt with c = 2 |u v| (Woodworth
  /// et al., arXiv 2002.09277).
  std::unique_ptr<System> system(const FlowSettings& flow) override {
    if (flow.kind != "mirror") return LossModel::system(flow);
    if (flow.accelerated)
      throw ParameterError("kind",
                           "is \"mirror\", which this model has in real time alone; set "
                           "time.variable = \"time\"");
    if (kind_ != Parametrisation::difference)
      throw ParameterError("kind",
                           "is \"mirror\", which needs model.parametrisation = "
                           "\"difference\"");
    if (flow.weight_decay > 0 || !flow.weight_decays.empty() || !flow.learning_rates.empty())
      throw ParameterError("weight_decay", "does not go with mirror flow");
    const Index d = beta_.size();
    SeparablePotential potential;
    for (Index i = 0; i < d; ++i) {
      const double scale = 2 * std::abs(initial_[i] * initial_[d + i]);
      if (scale == 0)
        throw ParameterError("kind", "is \"mirror\", which needs u_i(0) v_i(0) other than 0");
      potential.push_back(scaled(hyperbolic_entropy_potential(), scale));
    }
    return std::make_unique<MirrorFlow>(
        Loss(std::make_unique<LinearMap>(data_.inputs),
             std::make_shared<SquaredLoss>(0.5 / static_cast<double>(data_.targets.size()),
                                           data_.targets)),
        std::move(potential), 4);
  }

  /// Mirror flow's are those of the network at the (u, v) that its dual stands for.
  std::vector<Observable> observables(const FlowSettings& flow) override {
    std::vector<Observable> all = LossModel::observables(flow);
    if (flow.kind != "mirror") return all;
    for (Observable& observable : all)
      observable.evaluate = [this, inner = observable.evaluate](const State& s, double* out) {
        const Index d = beta_.size();
        const auto scale = (initial_.head(d).array() * initial_.tail(d).array()).abs().sqrt();
        network_.resize(2 * d);
        network_.head(d) = initial_.head(d).array().sign() * scale * (0.5 * s.y.array()).exp();
        network_.tail(d) = initial_.tail(d).array().sign() * scale * (-0.5 * s.y.array()).exp();
        inner(State{s.t, network_, s.serial}, out);
      };
    return all;
  }

  std::vector<Observable> own_observables() override {
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "training mean squared error",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = mean_squared_error(outputs_at(s), data_.targets);
                   }});
    if (data_.test_inputs.rows() > 0)
      all.push_back(
          {"test_error", "test mean squared error", {}, true, [this](const State& s, double* out) {
             *out = mean_squared_error(data_.test_inputs * beta(s), data_.test_targets);
           }});
    all.push_back({"l1_norm",
                   "l1 norm of the effective vector beta",
                   {},
                   true,
                   [this](const State& s, double* out) { *out = beta(s).lpNorm<1>(); }});
    all.push_back(
        {"effective_vector",
         "effective vector beta",
         {counting_axis("feature", beta_.size(), "feature")},
         false,
         [this](const State& s, double* out) { Eigen::Map<Vector>(out, beta_.size()) = beta(s); }});
    // u alone has none.
    if (factors_of(kind_) == 2)
      all.push_back(
          {"invariant",
           kind_ == Parametrisation::difference
               ? "u_i v_i, which decays as exp(-2 lambda t) along the gradient flow"
               : "u_i^2 - v_i^2, which decays as exp(-2 lambda t) along the gradient flow",
           {counting_axis("feature", beta_.size(), "feature")},
           false,
           [this](const State& s, double* out) {
             const Index d = beta_.size();
             const auto u = weights(s).head(d), v = weights(s).segment(d, d);
             Eigen::Map<Vector> values(out, d);
             if (kind_ == Parametrisation::difference)
               values = u.cwiseProduct(v);
             else
               values = u.cwiseAbs2() - v.cwiseAbs2();
           }});
    if (data_.grid.size() > 0) {
      Axis grid{"grid_point", {data_.grid.begin(), data_.grid.end()}, "input x", false};
      all.push_back({"prediction",
                     "prediction on a grid of inputs",
                     {grid},
                     false,
                     [this](const State& s, double* out) {
                       Eigen::Map<Vector>(out, data_.grid.size()) = data_.grid_features * beta(s);
                     }});
    }
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    std::vector<Measurement> all;
    const auto vector = [](const Vector& v) { return std::vector<double>(v.begin(), v.end()); };
    if (data_.teacher.size() > 0)
      all.push_back({"teacher",
                     "coefficients beta* of the teacher",
                     {counting_axis("feature", data_.teacher.size(), "feature")},
                     vector(data_.teacher)});
    all.push_back({"target",
                   "training targets y",
                   {counting_axis("training_sample", data_.targets.size(), "training sample")},
                   vector(data_.targets)});
    if (data_.points.size() == 0)
      for (Measurement& input :
           training_data("input", "training inputs x_i", *data_.inputs,
                         counting_axis("feature", data_.inputs->cols(), "feature")))
        all.push_back(std::move(input));
    if (data_.points.size() > 0) {
      all.push_back({"point",
                     "training points x",
                     {counting_axis("training_sample", data_.points.size(), "training sample")},
                     vector(data_.points)});
      if (data_.teacher.size() > 0)
        all.push_back({"teacher_on_grid",
                       "teacher on the grid of inputs",
                       {{"grid_point", vector(data_.grid), "input x", false}},
                       vector(data_.grid_features * data_.teacher)});
    }
    return all;
  }

 private:
  static std::vector<ParameterGroup> factors(Parametrisation kind, Index d) {
    std::vector<ParameterGroup> groups{{"u", 0, d}};
    if (factors_of(kind) == 2) groups.push_back({"v", d, d});
    return groups;
  }
  const Vector& beta(const State& s) {
    map_.effective(weights(s), beta_);
    return beta_;
  }
  Data data_;
  Parametrisation kind_;
  Vector initial_, network_;
  DiagonalMap map_;
  Vector beta_;
};

/// The teacher's coefficients from its support and values, with defaults that depend on the
/// features.
Vector make_teacher(Parameters& p, Index d, bool fourier) {
  if (!p.has("teacher_support")) {
    // Fourier: 1 + sin(6 pi x/2) + sin(21 pi x/2), the teacher that figure 4 plots.
    const std::int64_t k = fourier ? p.integer("frequencies") : 0;
    std::vector<std::int64_t> support;
    if (fourier && k >= 21)
      support = {0, k + 6, k + 21};
    else
      for (std::int64_t i = 0; i < std::min<std::int64_t>(3, d); ++i) support.push_back(i);
    p.resolve("teacher_support", support);
  }
  const std::vector<std::int64_t>& support = p.integers("teacher_support");
  if (!p.has("teacher_values"))
    p.resolve("teacher_values", std::vector<double>(support.size(), 1.0));
  const std::vector<double>& values = p.reals("teacher_values");
  if (values.size() != support.size())
    throw ParameterError("teacher_values",
                         "has " + std::to_string(values.size()) + " entries, expected " +
                             std::to_string(support.size()) + " as in model.teacher_support");
  Vector teacher = Vector::Zero(d);
  for (std::size_t i = 0; i < support.size(); ++i) {
    if (support[i] >= d)
      throw ParameterError("teacher_support", "has " + std::to_string(support[i]) +
                                                  ", expected indices from 0 to " +
                                                  std::to_string(d - 1));
    teacher[support[i]] += values[i];
  }
  return teacher;
}

Parametrisation parametrisation_of(const std::string& name) {
  if (name == "difference") return Parametrisation::difference;
  return name == "product" ? Parametrisation::product : Parametrisation::square;
}

/// Checks that what gives the features goes together, and fixes `samples` and `dimension` by it.
void fix_feature_sizes(Parameters& p, bool fourier, Parametrisation kind) {
  if (p.has_file("points") && !fourier)
    throw ParameterError("points", "needs model.features = \"fourier\"");
  if (p.has_file("points") && p.has_file("inputs"))
    throw ParameterError("points", "does not go with model.inputs, which gives the features");
  if (fourier && !p.has_file("inputs") && p.given("dimension") &&
      p.integer("dimension") != 2 * p.integer("frequencies") + 1)
    throw ParameterError("dimension", "is " + std::to_string(p.integer("dimension")) +
                                          ", but fourier features have 2 frequencies + 1 = " +
                                          std::to_string(2 * p.integer("frequencies") + 1));
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
    return;
  }
  if (p.has_file("points")) p.fix_size("samples", p.file_vector("points").size(), "points");
  if (fourier) p.resolve("dimension", 2 * p.integer("frequencies") + 1);
  if (!p.has_file("points") && p.has_file("targets"))
    p.fix_size("samples", p.file_vector("targets").size(), "targets");
  if (!fourier && p.has_file("initial"))
    p.fix_size("dimension", initial_sets(p, factors_of(kind), "an even number 2d: u, v"),
               "initial");
}

/// X and y: read, or drawn from the stream "data" and the teacher.
void take_training_data(Parameters& p, std::uint64_t seed, bool fourier, Data& data) {
  const Index n = p.integer("samples"), d = p.integer("dimension");
  RandomStream stream(seed, "data");
  data.inputs = std::make_shared<Matrix>(n, d);
  const bool own_features = !p.has_file("inputs");
  if (!own_features) {
    *data.inputs = p.file("inputs");
  } else if (fourier) {
    data.points.resize(n);
    if (p.has_file("points"))
      data.points = p.file_vector("points");
    else
      for (double& x : data.points) x = stream.uniform(-1, 1);
    *data.inputs = fourier_features(data.points, p.integer("frequencies"));
    data.grid = Vector::LinSpaced(p.integer("grid"), -1, 1);
    data.grid_features = fourier_features(data.grid, p.integer("frequencies"));
  } else {
    stream.fill_normal(*data.inputs);
  }

  if (p.has_file("targets")) {
    data.targets = read_sample_values(p, "targets", n);
    if (p.given("teacher_support") || p.given("teacher_values"))
      throw ParameterError("targets", "does not go with a teacher");
  } else {
    data.teacher = make_teacher(p, d, fourier && own_features);
    data.targets = *data.inputs * data.teacher;
  }
}

/// A test set: read, or the teacher's; none where there is neither.
void take_test_data(Parameters& p, std::uint64_t seed, bool fourier, Data& data) {
  const Index d = data.inputs->cols();
  if (p.has_file("test_inputs") != p.has_file("test_targets"))
    throw ParameterError(p.has_file("test_inputs") ? "test_inputs" : "test_targets",
                         "is there without the other of test_inputs and test_targets");
  if (p.has_file("test_inputs")) {
    p.require_shape("test_inputs", -1, d);
    data.test_inputs = p.file("test_inputs");
    p.fix_size("test_samples", data.test_inputs.rows(), "test_inputs");
    data.test_targets =
        read_sample_values(p, "test_targets", data.test_inputs.rows(), "test samples");
  } else if (data.teacher.size() > 0) {
    const Index tests = p.integer("test_samples");
    if (fourier && !p.has_file("inputs")) {
      // Midpoints of equal intervals: the mean over them is the midpoint rule for the uniform law.
      Vector points(tests);
      for (Index i = 0; i < tests; ++i)
        points[i] = -1 + (2 * static_cast<double>(i) + 1) / static_cast<double>(tests);
      data.test_inputs = fourier_features(points, p.integer("frequencies"));
    } else {
      data.test_inputs.resize(tests, d);
      RandomStream(seed, "test").fill_normal(data.test_inputs);
    }
    data.test_targets = data.test_inputs * data.teacher;
  }
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const bool fourier = p.text("features") == "fourier";
  const auto kind = parametrisation_of(p.text("parametrisation"));
  fix_feature_sizes(p, fourier, kind);
  if (!fourier)
    for (const char* name : {"frequencies", "grid"})
      p.without_effect(name, "model.features = \"gaussian\"");
  Data data;
  take_training_data(p, seed, fourier, data);
  take_test_data(p, seed, fourier, data);

  Vector initial(factors_of(kind) * data.inputs->cols());
  if (p.has_file("initial")) {
    initial = read_initial(p, initial.size(), factors_of(kind) == 2 ? "2 dimension" : "dimension");
  } else {
    RandomStream start(initial_seed(p, seed), "initial");
    start.fill_normal(initial, p.real("initial_scale") * std::sqrt(p.real("initial_variance")));
  }
  return std::make_unique<DiagonalLinearNetwork>(std::move(data), kind, std::move(initial));
}

}  // namespace

ModelInfo diagonal_linear_network() {
  std::vector<std::string> flows = LossModel::flows();
  flows.push_back("mirror");
  return {
      "diagonal_linear_network",
      "linear regression in an overparametrised, diagonal form; sparse at minimum norm",
      "F(u, v) = 1/(2n) |X beta - y|^2,  beta = u^2 - v^2 (difference), u v (product) or u^2 "
      "(square)",
      "Boursier, Pesme, Dragomir, arXiv 2505.20172, figure 4",
      flows,
      {
          choice_parameter("parametrisation", "difference", {"difference", "product", "square"},
                           "beta = u^2 - v^2, u v or u^2, entry by entry; with u^2 there is no v, "
                           "and no beta below 0"),
          choice_parameter("features", "gaussian", {"gaussian", "fourier"},
                           "law of the rows of X: standard Gaussian, or (1, cos(k pi x/2), "
                           "sin(k pi x/2)) at points x"),
          integer_parameter("frequencies", 30, "number of frequencies k of the fourier features"),
          integer_parameter("samples", 12, "number of training samples n"),
          integer_parameter("dimension", 30,
                            "number d of features; 2 frequencies + 1 for fourier features"),
          integer_list_parameter("teacher_support", std::nullopt,
                                 "indices of the teacher's non-zero coefficients, from 0; without "
                                 "it the first three, for fourier features those of 1 + sin(6 pi "
                                 "x/2) + sin(21 pi x/2)"),
          list_parameter("teacher_values", std::nullopt,
                         "the teacher's non-zero coefficients; 1 each without it"),
          integer_parameter("test_samples", 1000, "number of test samples"),
          integer_parameter("grid", 401, "points of [-1, 1] for the observable prediction", 2),
          nonnegative_parameter("initial_variance", 0.1, "variance of the entries of u(0), v(0)"),
          nonnegative_parameter("initial_scale", 1.0, "factor on u(0), v(0)"),
          file_parameter("inputs", "(n, d)", "the features X"),
          file_parameter("points", "(n)",
                         "the points x of fourier features; uniform on [-1, 1] "
                         "without it"),
          file_parameter("targets", "(n)", "training targets y; the teacher's without it"),
          file_parameter("test_inputs", "(k, d)", "test features"),
          file_parameter("test_targets", "(k)", "test targets"),
          initial_seed_parameter(),
          file_parameter("initial", "(2d): u, v; (d): u for square",
                         "u(0), v(0), or the folder of an earlier result"),
      },
      make};
}

}  // namespace gradflow
