#include "models/perceptron_layers.hpp"

#include <cmath>
#include <map>

#include "continuation/settle.hpp"
#include "numerics/decompositions.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// The minimum that a sweep of this one value ends at.
Vector minimum(Model& model, const FlowSettings& flow) {
  const auto system = model.system(flow);
  const Settled rest = settle(*system, {}, model.initial_state(flow));
  INFO(rest.message);
  REQUIRE(rest.rest == Rest::settled);
  REQUIRE(rest.unstable_modes == 0);
  return rest.state;
}

/// All observables at w.
std::map<std::string, Vector> observed(Model& model, const FlowSettings& flow, const Vector& w) {
  static std::uint64_t serial = 0;
  const State state{0, w, ++serial};
  std::map<std::string, Vector> all;
  for (const Observable& observable : model.observables(flow)) {
    Vector values(observable.size());
    observable.evaluate(state, values.data());
    all[observable.name] = values;
  }
  return all;
}

Settings task(std::vector<std::int64_t> widths, std::int64_t samples, const std::string& activation,
              bool bias) {
  return {{"widths", std::move(widths)},
          {"samples", samples},
          {"activation", activation},
          {"bias", bias},
          {"teacher_width", std::int64_t{3}}};
}

/// |W_l|^2, with the biases.
double squared_norm(Model& model, const Vector& w, std::size_t layer, bool bias) {
  const auto& groups = dynamic_cast<LossModel&>(model).groups();
  const auto part = [&](std::size_t g) {
    return w.segment(groups[g].offset, groups[g].size).squaredNorm();
  };
  return bias ? part(2 * layer) + part(2 * layer + 1) : part(layer);
}

/// N/2 on the diagonal of the diagonal blocks, ones in the others: what neurons that are the edges
/// of a complete bipartite graph on N nodes make together.
Matrix bipartite_targets(Index n) {
  const Index half = n / 2;
  Matrix targets = Matrix::Ones(n, n);
  for (const Index block : {Index{0}, half})
    targets.block(block, block, half, half) =
        Matrix::Identity(half, half) * static_cast<double>(half);
  return targets;
}

}  // namespace

TEST_CASE("At a minimum layers are balanced and attraction is met by the other forces") {
  const std::vector<Settings> tasks{
      task({3, 8, 7, 2}, 6, "tanh", false),     task({3, 8, 7, 2}, 20, "tanh", false),
      task({2, 6, 5, 2}, 12, "tanh", true),     task({3, 6, 2}, 10, "tanh", false),
      task({4, 6, 5, 3}, 6, "identity", false), task({3, 6, 5, 4, 2}, 20, "identity", false),
      task({3, 5, 4, 2}, 12, "identity", true)};
  for (const Settings& settings : tasks) {
    const auto model = make_model("multilayer_perceptron", settings);
    const bool bias = std::get<bool>(settings[3].second);
    FlowSettings flow;
    flow.weight_decay = 0.005;
    const Vector w = minimum(*model, flow);
    for (const double tolerance : {1e-9, 1e-6, 1e-4}) {
      flow.rank_tolerance = tolerance;
      const auto at = observed(*model, flow, w);
      const Vector& cost = at.at("layer_cost");
      CAPTURE(std::get<std::string>(settings[2].second), bias, tolerance,
              at.at("layer_rank").transpose(), at.at("force_defect").transpose());
      REQUIRE(cost.minCoeff() > 0.1);  // not the trivial network
      for (Index l = 0; l < cost.size(); ++l)
        CHECK(cost[l] ==
              Approx(squared_norm(*model, w, static_cast<std::size_t>(l), bias)).epsilon(1e-9));
      CHECK(at.at("force_defect").maxCoeff() < 1e-8);
      CHECK(at.at("representation_loss")[0] == Approx(at.at("regularised_loss")[0]).epsilon(1e-10));
    }
    // Off the minimum the forces do not meet, and the loss in the activations is below, but where
    // both weights follow from them: those of one hidden layer of fewer neurons than samples.
    RandomStream stream(9, "off");
    const auto off = observed(*model, flow, w + random_vector(w.size(), stream, 0.01));
    const double loss = off.at("regularised_loss")[0];
    if (off.at("layer_cost").size() == 2)
      CHECK(off.at("representation_loss")[0] == Approx(loss).epsilon(1e-10));
    else
      CHECK(off.at("representation_loss")[0] < loss * (1 - 1e-10));
    CHECK(off.at("force_defect").minCoeff() > 1e-4);
  }
}

