#include "models/linear_regression.hpp"

#include <cmath>

#include "flow/linear_map.hpp"
#include "flow/loss_model.hpp"
#include "models/initial_state.hpp"
#include "models/sample_values.hpp"
#include "models/training_data.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

class LinearRegression final : public LossModel {
 public:
  LinearRegression(std::shared_ptr<const Matrix> inputs, Vector targets, Vector initial,
                   Matrix test_inputs, Vector test_targets)
      : LossModel(
            Loss(std::make_unique<LinearMap>(inputs), std::make_shared<SquaredLoss>(0.5, targets)),
            std::move(initial)),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        test_inputs_(std::move(test_inputs)),
        test_targets_(std::move(test_targets)),
        minimum_norm_(minimum_norm_solution(*inputs_, targets_)) {}

  std::vector<Observable> own_observables() override {
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "training mean squared error",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = mean_squared_error(outputs_at(s), targets_);
                   }});
    if (test_inputs_.rows() > 0)
      all.push_back(
          {"test_error", "test mean squared error", {}, true, [this](const State& s, double* out) {
             *out = mean_squared_error(test_inputs_ * weights(s), test_targets_);
           }});
    all.push_back(
        {"minimum_norm_distance",
         "distance to the least-squares solution of least norm",
         {},
         true,
         [this](const State& s, double* out) { *out = (weights(s) - minimum_norm_).norm(); }});
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    std::vector<Measurement> all = training_inputs(*inputs_);
    for (Measurement& target : training_data("target", "training targets y", targets_, {}))
      all.push_back(std::move(target));
    return all;
  }

 private:
  std::shared_ptr<const Matrix> inputs_;
  Vector targets_;
  Matrix test_inputs_;
  Vector test_targets_;
  Vector minimum_norm_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
  } else {
    if (p.has_file("targets")) p.fix_size("samples", p.file_vector("targets").size(), "targets");
    if (p.has_file("initial")) p.fix_size("dimension", p.file_vector("initial").size(), "initial");
  }
  const Index n = p.integer("samples"), d = p.integer("dimension");
  RandomStream data(seed, "data"), test(seed, "test"), start(initial_seed(p, seed), "initial"),
      teacher_stream(seed, "teacher"), noise(seed, "noise");

  auto inputs = std::make_shared<Matrix>(n, d);
  if (p.has_file("inputs"))
    *inputs = p.file("inputs");
  else
    data.fill_normal(*inputs);
  // Targets from a file have no teacher that a test set could follow.
  Vector targets(n), test_targets;
  Matrix test_inputs;
  if (p.has_file("targets")) {
    p.unused("noise_variance", "targets");
    p.unused("test_samples", "targets");
    targets = read_sample_values(p, "targets", n);
  } else {
    Vector teacher(d);
    teacher_stream.fill_normal(teacher);
    noise.fill_normal(targets, std::sqrt(p.real("noise_variance")));
    targets += *inputs * teacher;
    test_inputs.resize(p.integer("test_samples"), d);
    test.fill_normal(test_inputs);
    test_targets = test_inputs * teacher;
  }

  Vector initial(d);
  if (p.has_file("initial")) {
    initial = read_initial(p, d, "dimension");
  } else {
    start.fill_normal(initial, std::sqrt(p.real("initial_variance")));
  }
  return std::make_unique<LinearRegression>(inputs, targets, initial, test_inputs, test_targets);
}

}  // namespace

ModelInfo linear_regression() {
  return {"linear_regression",
          "least squares; the flow with weight decay in closed form",
          "F(w) = 1/2 |X w - y|^2,  w in R^d;  y = X w* + noise",
          "Boursier, Pesme, Dragomir, arXiv 2505.20172, section on linear regression",
          LossModel::flows(),
          {
              integer_parameter("samples", 20, "number of training samples n"),
              integer_parameter("dimension", 50, "dimension d of the inputs"),
              integer_parameter("test_samples", 1000, "number of test samples"),
              nonnegative_parameter("noise_variance", 0.0, "variance of the noise on the targets"),
              nonnegative_parameter("initial_variance", 1.0, "variance of the entries of w(0)"),
              file_parameter("inputs", "(n, d)", "training inputs X; standard Gaussian without it"),
              file_parameter("targets", "(n)", "training targets y; X w* + noise without it"),
              initial_seed_parameter(),
              file_parameter("initial", "(d)", "w(0), or the folder of an earlier result"),
          },
          make};
}

}  // namespace gradflow
