#include "models/deep_linear_network.hpp"

#include <algorithm>
#include <cmath>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/deep_linear_map.hpp"
#include "models/initial_state.hpp"
#include "models/noisy_linear_map.hpp"
#include "models/supervised_data.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

const NumberInfo irreducible_loss{"irreducible_loss", "least F of any linear map"};

/// Means over samples that a linear network's errors are made of.
struct Moments {
  Matrix xx, yx;
  double yy = 0;  ///< mean |y|^2
};

/// A sample a row.
struct Sample {
  Matrix x, y;
};

Moments moments(const Sample& sample) {
  const auto& [x, y] = sample;
  const double n = static_cast<double>(x.rows());
  return {x.transpose() * x / n, y.transpose() * x / n, y.squaredNorm() / n};
}

/// mean |P x - y|^2
double mean_square(const Moments& m, const Matrix& p) {
  return (p * m.xx).cwiseProduct(p).sum() - 2 * p.cwiseProduct(m.yx).sum() + m.yy;
}

struct Task {
  std::shared_ptr<Matrix> right;  ///< Sigma_xx^{1/2}
  Matrix target;                  ///< of P Sigma_xx^{1/2}: A, or Sigma_yx Sigma_xx^{-1/2}
  double constant = 0;            ///< what no linear map removes from F
  std::optional<Sample> train;    ///< what sgd takes its batches of
  std::optional<Moments> test;
};

Loss make_loss(const Task& task, const std::vector<Index>& widths, double noise_variance) {
  const Vector target = task.target.reshaped();
  if (noise_variance == 0)
    return {make_deep_linear_map(widths, task.right),
            std::make_shared<SquaredLoss>(0.5, target, task.constant)};
  return {make_noisy_linear_map(widths, task.right, noise_variance),
          make_noisy_linear_loss(target, task.constant)};
}

class DeepLinearNetwork final : public LossModel {
 public:
  DeepLinearNetwork(Task task, std::vector<Index> widths, double noise_variance, Vector initial)
      : LossModel(make_loss(task, widths, noise_variance), std::move(initial), layers(widths)),
        task_(std::move(task)),
        widths_(std::move(widths)),
        svd_(full_svd(task_.target)) {}

