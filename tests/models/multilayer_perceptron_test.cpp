#include "models/multilayer_perceptron.hpp"

#include "models/perceptron_map.hpp"
#include "models/two_layer_map.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("All derivatives of a perceptron agree with finite differences") {
  RandomStream stream(1, "perceptron");
  const std::vector<std::vector<Index>> shapes = {{3, 2}, {2, 4, 1}, {3, 4, 5, 2}, {2, 3, 4, 3, 3}};
  const char* activations[4] = {"tanh", "softplus", "gelu", "sigmoid"};
  for (std::size_t s = 0; s < shapes.size(); ++s)
    for (const bool bias : {false, true}) {
      auto inputs = std::make_shared<Matrix>(4, shapes[s].front());
      stream.fill_normal(*inputs);
      const auto map =
          make_perceptron_map(inputs, shapes[s], *parse_activation(activations[s]), bias, 0.6);
      INFO("depth " << shapes[s].size() - 1 << ", bias " << bias);
      const Vector w = random_vector(map->parameters(), stream).normalized();
      check_output_map(*map, w, stream);
      Loss squared(map->clone(),
                   std::make_shared<SquaredLoss>(0.2, random_vector(map->outputs(), stream)));
      check_loss(squared, w, stream);
      if (shapes[s].back() > 1) {
        const auto k = static_cast<std::uint64_t>(shapes[s].back());
        std::vector<Index> labels;
        for (int i = 0; i < 4; ++i) labels.push_back(static_cast<Index>(stream.below(k)));
        Loss entropy(map->clone(), std::make_shared<CrossEntropyLoss>(labels, shapes[s].back()));
        check_loss(entropy, w, stream);
      }
    }
}

TEST_CASE("Laws by formula draw what the laws by name draw, and any other") {
  const auto start = [](const char* law) {
    return make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{4, 6, 2}},
                                                {"bias", false},
                                                {"initial_variance", 2.0},
                                                {"initial_law", std::string(law)}})
        ->initial_state({});
  };
  const Vector normal = start("gaussian");
  CHECK(relative_error(start("z"), normal) < 1e-15);
  CHECK(start("abs(z)").head(24) == start("z").head(24).cwiseAbs());
  // Rademacher: the deviation is that of the entries' scale, sqrt(2/4) and sqrt(2/6).
  const Vector signs = start("sign(u - 1/2)");
  CHECK((signs.head(24).array().abs() - std::sqrt(0.5)).abs().maxCoeff() < 1e-15);
  CHECK((signs.tail(12).array().abs() - std::sqrt(1.0 / 3)).abs().maxCoeff() < 1e-15);
  CHECK(signs.head(24).minCoeff() < 0);
  CHECK(signs.head(24).maxCoeff() > 0);
}

TEST_CASE("Weights that are one number a layer have a perceptron's short Gram matrix") {
  RandomStream stream(2, "gram");
  auto inputs = std::make_shared<Matrix>(5, 2);
  stream.fill_normal(*inputs);
  const auto map = make_perceptron_map(inputs, {2, 3, 2}, *parse_activation("tanh"), true, 1);
  Vector f(map->outputs()), weight(map->parameters());
  map->evaluate(random_vector(map->parameters(), stream), f);
  weight.segment(0, 6).setConstant(2);
  weight.segment(6, 3).setConstant(0.5);
  weight.segment(9, 6).setConstant(3);
  weight.segment(15, 2).setConstant(0.1);
  Matrix jt(map->parameters(), map->outputs()), k(map->outputs(), map->outputs());
  map->transposed_jacobian(jt);
  map->gram(weight, k);
  CHECK(relative_error(k, jt.transpose() * weight.asDiagonal() * jt) <= 1e-13);
}

TEST_CASE("A perceptron with one hidden layer and one output is the two-layer network") {
  RandomStream stream(3, "same");
  auto inputs = std::make_shared<Matrix>(6, 2);
  stream.fill_normal(*inputs);
  const Index m = 4;
  const auto deep = make_perceptron_map(inputs, {2, m, 1}, *parse_activation("erf"), true, 0.3);
  const auto flat = make_two_layer_map(inputs, m, *parse_activation("erf"), true, 0.3);
  // The perceptron has one parameter more: b_2, the last.
  Vector w = random_vector(deep->parameters(), stream);
  w[w.size() - 1] = 0;
  Vector f(6), g(6);
  deep->evaluate(w, f);
  flat->evaluate(w.head(w.size() - 1), g);
  CHECK((f - g).norm() <= 1e-14);
}