TEST_CASE("Attraction and repulsion are derivatives of the layers' costs by preactivations") {
  // Few neurons below many samples: the ranks stay as they are for all changes of Z_1 and Z_2.
  RandomStream stream(3, "forces");
  for (const bool bias : {false, true}) {
    const PerceptronLayout layout({3, 2, 2, 2}, bias);
    const Activation activation(Activation::Kind::tanh);
    Matrix inputs(7, 3), gradient(2, 7);
    stream.fill_normal(inputs);
    stream.fill_normal(gradient);
    const Vector w = random_vector(layout.parameters, stream);
    const PerceptronLayers all = analyse_layers(layout, activation, inputs, w, gradient, 0.1, 1e-9);
    const auto layer_input = [&](const Matrix& z) {
      Matrix s = Matrix::Ones(z.rows() + (bias ? 1 : 0), z.cols());
      s.topRows(z.rows()) = z.array().tanh();
      return s;
    };
    const auto cost = [](const Matrix& z, const Matrix& s) {
      return Vector::Constant(
          1, (z * s.completeOrthogonalDecomposition().pseudoInverse()).squaredNorm());
    };
    const Matrix &z1 = all.hidden[0].preactivation, &z2 = all.hidden[1].preactivation;
    const Vector direction = random_vector(z1.size(), stream);
    const auto from = [&](const Vector& flat) {
      return Matrix(Eigen::Map<const Matrix>(flat.data(), 2, 7));
    };
    const double attraction =
        directional_derivative([&](const Vector& z) { return cost(from(z), layer_input(z1)); },
                               z2.reshaped(), direction)[0];
    CHECK(attraction == Approx(all.hidden[1].attraction.reshaped().dot(direction)).epsilon(1e-7));
    const double repulsion =
        -directional_derivative([&](const Vector& z) { return cost(z2, layer_input(from(z))); },
                                z1.reshaped(), direction)[0];
    CHECK(repulsion == Approx(all.hidden[0].repulsion.reshaped().dot(direction)).epsilon(1e-7));
    CHECK(all.cost[1] == Approx(cost(z2, layer_input(z1))[0]).epsilon(1e-10));
    CHECK(all.rank == Vector{{bias ? 4.0 : 3.0, bias ? 3.0 : 2.0, bias ? 3.0 : 2.0}});
  }
}

TEST_CASE("The constraint force vanishes where a layer's inputs have the rank of the samples") {
  const auto model = make_model("multilayer_perceptron", task({3, 12, 2}, 6, "tanh", false));
  FlowSettings flow;
  flow.weight_decay = 0.1;
  flow.rank_tolerance = 1e-9;
  const auto at = observed(*model, flow, model->initial_state(flow));
  CHECK(at.at("layer_rank") == Vector{{3, 6}});
  CHECK(at.at("constraint_force").norm() < 1e-9 * at.at("repulsion").norm());
  // Without a penalty there is no such force.
  flow.weight_decay = 0;
  CHECK(std::isnan(observed(*model, flow, model->initial_state(flow)).at("constraint_force")[0]));
}

TEST_CASE("Dead neurons do not count, and neurons of one direction are one ray") {
  // Two inputs; neurons along (1, 0) with norms 1 and 3, along (1, 1), one that is dead at all
  // samples, one without outgoing weight, one whose part is 1e-9.
  Parameters parameters(find_model("multilayer_perceptron")->parameters);
  parameters.set("widths", std::vector<std::int64_t>{2, 6, 1});
  parameters.set("activation", std::string("relu"));
  parameters.set("bias", false);
  Matrix inputs(3, 2), in(6, 2);
  inputs << 1, 0, 0.5, 0.2, 2, 1;
  in << 1, 0, 3, 0, 1, 1, -1, -1, 0, 1, 1e-9, 0;
  Vector w(18);
  w.head(12) = Matrix(in.transpose()).reshaped();
  w.tail(6) = Vector{{1, -1, 2, 1, 0, 1}};
  parameters.set_file("inputs", "x.npy", inputs);
  parameters.set_file("targets", "y.npy", Vector{{1, 2, 3}});
  parameters.set_file("initial", "w.npy", w);
  const auto model = find_model("multilayer_perceptron")->make(parameters, 0);
  const auto at = observed(*model, {}, w);
  CHECK(at.at("active_neurons")[0] == 3);
  CHECK(at.at("neuron_rays")[0] == 2);
  // A network that is 0, or no number.
  const auto zero = observed(*model, {}, Vector::Zero(18));
  CHECK(zero.at("active_neurons")[0] == 0);
  CHECK(zero.at("layer_rank") == Vector{{2, 0}});
  CHECK(zero.at("layer_cost").norm() == 0);
  w[0] = std::numeric_limits<double>::infinity();
  CHECK(std::isnan(observed(*model, {}, w).at("layer_cost")[0]));
}