  std::vector<Observable> own_observables() override {
    const Index p = widths_.back(), d = widths_.front(), modes = std::min(p, d);
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "training mean squared error an output entry",
                   {},
                   true,
                   [this, p](const State& s, double* out) {
                     *out = 2 * loss().output_loss().value(outputs_at(s)) / static_cast<double>(p);
                   }});
    if (task_.test)
      all.push_back({"test_error",
                     "test mean squared error an output entry, without noise",
                     {},
                     true,
                     [this, p](const State& s, double* out) {
                       *out = mean_square(*task_.test, product(s)) / static_cast<double>(p);
                     }});
    all.push_back({"singular_values",
                   "singular values of W_L ... W_1, by size",
                   {counting_axis("mode", modes, "mode, by size", 1)},
                   true,
                   [this, modes](const State& s, double* out) {
                     Eigen::Map<Vector>(out, modes) = jacobi_singular_values(product(s));
                   }});
    all.push_back(rank_observable(svd_.values, [this, p](const State& s) -> Vector {
      const Eigen::Map<const Matrix> outputs(outputs_at(s).data(), p, task_.right->cols());
      return jacobi_singular_values(outputs);
    }));
    all.push_back({"mode_strength",
                   "u_i . W_L ... W_1 v_i in the singular vectors u_i, v_i of the target",
                   {counting_axis("mode", modes, "mode, by size", 1)},
                   true,
                   [this, modes](const State& s, double* out) {
                     const Matrix inner = svd_.u.transpose() * product(s) * svd_.v;
                     Eigen::Map<Vector>(out, modes) = inner.diagonal();
                   }});
    all.push_back({"imbalance",
                   "sum over layers of |W_{l+1}^T W_{l+1} - W_l W_l^T|_F, which decays as "
                   "exp(-2 lambda t) along the gradient flow",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = 0;
                     const Vector w = weights(s);
                     for (std::size_t l = 0; l + 2 < widths_.size(); ++l)
                       *out += (layer(w, l + 1).transpose() * layer(w, l + 1) -
                                layer(w, l) * layer(w, l).transpose())
                                   .norm();
                   }});
    all.push_back({"matrix",
                   "W_L ... W_1",
                   {counting_axis("output", p, "output"), counting_axis("input", d, "input")},
                   false,
                   [this, p, d](const State& s, double* out) {
                     Eigen::Map<RowMatrix>(out, p, d) = product(s);
                   }});
    return all;
  }

  /// 1/(2n) sum_i |W_L ... W_1 x_i - y_i|^2, which is F term by term.
  Loss sample_loss() override {
    if (!task_.train)
      throw ParameterError("kind",
                           "is \"sgd\", which needs model.samples and model.correlations: the "
                           "loss of a given target is no sum over samples");
    if (loss().outputs() != task_.target.size())
      throw ParameterError("kind",
                           "is \"sgd\", which does not go with model.noise_variance: the loss of a "
                           "batch is that of a network without noise");
    const auto& [x, y] = *task_.train;
    const Matrix targets = y.transpose();
    return {
        make_deep_linear_map(widths_, std::make_shared<Matrix>(x.transpose()), true),
        std::make_shared<SquaredLoss>(0.5 / static_cast<double>(x.rows()),
                                      Eigen::Map<const Vector>(targets.data(), targets.size()))};
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    const Vector& sigma = svd_.values;
    return {{"target_singular_values",
             "singular values s_i of the target, or of the whitened input-output correlation",
             {counting_axis("mode", sigma.size(), "mode, by size", 1)},
             {sigma.begin(), sigma.end()}},
            measured(irreducible_loss, task_.constant)};
  }

 private:
  static std::vector<ParameterGroup> layers(const std::vector<Index>& widths) {
    std::vector<ParameterGroup> groups;
    Index offset = 0;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      const Index size = widths[l] * widths[l + 1];
      groups.push_back({"W_" + std::to_string(l + 1), offset, size});
      offset += size;
    }
    return groups;
  }
  Eigen::Map<const RowMatrix> layer(const Vector& w, std::size_t l) const {
    return {w.data() + groups()[l].offset, widths_[l + 1], widths_[l]};
  }
  Matrix product(const State& s) const {
    const Vector w = weights(s);
    Matrix p = layer(w, 0);
    for (std::size_t l = 1; l + 1 < widths_.size(); ++l) p = (layer(w, l) * p).eval();
    return p;
  }

  Task task_;
  std::vector<Index> widths_;
  Svd svd_;
};

/// x standard Gaussian, y_k = rho_k x_k + sqrt(1 - rho_k^2) noise: unit variances, diagonal
/// correlation.
Sample draw_sample(RandomStream& stream, Index n, const std::vector<double>& correlations) {
  const auto d = static_cast<Index>(correlations.size());
  Matrix x(n, d), y(n, d);
  stream.fill_normal(x);
  stream.fill_normal(y);
  for (Index k = 0; k < d; ++k) {
    const double rho = correlations[static_cast<std::size_t>(k)];
    y.col(k) = rho * x.col(k) + std::sqrt(1 - rho * rho) * y.col(k);
  }
  return {std::move(x), std::move(y)};
}

