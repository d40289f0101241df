#include <cmath>

#include "solve/method_choice.hpp"
#include "solve/stationary_point.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A flow on a subspace that it keeps to, y = E Y: Y' = E^+ f(E Y). Nothing across it exists here,
/// to be grown from rounding.
class ReducedFlow final : public System {
 public:
  ReducedFlow(System& system, Matrix embedding)
      : system_(system),
        embedding_(std::move(embedding)),
        inverse_((embedding_.transpose() * embedding_).inverse() * embedding_.transpose()) {}
  Index dimension() const override { return embedding_.cols(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override {
    Vector slope(system_.dimension());
    system_.rhs(t, embedding_ * y, slope);
    dydt = inverse_ * slope;
  }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    Vector image(system_.dimension());
    system_.jacobian_times(t, embedding_ * y, embedding_ * v, image);
    out = inverse_ * image;
  }

 private:
  System& system_;
  Matrix embedding_, inverse_;
};

struct Case {
  std::string name;
  std::shared_ptr<Model> model;
  Vector start;
  std::vector<std::vector<Index>> classes;  ///< of equal entries; all others are free
  std::vector<Index> zeros;
  double end = 100;
  bool decays = true;  ///< the model takes a weight decay
};

/// The columns of E, from the classes.
Matrix embedding(const Case& c) {
  const Index n = c.start.size();
  std::vector<Vector> columns;
  std::vector<bool> taken(static_cast<std::size_t>(n), false);
  for (const auto& members : c.classes) {
    Vector column = Vector::Zero(n);
    for (const Index i : members) column[i] = 1, taken[static_cast<std::size_t>(i)] = true;
    columns.push_back(column);
  }
  for (const Index i : c.zeros) taken[static_cast<std::size_t>(i)] = true;
  for (Index i = 0; i < n; ++i)
    if (!taken[static_cast<std::size_t>(i)]) columns.push_back(Vector::Unit(n, i));
  Matrix E(n, static_cast<Index>(columns.size()));
  for (std::size_t k = 0; k < columns.size(); ++k) E.col(static_cast<Index>(k)) = columns[k];
  return E;
}

/// From rest, for a flow of second order: velocities are equal and zero where parameters are.
Case with_velocities(const Case& c) {
  Case moving = c;
  const Index p = c.start.size();
  moving.start.setZero(2 * p);
  moving.start.head(p) = c.start;
  for (auto members : c.classes) {
    for (Index& i : members) i += p;
    moving.classes.push_back(members);
  }
  for (const Index i : c.zeros) moving.zeros.push_back(p + i);
  return moving;
}

/// A start of a network's layers, given as matrices and vectors one after another.
struct Layer {
  Index rows, columns;  ///< stored row by row
  bool out, in;         ///< rows, columns belong to the hidden units that are equal
};

/// Random entries, but for those of the hidden units 0 and 1 (and 2), which are equal.
Case equal_units(std::string name, std::unique_ptr<Model> model, const std::vector<Layer>& layers,
                 Index equal, RandomStream& stream, double scale = 0.6) {
  Case c{std::move(name), std::move(model), {}, {}, {}};
  std::vector<double> values;
  for (const Layer& layer : layers) {
    const auto offset = static_cast<Index>(values.size());
    // The first of those that are equal stands for all.
    const auto first = [&](Index unit, bool shared) { return shared && unit < equal ? 0 : unit; };
    std::map<std::pair<Index, Index>, std::vector<Index>> members;
    std::map<std::pair<Index, Index>, double> value;
    for (Index i = 0; i < layer.rows; ++i)
      for (Index j = 0; j < layer.columns; ++j) {
        const std::pair key(first(i, layer.out), first(j, layer.in));
        if (value.count(key) == 0) value[key] = scale * stream.normal();
        values.push_back(value[key]);
        members[key].push_back(offset + i * layer.columns + j);
      }
    for (auto& [key, entries] : members)
      if (entries.size() > 1) c.classes.push_back(entries);
  }
  c.start = Eigen::Map<Vector>(values.data(), static_cast<Index>(values.size()));
  return c;
}

ParameterValue whole(std::int64_t n) {
  return n;
}

std::vector<Case> symmetric_starts() {
  std::vector<Case> all;
  RandomStream stream(11, "symmetric starts");
  for (const std::string activation :
       {"tanh", "erf", "gelu", "softplus", "sigmoid", "quadratic", "identity"})
    for (const Index equal : {2, 3}) {
      const bool bias = equal == 2;
      std::vector<Layer> layers{{4, 2, true, false}, {4, 1, true, false}};
      if (bias) layers.push_back({4, 1, true, false});
      all.push_back(
          equal_units("two layers, " + activation + ", " + std::to_string(equal) + " equal",
                      make_model("two_layer_network", {{"activation", activation},
                                                       {"bias", bias},
                                                       {"width", whole(4)},
                                                       {"input_dimension", whole(2)},
                                                       {"samples", whole(15)}}),
                      layers, equal, stream));
    }
  {  // a silent neuron
    Case c = equal_units("two layers, a silent neuron",
                         make_model("two_layer_network", {{"activation", std::string("tanh")},
                                                          {"bias", false},
                                                          {"width", whole(3)},
                                                          {"input_dimension", whole(2)},
                                                          {"samples", whole(15)}}),
                         {{3, 2, false, false}, {3, 1, false, false}}, 0, stream);
    for (const Index i : {4, 5, 8}) c.start[i] = 0;
    c.zeros = {4, 5, 8};
    all.push_back(std::move(c));
  }
  all.push_back(equal_units(
      "perceptron",
      make_model(
          "multilayer_perceptron",
          {{"widths", std::vector<std::int64_t>{2, 3, 2}}, {"bias", true}, {"samples", whole(12)}}),
      {{3, 2, true, false}, {3, 1, true, false}, {2, 3, false, true}, {2, 1, false, false}}, 2,
      stream));
  all.push_back(equal_units(
      "perceptron, classes",
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{2, 3, 3}},
                                           {"bias", false},
                                           {"loss", std::string("cross_entropy")},
                                           {"samples", whole(12)}}),
      {{3, 2, true, false}, {3, 3, false, true}}, 2, stream));
  all.push_back(equal_units(
      "deep linear", make_model("deep_linear_network", {{"depth", whole(3)}, {"width", whole(3)}}),
      {{3, 3, true, false}, {3, 3, true, true}, {3, 3, false, true}}, 2, stream));
  all.push_back(
      equal_units("deep linear with noise",
                  make_model("deep_linear_network",
                             {{"depth", whole(3)}, {"width", whole(3)}, {"noise_variance", 0.2}}),
                  {{3, 3, true, false}, {3, 3, true, true}, {3, 3, false, true}}, 2, stream));
  all.push_back(
      equal_units("completion, equal columns",
                  make_model("matrix_completion",
                             {{"rows", whole(4)}, {"columns", whole(3)}, {"rank", whole(3)}}),
                  {{4, 3, false, true}, {3, 3, false, true}}, 2, stream));
  all.push_back(equal_units("sensing, equal columns",
                            make_model("matrix_sensing", {{"rows", whole(4)},
                                                          {"columns", whole(3)},
                                                          {"rank", whole(3)},
                                                          {"measurements", whole(9)}}),
                            {{4, 3, false, true}, {3, 3, false, true}}, 2, stream));
  all.push_back(
      equal_units("modular addition",
                  make_model("modular_addition", {{"modulus", whole(5)}, {"width", whole(4)}}),
                  {{4, 10, true, false}, {5, 4, false, true}}, 2, stream));
  {  // u = v, and two silent entries
    Case c{"diagonal network, u = v",
           make_model("diagonal_linear_network", {{"parametrisation", std::string("product")},
                                                  {"samples", whole(4)},
                                                  {"dimension", whole(6)}}),
           Vector(12),
           {},
           {}};
    for (Index i = 0; i < 6; ++i) {
      c.start[i] = c.start[6 + i] = i < 4 ? 0.1 * (1 + stream.uniform()) : 0;
      if (i < 4) c.classes.push_back({i, 6 + i});
    }
    c.zeros = {4, 5, 10, 11};
    all.push_back(std::move(c));
  }
  const Settings series{{"width", whole(4)},
                        {"epsilon", 1e-2},
                        {"target_hermite", std::vector<double>{1, -1, 2.0 / 3, 0.3}},
                        {"activation_hermite", std::vector<double>{0.4, 0.5, 0.3, 0.2}}};
  all.push_back(equal_units("mean field", make_model("single_index_mean_field", series),
                            {{4, 1, true, false}, {4, 1, true, false}}, 2, stream, 0.3));
  for (const Index samples : {0, 12}) {
    Settings network = series;
    network.emplace_back("dimension", whole(3));
    network.emplace_back("samples", whole(samples));
    Case c = equal_units(samples > 0 ? "single-index network, samples" : "single-index network",
                         make_model("single_index_network", network),
                         {{4, 1, true, false}, {4, 3, true, false}}, 2, stream);
    for (Index i = 0; i < 4; ++i) c.start.segment(4 + 3 * i, 3).normalize();
    all.push_back(std::move(c));
  }
  {  // a, s, and r_ij of the pairs 01, 02, 03, 12, 13, 23: two neurons that may be exchanged
    Case c{"overlaps",
           make_model("single_index_overlaps", series),
           Vector{{0.3, 0.3, -0.5, 0.4, 0.2, 0.2, -0.1, 0.3, 0.3, 0.1, -0.2, 0.1, -0.2, 0.15}},
           {{0, 1}, {4, 5}, {9, 11}, {10, 12}},
           {}};
    all.push_back(std::move(c));
  }
  for (Case& c : all)
    if (c.name == "mean field" || c.name == "overlaps" ||
        c.name.compare(0, 12, "single-index") == 0) {
      c.end = 10;
      c.decays = false;
    }
  return all;
}

}  // namespace

