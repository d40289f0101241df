#include "models/two_layer_network.hpp"

#include <cmath>

#include "models/two_layer_map.hpp"
#include "numerics/activation.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/steps_over_decay.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

Settings small(const std::string& activation, bool bias, const std::string& scale) {
  return {{"activation", activation},        {"bias", bias},
          {"output_scale", scale},           {"width", std::int64_t{5}},
          {"samples", std::int64_t{7}},      {"input_dimension", std::int64_t{3}},
          {"test_samples", std::int64_t{11}}};
}

}  // namespace

TEST_CASE("All derivatives of a two-layer network agree with finite differences") {
  RandomStream stream(1, "two layers");
  const char* scales[3] = {"one", "sqrt", "mean"};
  int k = 0;
  for (const std::string_view activation : activation_names())
    for (const bool bias : {false, true}) {
      // A kink between two points of the difference would spoil it: those are checked below.
      if (!parse_activation(activation)->smooth()) continue;
      INFO(activation << ", bias " << bias);
      const auto model =
          make_model("two_layer_network", small(std::string(activation), bias, scales[k++ % 3]));
      Loss& loss = loss_of(*model);
      for (int point = 0; point < 3; ++point) {
        // Norm 1: the differences' step is 1e-3, far below the scale on which activations bend.
        const Vector w = random_vector(loss.dimension(), stream).normalized();
        check_output_map(loss.map(), w, stream);
        check_loss(loss, w, stream);
      }
    }
}

TEST_CASE("A network with an activation by formula has exact derivatives, at any output scale") {
  RandomStream stream(2, "two layers");
  for (const char* activation : {"x*tanh(x)", "sin(x) + x^3/10", "x/(1 + exp(-x))"}) {
    INFO(activation);
    Settings settings = small(activation, true, "one");
    settings.emplace_back("output_scale", 0.37);
    const auto model = make_model("two_layer_network", settings);
    Loss& loss = loss_of(*model);
    const Vector w = random_vector(loss.dimension(), stream).normalized();
    check_output_map(loss.map(), w, stream);
    check_loss(loss, w, stream);
    const auto unscaled = make_model("two_layer_network", small(activation, true, "one"));
    Vector f(7), g(7);
    loss.map().evaluate(w, f);
    loss_of(*unscaled).map().evaluate(w, g);
    CHECK(relative_error(f, 0.37 * g) < 1e-14);
  }
}

TEST_CASE("A run with tanh by formula has the bits of one with the built-in tanh") {
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  std::vector<Run> runs;
  for (const char* activation : {"tanh", "tanh(x)"}) {
    Settings settings = small(activation, true, "sqrt");
    settings.emplace_back("teacher_activation", std::string("tanh"));
    const auto model = make_model("two_layer_network", settings);
    runs.push_back(run_model(*model, flow, SolverSettings{}, {0, 1, 100, 1000}));
  }
  for (std::size_t k = 0; k < runs[0].states.size(); ++k)
    CHECK(runs[0].states[k] == runs[1].states[k]);
}

TEST_CASE("Away from kinks the derivatives of ReLU networks agree with finite differences") {
  RandomStream stream(3, "kinks");
  for (const char* activation : {"relu", "leaky_relu"}) {
    const auto model = make_model("two_layer_network", small(activation, true, "one"));
    Loss& loss = loss_of(*model);
    // Differences reach 2e-3 |w| along v, a tenth of that in z: a point whose preactivations are
    // all further from 0 sees no kink. Scaling v down instead keeps any point.
    Vector w = model->initial_state({});
    auto& map = loss.map();
    const Vector v = 1e-3 * random_vector(w.size(), stream),
                 u = random_vector(map.outputs(), stream);
    const double h = 1e-3;
    const auto f = [&](double t) {
      Vector out(map.outputs());
      map.evaluate(w + t * v, out);
      return out;
    };
    const auto g = [&](double t) {
      f(t);
      Vector out(w.size());
      map.transpose_times(u, out);
      return out;
    };
    const Vector df = (f(h) - f(-h)) / (2 * h), dg = (g(h) - g(-h)) / (2 * h);
    f(0);
    Vector jv(map.outputs()), curved(w.size());
    map.jacobian_times(v, jv);
    map.curvature_times(u, v, curved);
    // f is quadratic and J^T u linear between kinks: central differences are exact but for
    // rounding, 1e-16 |f| / h.
    CHECK((df - jv).norm() <= 1e-10 * (1 + jv.norm()));
    CHECK((dg - curved).norm() <= 1e-10 * (1 + curved.norm()));
  }
}

TEST_CASE("Weights that are one number a layer have the short Gram matrix") {
  RandomStream stream(2, "gram");
  for (const bool bias : {false, true}) {
    auto inputs = std::make_shared<Matrix>(6, 2);
    stream.fill_normal(*inputs);
    const Index m = 4;
    const auto map = make_two_layer_map(inputs, m, *parse_activation("tanh"), bias, 0.7);
    const Index p = map->parameters(), n = map->outputs();
    Vector f(n), weight(p);
    map->evaluate(random_vector(p, stream), f);
    weight.setConstant(3);
    weight.head(2 * m).setConstant(0.5);
    weight.tail(m).setConstant(2);
    Matrix jt(p, n), k(n, n);
    map->transposed_jacobian(jt);
    map->gram(weight, k);
    CHECK(relative_error(k, jt.transpose() * weight.asDiagonal() * jt) <= 1e-13);
  }
}