TEST_CASE("Layers of different widths are padded with NaN") {
  const auto model = make_model("multilayer_perceptron", task({3, 4, 2, 1}, 5, "tanh", true));
  FlowSettings flow;
  flow.weight_decay = 0.1;
  const auto at = observed(*model, flow, model->initial_state(flow));
  const Vector& z = at.at("preactivation");
  REQUIRE(z.size() == 2 * 4 * 5);
  CHECK(z.head(30).allFinite());
  for (const double value : z.tail(10)) CHECK(std::isnan(value));
}

TEST_CASE("The network of N^2/4 neurons is the minimum of its task, and stays") {
  const double lambda = 0.02;
  for (const Index n : {4, 6, 8}) {
    const Index half = n / 2, width = half * half;
    const double alpha = std::sqrt(1 - 2 * lambda);
    const double beta = 2 / static_cast<double>(n) * (std::sqrt(1 - lambda) - alpha);
    Matrix first = Matrix::Constant(width, n, beta);
    for (Index i = 0; i < half; ++i)
      for (Index j = 0; j < half; ++j) {
        first(i * half + j, i) += alpha;
        first(i * half + j, half + j) += alpha;
      }
    Vector w(2 * width * n);
    // W_1 row by row; W_2 = W_1^T row by row is W_1 column by column.
    w.head(width * n) = Matrix(first.transpose()).reshaped();
    w.tail(width * n) = first.reshaped();
    Parameters parameters(find_model("multilayer_perceptron")->parameters);
    parameters.set("widths", std::vector<std::int64_t>{n, width, n});
    parameters.set("activation", std::string("relu"));
    parameters.set("bias", false);
    parameters.set_file("inputs", "x.npy", Matrix::Identity(n, n));
    parameters.set_file("targets", "y.npy", bipartite_targets(n));
    parameters.set_file("initial", "w.npy", w);
    const auto model = find_model("multilayer_perceptron")->make(parameters, 0);
    FlowSettings flow;
    flow.weight_decay = lambda;
    const auto count = static_cast<double>(n);
    const double least = lambda * count * count - lambda * lambda * count * (count - 1);
    const auto at = observed(*model, flow, w);
    CHECK(2 * at.at("regularised_loss")[0] == Approx(least).epsilon(1e-12));
    CHECK(at.at("gradient_norm")[0] < 1e-14);
    CHECK(at.at("active_neurons")[0] == static_cast<double>(width));
    CHECK(at.at("neuron_rays")[0] == static_cast<double>(width));
    CHECK(at.at("force_defect")[0] < 1e-8);
    SolverSettings settings;
    // An explicit method is held to the tolerance, a stiff one far below it.
    const Run held = run_model(*model, flow, settings, {0, 1e3}, false);
    CHECK((held.states.back() - w).norm() < settings.rtol * w.norm());
    settings.method = "rodas";
    settings.linear = LinearKind::dense;
    const Run run = run_model(*model, flow, settings, {0, 1e3}, false);
    CHECK((run.states.back() - w).norm() < 1e-10);
    flow.rank_tolerance = 1e-6;
    CHECK(2 * observed(*model, flow, run.states.back()).at("regularised_loss")[0] ==
          Approx(least).epsilon(1e-12));
  }
}

TEST_CASE(
    "The best of 24 half-normal starts finds the minimum of N^2/4 neurons, with one less none") {
  const double lambda = 0.02;
  for (const Index n : {4, 6}) {
    const auto count = static_cast<double>(n);
    const double least = lambda * count * count - lambda * lambda * count * (count - 1);
    for (const Index width : {n * n / 4, n * n / 4 - 1}) {
      double best = std::numeric_limits<double>::infinity();
      for (std::uint64_t seed = 0; seed < 24; ++seed) {
        Parameters parameters(find_model("multilayer_perceptron")->parameters);
        parameters.set("widths", std::vector<std::int64_t>{n, width, n});
        parameters.set("activation", std::string("relu"));
        parameters.set("bias", false);
        parameters.set("initial_law", std::string("half_normal"));
        parameters.set_file("inputs", "x.npy", Matrix::Identity(n, n));
        parameters.set_file("targets", "y.npy", bipartite_targets(n));
        const auto model = find_model("multilayer_perceptron")->make(parameters, seed);
        FlowSettings flow;
        flow.weight_decay = lambda;
        SolverSettings settings;
        settings.rtol = 1e-5;
        const Run run = run_model(*model, flow, settings, {0, 1500}, false);
        const Vector& w = run.states.back();
        best = std::min(best, 2 * loss_of(*model).value(w) + lambda * w.squaredNorm() - least);
      }
      INFO("N = " << n << ", width " << width << ", best above the minimum " << best);
      if (width == n * n / 4)
        CHECK(best < 1e-4);
      else
        CHECK(best > 1e-3);
      CHECK(best > -1e-10);
    }
  }
}