TEST_CASE("A start with a symmetry ends where the exact flow does, by every method and matrix") {
  const std::vector<std::pair<std::string, double>> flows{
      {"gradient", 0}, {"gradient", 0.02}, {"heavy_ball", 0.02}};
  for (const Case& first_order : symmetric_starts())
    for (const auto& [kind, lambda] : flows) {
      FlowSettings flow;
      flow.kind = kind;
      flow.weight_decay = lambda;
      if (lambda > 0 && !first_order.decays) continue;
      const Case c = flow.kind == "heavy_ball" ? with_velocities(first_order) : first_order;
      const Matrix E = embedding(c);
      const auto system = c.model->system(flow);
      ReducedFlow reduced(*system, E);
      SolverSettings tight;
      tight.method = "dopri5";
      tight.rtol = 1e-11;
      tight.atol = 1e-13;
      tight.condition = false;
      const auto exact_stepper = make_stepper(reduced, tight);
      IntegrationControl control;
      control.times = {0, c.end};
      control.sample = [](std::size_t, double, ConstVectorRef) {};
      const Vector small = (E.transpose() * E).inverse() * (E.transpose() * c.start);
      REQUIRE((E * small - c.start).norm() < 1e-14);
      const Outcome reference = integrate(reduced, *exact_stepper, tight, small, control);
      INFO(c.name << ", " << kind << ", lambda = " << lambda << ": " << reference.message);
      REQUIRE(reference.status == Status::ok);
      const Vector exact = E * reference.final_state;

      std::vector<std::pair<std::string, LinearKind>> ways{{"auto", LinearKind::automatic},
                                                           {"dopri5", LinearKind::automatic},
                                                           {"rock4", LinearKind::automatic},
                                                           {"cvode_adams", LinearKind::automatic},
                                                           {"rosenbrock4", LinearKind::automatic}};
      for (const NewtonOffer& offer : system->newton_offers())
        for (const char* method : {"cvode", "rodas"}) ways.emplace_back(method, offer.kind);
      for (const auto& [method, linear] : ways) {
        SolverSettings settings;
        settings.method = method;
        settings.linear = linear;
        settings = tightened(*system, settings, c.start);
        const auto stepper = make_stepper(*system, settings);
        const Outcome outcome = integrate(*system, *stepper, settings, c.start, control);
        CAPTURE(method, outcome.linear, outcome.message, outcome.final_state.transpose(),
                exact.transpose());
        CHECK(outcome.status == Status::ok);
        // Some hundred steps at rtol = 1e-8.
        CHECK((outcome.final_state - exact).norm() <= 1e-5 * exact.norm());
        // To the bit.
        for (const auto& members : c.classes)
          for (const Index i : members)
            CHECK(std::abs(outcome.final_state[i] - outcome.final_state[members.front()]) <=
                  1e-13 * exact.cwiseAbs().maxCoeff());
        for (const Index i : c.zeros) CHECK(outcome.final_state[i] == 0);
      }
    }
}

TEST_CASE("Case 01: two equal neurons end where one of twice the weight does") {
  // f = 2 a tanh(w x + b) is the whole flow; its loss by SciPy at rtol 1e-11.
  const ModelInfo* info = find_model("two_layer_network");
  Parameters parameters(info->parameters);
  parameters.set("activation", std::string("tanh"));
  parameters.set("width", std::int64_t{2});
  const Vector x = Vector::LinSpaced(12, -1, 1);
  const Vector start{{0.8, 0.8, 0.1, 0.1, 0.5, 0.5}};
  parameters.set_file("inputs", "x.npy", x);
  parameters.set_file("targets", "y.npy", 4 * x.array().cube() - 3 * x.array());
  parameters.set_file("initial", "w.npy", start);
  const auto model = info->make(parameters, 0);
  for (const std::string method : {"auto", "cvode", "rodas", "rock4", "dopri5"}) {
    SolverSettings settings;
    settings.method = method;
    const Run run = run_from(start, *model, {}, settings, {0, 1e5});
    CAPTURE(method, run.outcome.message);
    CHECK(run.last("train_loss") == Approx(0.22204875).epsilon(1e-6));
    CHECK((run.outcome.warnings & stays_on_saddle) != 0);
  }
}
