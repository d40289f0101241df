#include "flow/mini_batch.hpp"

#include "numerics/decompositions.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

constexpr double rounding_tolerance = 1e-12;

struct Case {
  std::string model;
  Settings settings;
  bool same_sums = true;  ///< the whole loss is computed from the samples themselves
};

const auto integer = [](std::int64_t value) { return ParameterValue{value}; };
const auto text = [](const char* value) { return ParameterValue{std::string(value)}; };

/// Every loss model with samples, of 12 each but for the matrices and the table of modular
/// addition.
const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"linear_regression", {{"samples", integer(12)}, {"dimension", integer(5)}}},
      {"diagonal_linear_network", {{"samples", integer(12)}, {"dimension", integer(6)}}},
      {"two_layer_network",
       {{"samples", integer(12)}, {"input_dimension", integer(3)}, {"width", integer(7)}}},
      {"two_layer_network",
       {{"samples", integer(12)}, {"width", integer(7)}, {"activation", text("relu")}}},
      {"multilayer_perceptron",
       {{"samples", integer(12)}, {"widths", std::vector<std::int64_t>{4, 6, 5, 3}}}},
      {"multilayer_perceptron",
       {{"samples", integer(12)},
        {"widths", std::vector<std::int64_t>{4, 6, 3}},
        {"loss", text("cross_entropy")}}},
      {"deep_linear_network",
       {{"samples", integer(12)},
        {"correlations", std::vector<double>{0.9, 0.8}},
        {"initial_scale", 0.5}},
       false},
      {"matrix_completion", {{"rows", integer(6)}, {"columns", integer(4)}, {"observed", 0.5}}},
      {"matrix_sensing",
       {{"rows", integer(4)}, {"columns", integer(3)}, {"measurements", integer(12)}}},
      {"modular_addition",
       {{"modulus", integer(5)}, {"width", integer(6)}, {"train_fraction", 0.48}}}};
  return all;
}

std::unique_ptr<Model> model_of(const Case& c) {
  return make_model(c.model, c.settings);
}

FlowSettings sgd(Index batch, std::uint64_t seed = 0) {
  FlowSettings flow;
  flow.kind = "sgd";
  flow.batch = batch;
  flow.seed = seed;
  flow.weight_decay = 0.1;
  return flow;
}

/// A step of length 1 from w: minus the gradient of that batch.
Vector batch_slope(System& system, std::uint64_t k, const Vector& w) {
  Vector y = w;
  system.discrete_step(static_cast<double>(k), 1, y);
  return y - w;
}

}  // namespace

TEST_CASE("The mean of the batch gradients over a pass is the gradient, to rounding") {
  for (const Case& c : cases()) {
    INFO(c.model);
    const auto model = model_of(c);
    const Vector w = model->initial_state({});
    FlowSettings whole;
    whole.weight_decay = 0.1;
    Vector slope(w.size());
    model->system(whole)->rhs(0, w, slope);
    for (const Index batch : {1, 3, 4, 12}) {
      const auto system = model->system(sgd(batch));
      const auto steps = static_cast<std::uint64_t>(12 / batch);
      for (const std::uint64_t pass : {0, 5}) {
        Vector mean = Vector::Zero(w.size());
        for (std::uint64_t k = 0; k < steps; ++k)
          mean += batch_slope(*system, pass * steps + k, w) / static_cast<double>(steps);
        CHECK(relative_error(mean, slope) < rounding_tolerance);
      }
    }
  }
}

TEST_CASE("What a pass leaves is a smaller batch, whose gradient is its own mean") {
  // Batches of 5, 5 and 2 of 12: weighted by their samples they are the whole.
  for (const Case& c : cases()) {
    INFO(c.model);
    const auto model = model_of(c);
    const Vector w = model->initial_state({});
    Vector slope(w.size());
    FlowSettings whole;
    whole.weight_decay = 0.1;
    model->system(whole)->rhs(0, w, slope);
    const auto system = model->system(sgd(5));
    const Vector sum = 5 * batch_slope(*system, 0, w) + 5 * batch_slope(*system, 1, w) +
                       2 * batch_slope(*system, 2, w);
    CHECK(relative_error(sum / 12, slope) < rounding_tolerance);
  }
}

TEST_CASE("A batch of all samples is gradient descent, bit by bit") {
  for (const Case& c : cases()) {
    INFO(c.model);
    const auto model = model_of(c);
    FlowSettings descent = sgd(1);
    descent.kind = "gradient_descent";
    const auto whole = model->system(descent), batches = model->system(sgd(12));
    CHECK_FALSE(batches->stochastic());
    Vector y = model->initial_state({}), z = y;
    for (int k = 0; k < 20; ++k) {
      whole->discrete_step(1e-3 * k, 1e-3, y);
      batches->discrete_step(1e-3 * k, 1e-3, z);
    }
    if (c.same_sums)
      CHECK(y == z);
    else
      CHECK(relative_error(y, z) < rounding_tolerance);
    CHECK(y != model->initial_state({}));
  }
}

TEST_CASE("A step is a function of seed and number, whatever came before") {
  const auto model = model_of(cases().front());
  const auto steps = [&](std::uint64_t seed, int from, int to, Vector y) {
    const auto system = model->system(sgd(4, seed));
    CHECK(system->stochastic());
    for (int k = from; k < to; ++k) system->discrete_step(0.01 * k, 0.01, y);
    return y;
  };
  const Vector start = model->initial_state({});
  const Vector end = steps(7, 0, 11, start);
  CHECK(end == steps(7, 0, 11, start));
  CHECK(end == steps(7, 5, 11, steps(7, 0, 5, start)));
  CHECK(end != steps(8, 0, 11, start));
}