Task make_task(Parameters& p, std::uint64_t seed) {
  Task task;
  const bool sampled = p.given("correlations") || p.given("samples");
  if (!sampled) {
    for (const char* name : {"samples", "test_samples", "correlations"})
      p.unused(name, "target_singular_values");
    if (p.has_file("target")) {
      p.unused("target_singular_values", "target");
      task.target = p.file("target");
    } else {
      const std::vector<double>& s = p.reals("target_singular_values");
      const auto modes = static_cast<Index>(s.size());
      if (modes == 0) throw ParameterError("target_singular_values", "is empty");
      task.target = Matrix::Zero(modes, modes);
      for (Index i = 0; i < modes; ++i) task.target(i, i) = s[static_cast<std::size_t>(i)];
    }
    task.right = std::make_shared<Matrix>(Matrix::Identity(task.target.cols(), task.target.cols()));
    return task;
  }
  if (p.has_file("target"))
    throw ParameterError("target", "does not go with model.samples and model.correlations");
  p.unused("target_singular_values", "correlations");
  for (const char* name : {"samples", "correlations"})
    if (!p.has(name))
      throw ParameterError(name, "is needed: model.samples and model.correlations go together");
  const std::vector<double>& correlations = p.reals("correlations");
  if (correlations.empty()) throw ParameterError("correlations", "is empty");
  const Index n = p.integer("samples"), d = static_cast<Index>(correlations.size());
  if (n < d)
    throw ParameterError("samples", "is " + std::to_string(n) + ", expected at least the " +
                                        std::to_string(d) + " inputs");
  if (!p.has("test_samples")) p.resolve("test_samples", static_cast<std::int64_t>(n));
  RandomStream data(seed, "data"), test(seed, "test");
  task.train = draw_sample(data, n, correlations);
  const Moments train = moments(*task.train);
  task.test = moments(draw_sample(test, p.integer("test_samples"), correlations));
  const SymmetricEigen root = symmetric_eigen(train.xx);
  task.right = std::make_shared<Matrix>(root.square_root());
  task.target = train.yx * root.inverse_square_root();
  task.constant = 0.5 * (train.yy - task.target.squaredNorm());
  return task;
}

/// (n, n), orthogonal.
Matrix random_orthogonal(RandomStream& stream, Index n) {
  Matrix g(n, n);
  stream.fill_normal(g);
  return orthogonal_factor(g);
}

Vector draw_initial(const Parameters& p, std::uint64_t seed, const std::vector<Index>& widths,
                    const Matrix& target) {
  Index size = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) size += widths[l] * widths[l + 1];
  Vector w(size);
  RandomStream stream(initial_seed(p, seed), "initial");
  const double scale = p.real("initial_scale");
  const std::string& law = p.text("initial_law");
  if (law == "gaussian") {
    stream.fill_normal(w, scale);
  } else {
    // W_l = scale O_l D O_{l-1}^T with r ones in D: balanced for any orthogonal O_l, and
    // aligned where O_0 and O_L are the target's singular vectors.
    const Index r = *std::min_element(widths.begin(), widths.end());
    const Svd svd = full_svd(target);
    Matrix before = random_orthogonal(stream, widths[0]);
    if (law == "aligned") before = svd.v;
    Index offset = 0;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      Matrix after = random_orthogonal(stream, widths[l + 1]);
      if (law == "aligned" && l + 2 == widths.size()) after = svd.u;
      Eigen::Map<RowMatrix>(w.data() + offset, widths[l + 1], widths[l]) =
          scale * after.leftCols(r) * before.leftCols(r).transpose();
      offset += widths[l] * widths[l + 1];
      before = after;
    }
  }
  const double balance = p.real("initial_balance");
  w.head(widths[0] * widths[1]) *= balance;
  w.tail(widths.back() * widths[widths.size() - 2]) /= balance;
  return w;
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  Task task = make_task(p, seed);
  const Index d = task.target.cols(), outputs = task.target.rows();
  if (!p.has("widths")) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(p.integer("depth") + 1),
                                  p.integer("width"));
    all.front() = d;
    all.back() = outputs;
    p.resolve("widths", all);
  } else {
    const auto& all = p.integers("widths");
    if (all.size() < 2) throw ParameterError("widths", "has fewer than two entries");
    for (const std::int64_t width : all)
      if (width < 1) throw ParameterError("widths", "has a width below 1");
    if (all.front() != d || all.back() != outputs)
      throw ParameterError("widths", "goes from " + std::to_string(all.front()) + " to " +
                                         std::to_string(all.back()) + ", but the task has " +
                                         std::to_string(d) + " inputs and " +
                                         std::to_string(outputs) + " outputs");
    p.fix_size("depth", static_cast<Index>(all.size()) - 1, "widths");
    p.unused("width", "widths");
  }
  const auto& all = p.integers("widths");
  const std::vector<Index> widths(all.begin(), all.end());
  Index size = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) size += widths[l] * widths[l + 1];
  Vector initial;
  if (p.has_file("initial")) {
    initial = read_initial(p, size, "the sum of widths[l] * widths[l-1]");
    for (const char* name : {"initial_law", "initial_scale", "initial_balance"})
      p.unused(name, "initial");
  } else {
    initial = draw_initial(p, seed, widths, task.target);
  }
  if (widths.size() == 2) p.without_effect("noise_variance", "a network without hidden units");
  const double noise = widths.size() == 2 ? 0 : p.real("noise_variance");
  return std::make_unique<DeepLinearNetwork>(std::move(task), widths, noise, std::move(initial));
}

}  // namespace