TEST_CASE("A two-layer network equals its formula, neuron by neuron") {
  RandomStream stream(5, "formula");
  auto inputs = std::make_shared<Matrix>(4, 3);
  stream.fill_normal(*inputs);
  const Index m = 6, d = 3;
  const auto map = make_two_layer_map(inputs, m, *parse_activation("softplus"), true, 0.25);
  const Vector w = random_vector(m * (d + 2), stream);
  Vector f(4);
  map->evaluate(w, f);
  for (Index i = 0; i < 4; ++i) {
    double sum = 0;
    for (Index k = 0; k < m; ++k) {
      double z = w[m * d + k];
      for (Index l = 0; l < d; ++l) z += w[k * d + l] * (*inputs)(i, l);
      sum += 0.25 * w[m * d + m + k] * std::log1p(std::exp(z));
    }
    CHECK(f[i] == Approx(sum).epsilon(1e-13));
  }
}

TEST_CASE("The balance of each neuron of a ReLU network decays as exp(-2 lambda t)") {
  const auto model = make_model("two_layer_network", {{"activation", std::string("relu")},
                                                      {"width", std::int64_t{12}},
                                                      {"samples", std::int64_t{8}},
                                                      {"initial_variance", 1.0}});
  FlowSettings flow;
  flow.weight_decay = 0.05;
  SolverSettings settings;
  settings.rtol = 1e-8;
  const Run run = run_model(*model, flow, settings, {0, 1, 5, 10});
  const Vector start = run.observables.at("invariant").front();
  for (std::size_t k = 0; k < run.times.size(); ++k) {
    const Vector expected = start * std::exp(-2 * 0.05 * run.times[k]);
    // Local errors of rtol add up over some hundred steps.
    CHECK((run.observables.at("invariant")[k] - expected).norm() <= 1e-5 * start.norm());
  }
}

TEST_CASE("Options of a two-layer network's start do what they say") {
  Settings settings = small("relu", true, "one");
  const Vector plain = make_model("two_layer_network", settings)->initial_state({});
  settings.emplace_back("initial_balance", 4.0);
  const Vector tilted = make_model("two_layer_network", settings)->initial_state({});
  CHECK((tilted.head(20) - 4 * plain.head(20)).norm() <= 1e-14);
  CHECK((tilted.tail(5) - plain.tail(5) / 4).norm() <= 1e-14);
  settings.back() = {"initial_balanced", true};
  const auto model = make_model("two_layer_network", settings);
  const Vector balanced = model->initial_state({});
  for (Index k = 0; k < 5; ++k)
    CHECK(balanced.segment(3 * k, 3).squaredNorm() + balanced[15 + k] * balanced[15 + k] ==
          Approx(balanced[20 + k] * balanced[20 + k]).epsilon(1e-13));
  // The function is homogeneous in each factor, so it stays.
  Loss& loss = loss_of(*model);
  CHECK(loss.value(plain) == Approx(loss.value(balanced)).epsilon(1e-12));
}

TEST_CASE("The explicit teacher gives the targets") {
  const auto model =
      make_model("two_layer_network", {{"activation", std::string("relu")},
                                       {"teacher", std::string("explicit")},
                                       {"teacher_coefficients", std::vector<double>{2, 4, -8}},
                                       {"teacher_weights", std::vector<double>{-1, 1, 1}},
                                       {"teacher_biases", std::vector<double>{1, 0.25, -1}},
                                       {"samples", std::int64_t{10}},
                                       {"input_law", std::string("uniform")},
                                       {"input_range", 2.0}});
  std::vector<double> x, y;
  for (const Measurement& m : model->constants({})) {
    if (m.name == "point") x = m.values;
    if (m.name == "target") y = m.values;
  }
  REQUIRE(x.size() == 10);
  const auto relu = [](double z) { return std::max(z, 0.0); };
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(std::abs(x[i]) <= 2);
    CHECK(y[i] == Approx(2 * relu(1 - x[i]) + 4 * relu(x[i] + 0.25) - 8 * relu(x[i] - 1)));
  }
}

TEST_CASE("The steps of a tanh network to 10/lambda do not grow with 1/lambda") {
  // The network of bench/tanh_steps.toml and its five draws.
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    CAPTURE(seed);
    check_steps_over_decay(*make_model("two_layer_network",
                                       {{"width", std::int64_t{100}},
                                        {"activation", std::string("tanh")},
                                        {"bias", false},
                                        {"samples", std::int64_t{40}},
                                        {"input_dimension", std::int64_t{10}}},
                                       seed),
                           1e-8);
  }
}