TEST_CASE("Layers of a ReLU perceptron without biases keep their balance up to exp(-2 lambda t)") {
  const auto model =
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{3, 6, 5, 1}},
                                           {"activation", std::string("relu")},
                                           {"bias", false},
                                           {"samples", std::int64_t{6}}});
  FlowSettings flow;
  flow.weight_decay = 0.1;
  SolverSettings settings;
  settings.rtol = 1e-8;
  const Run run = run_model(*model, flow, settings, {0, 1, 3});
  const auto& imbalance = run.observables.at("imbalance");
  for (std::size_t k = 1; k < run.times.size(); ++k)
    CHECK((imbalance[k] - std::exp(-0.2 * run.times[k]) * imbalance[0]).norm() <=
          1e-5 * (1 + imbalance[0].norm()));
}

TEST_CASE(
    "The rank of a perceptron counts singular values of its outputs above 1e-3 of the targets'") {
  // A linear layer: f(X) = W X^T with X = sqrt(3) times a permutation, so f(X)/sqrt(n) has W's.
  Parameters parameters(find_model("multilayer_perceptron")->parameters);
  Matrix inputs = Matrix::Zero(3, 3);
  inputs(0, 1) = inputs(1, 2) = inputs(2, 0) = std::sqrt(3.0);
  parameters.set("widths", std::vector<std::int64_t>{3, 3});
  parameters.set("bias", false);
  parameters.set_file("inputs", "x.npy", inputs);
  parameters.set_file("targets", "y.npy", Matrix(Vector{{2, 1, 0.5}}.asDiagonal()) * inputs);
  parameters.set_file("initial", "w.npy",
                      Matrix(Vector{{0.7, 0.0021, -0.0019}}.asDiagonal()).reshaped());
  const auto model = find_model("multilayer_perceptron")->make(parameters, 0);
  const Run run = run_model(*model, {}, {}, {0, 1e3});
  const auto& values = run.observables.at("output_singular_values");
  CHECK((values.front() - Vector{{0.7, 0.0021, 0.0019}}).norm() < 1e-14);
  CHECK(run.observables.at("rank").front()[0] == 2);
  CHECK((values.back() - Vector{{2, 1, 0.5}}).norm() < 1e-6);
  CHECK(run.last("rank") == 3);
}

TEST_CASE("A perceptron learns labels with cross-entropy") {
  const auto model =
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{4, 20, 3}},
                                           {"loss", std::string("cross_entropy")},
                                           {"samples", std::int64_t{30}}});
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  SolverSettings settings;
  settings.rtol = 1e-6;
  const Run run = run_model(*model, flow, settings, {0, 10, 1e5});  // 100/lambda: at rest
  CHECK(run.last("train_accuracy") == 1);
  CHECK(run.last("train_error") == Approx(run.last("train_loss")).epsilon(1e-12));
  // Stationary to what rtol leaves of the largest terms.
  CHECK(run.last("gradient_norm") < 1e-3);
}

TEST_CASE("Classes of one sample are told apart for ever, to the digits of the tolerance") {
  // With z = w_0 - w_1: z + e^z = 2t + 1 from z = 0, and w_0 + w_1 = 0.
  Parameters parameters(find_model("multilayer_perceptron")->parameters);
  parameters.set("widths", std::vector<std::int64_t>{1, 2});
  parameters.set("bias", false);
  parameters.set("loss", std::string("cross_entropy"));
  parameters.set_file("inputs", "x.npy", Matrix::Ones(1, 1));
  parameters.set_file("labels", "l.npy", Vector::Zero(1));
  parameters.set_file("initial", "w.npy", Vector::Zero(2));
  const auto model = find_model("multilayer_perceptron")->make(parameters, 0);
  const std::vector<double> times{0, 1e2, 1e8, 1e14, 1e16, 1e20, 1e24};
  for (const std::string method : {"cvode", "rodas", "rock4", "dopri5"}) {
    SolverSettings settings;
    settings.method = method;
    const Run run = run_model(*model, {}, settings, times);
    for (std::size_t k = 1; k < times.size(); ++k) {
      double z = std::log(2 * times[k]);
      for (int i = 0; i < 50; ++i) z = std::log(2 * times[k] + 1 - z);
      const double loss = std::log1p(std::exp(-z)),
                   norm = std::sqrt(2.0) * std::exp(-z) / (1 + std::exp(-z));
      CAPTURE(method, times[k], run.outcome.statistics.steps);
      const Vector& w = run.states[k];
      CHECK(w[0] - w[1] == Approx(z).epsilon(1e-6));
      CHECK(std::abs(w[0] + w[1]) < 1e-6);
      // An error of 1e-6 z in z, that is of up to 5e-5 in e^{-z}.
      CHECK(run.observables.at("train_loss")[k][0] == Approx(loss).epsilon(1e-4));
      CHECK(run.observables.at("gradient_norm")[k][0] == Approx(norm).epsilon(1e-4));
    }
  }
}