ModelInfo deep_linear_network() {
  ParameterInfo correlations = list_parameter(
      "correlations", std::nullopt,
      "with samples: correlations rho_k of inputs and targets, y_k = rho_k x_k + noise, unit "
      "variances");
  correlations.minimum = -1;
  correlations.maximum = 1;
  ParameterInfo samples =
      integer_parameter("samples", 1, "number of training samples, with correlations");
  samples.default_value = {};
  ParameterInfo test_samples =
      integer_parameter("test_samples", 1,
                        "number of test samples; as many as training samples "
                        "without it");
  test_samples.default_value = {};
  ParameterInfo singular =
      list_parameter("target_singular_values", std::vector<double>{1.0, 0.7, 0.4},
                     "singular values of the (diagonal) target A");
  singular.minimum = 0;
  return {
      "deep_linear_network",
      "a product of matrices; the model of L2 phase transitions, in closed form",
      "F(W_1, ..., W_L) = 1/2 |W_L ... W_1 - A|_F^2,  or 1/(2n) sum_i |W_L ... W_1 x_i - y_i|^2; "
      "the mean over the hidden units' noise, where there is some",
      "Ersoy, Wiesner, arXiv 2505.06597; Ziyin, Li, Meng, arXiv 2202.04777",
      LossModel::flows(),
      {
          integer_parameter("depth", 3, "number L of matrices (hidden layers + 1)"),
          integer_parameter("width", 6, "width of every hidden layer"),
          integer_list_parameter("widths", std::nullopt,
                                 "all widths from the inputs to the outputs, in place of depth and "
                                 "width",
                                 1),
          singular,
          samples,
          test_samples,
          correlations,
          choice_parameter("initial_law", "gaussian", {"gaussian", "orthogonal", "aligned"},
                           "entries N(0, initial_scale^2); or balanced layers, initial_scale times "
                           "orthogonal matrices; or those aligned with the target's singular "
                           "vectors"),
          nonnegative_parameter("initial_scale", 0.3,
                                "scale of the entries, or of the singular "
                                "values of each layer"),
          positive_parameter("initial_balance", 1.0, "factor on W_1(0); its inverse on W_L(0)"),
          nonnegative_parameter("noise_variance", 0.0,
                                "variance of the noise of mean 1 that multiplies each hidden "
                                "unit; F is the mean over it, exactly"),
          file_parameter("target", "(p, d)", "the target A"),
          initial_seed_parameter(),
          file_parameter("initial", "(sum of widths[l] widths[l-1]): W_1, ..., W_L row by row",
                         "W_l(0), or the folder of an earlier result"),
      },
      make,
      {irreducible_loss}};
}

}  // namespace gradflow