TEST_CASE(
    "Label noise is what noisy targets would be: fresh at each step, of the stated variance") {
  // Of a linear map the steps with and without noise differ by step X^T noise/n, so that what the
  // noise was can be read off them.
  const auto model =
      make_model("linear_regression", {{"samples", integer(3)}, {"dimension", integer(6)}});
  Matrix jt(6, 3);
  OutputMap& map = loss_of(*model).map();
  const Vector w = model->initial_state({});
  Vector f(3);
  map.evaluate(w, f);
  map.transposed_jacobian(jt);
  FlowSettings flow = sgd(3, 5);
  const auto clean = model->system(flow);
  flow.label_noise = 0.25;
  const auto noisy = model->system(flow), again = model->system(flow);
  CHECK(noisy->stochastic());
  flow.seed = 6;
  const auto other = model->system(flow);
  double sum = 0, squares = 0;
  constexpr int steps = 20000;
  for (int k = 0; k < steps; ++k) {
    const Vector difference = batch_slope(*noisy, k, w) - batch_slope(*clean, k, w);
    const Vector noise = jt.colPivHouseholderQr().solve(difference);
    CHECK(relative_error(jt * noise, difference) < 1e-9);
    sum += noise.sum();
    squares += noise.squaredNorm();
  }
  // Standard errors of 6e4 draws: 0.002 of the mean, 0.0014 of the variance.
  CHECK(sum / (3 * steps) == Approx(0).margin(0.01));
  CHECK(squares / (3 * steps) == Approx(0.25).margin(0.007));
  CHECK(batch_slope(*again, 17, w) == batch_slope(*noisy, 17, w));
  CHECK(batch_slope(*other, 17, w) != batch_slope(*noisy, 17, w));
  CHECK(batch_slope(*noisy, 18, w) != batch_slope(*noisy, 17, w));
}

TEST_CASE("Every model with samples and a squared loss takes label noise, others say why not") {
  for (const Case& c : cases()) {
    INFO(c.model);
    const auto model = model_of(c);
    FlowSettings flow = sgd(4, 3);
    const Vector w = model->initial_state(flow);
    const Vector clean = batch_slope(*model->system(flow), 2, w);
    flow.label_noise = 1;
    if (c.settings.back().first == "loss") {
      CHECK_THROWS_WITH(model->system(flow), Catch::Contains("needs a squared loss"));
      continue;
    }
    const Vector noisy = batch_slope(*model->system(flow), 2, w);
    CHECK(noisy.allFinite());
    CHECK(noisy != clean);
  }
}

TEST_CASE("SGD in small steps follows the flow, and the closer the smaller they are") {
  const auto model =
      make_model("two_layer_network", {{"samples", integer(12)}, {"width", integer(7)}});
  FlowSettings flow;
  SolverSettings settings;
  settings.rtol = 1e-9;
  settings.atol = 1e-11;
  const std::vector<double> times{0, 5};
  const Vector exact = run_model(*model, flow, settings, times, false).states.back();
  std::vector<double> distances;
  for (const double step : {0.02, 0.0002}) {
    flow = sgd(3, 1);
    flow.weight_decay = 0;
    flow.step = step;
    flow.label_noise = 0.01;
    double squares = 0;
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
      flow.seed = seed;
      squares +=
          (run_model(*model, flow, settings, times, false).states.back() - exact).squaredNorm() / 4;
    }
    distances.push_back(std::sqrt(squares));
  }
  CHECK(distances[0] < 0.2 * exact.norm());
  // Noise goes with the root of the step, what the steps themselves err by with the step.
  CHECK(distances[1] < 0.2 * distances[0]);
}

TEST_CASE("Maps of batches have the outputs and products of the whole map") {
  RandomStream stream(3, "test");
  for (const Case& c : cases()) {
    if (c.model == "deep_linear_network") continue;  // whose whole map is not of samples
    INFO(c.model);
    const auto model = model_of(c);
    OutputMap& map = loss_of(*model).map();
    const Vector w = model->initial_state({});
    const auto part = map.batch_map(), whole = make_whole_batch_map(map.clone());
    const Index each = map.outputs() / map.samples();
    REQUIRE(map.samples() == 12);
    for (const std::vector<Index>& samples :
         std::vector<std::vector<Index>>{{3}, {0, 11}, {1, 2, 7, 10}, {2, 5}, {8}}) {
      const auto size = static_cast<Index>(samples.size()) * each;
      Vector f(size), g(size), jtu(w.size()), other(w.size());
      part->evaluate(samples, w, f);
      whole->evaluate(samples, w, g);
      CHECK(relative_error(f, g) < rounding_tolerance);
      const Vector u = random_vector(size, stream);
      part->transpose_times(u, jtu);
      whole->transpose_times(u, other);
      CHECK(relative_error(jtu, other) < rounding_tolerance);
    }
  }
}

TEST_CASE("Batches need samples, and no more than there are") {
  const auto model = model_of(cases().front());
  CHECK_THROWS_WITH(model->system(sgd(13)), Catch::Contains("is 13, but there are 12 samples"));
  const auto given = make_model("deep_linear_network", {});
  CHECK_THROWS_WITH(given->system(sgd(1)), Catch::Contains("needs model.samples"));
  RandomStream stream(8, "test");
  Matrix a(3, 4);
  stream.fill_normal(a);
  const Loss loss(std::make_unique<SineMap>(a),
                  std::make_shared<SquaredLoss>(0.5, random_vector(3, stream)));
  CHECK_THROWS_WITH(MiniBatchDescent(loss, {}, 1, 0, 0), Catch::Contains("no sum over samples"));
}
