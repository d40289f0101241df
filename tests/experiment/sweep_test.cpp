#include "experiment/sweep.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include "continuation/settle.hpp"
#include "io/data_file.hpp"
#include "tests/continuation/deep_linear_theory.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<double> evenly(double first, double last, int count) {
  std::vector<double> values;
  for (int k = 0; k < count; ++k) values.push_back(first + (last - first) * k / (count - 1));
  return values;
}

/// A sweep of the weight decay of a deep linear network from a fully learnt, aligned start.
Setup deep_linear_sweep(int depth, const std::vector<double>& target, int width,
                        SweepSettings sweep) {
  Setup setup;
  setup.model = make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                                   {"width", std::int64_t{width}},
                                                   {"target_singular_values", target},
                                                   {"initial_law", std::string("aligned")},
                                                   {"initial_scale", 1.0}});
  setup.solver.rtol = 1e-6;
  sweep.down_perturbation = 0.05;
  sweep.down_perturbation_law = "initial";
  setup.sweep = std::move(sweep);
  Model* model = setup.model.get();
  setup.at = [model](double value) {
    SweptSetup at{std::shared_ptr<Model>(std::shared_ptr<Model>(), model), {}};
    at.flow.weight_decay = value;
    return at;
  };
  return setup;
}

double number(const Dataset& data, const std::string& name) {
  return data.values<double>(name).front();
}

/// A journal in memory that counts what is asked of it, and may end a run after some parts.
class MemoryJournal final : public Journal {
 public:
  std::optional<Dataset> find(const std::string& part) override {
    const auto found = parts.find(part);
    if (found == parts.end()) return std::nullopt;
    ++reused;
    return found->second;
  }
  void put(const std::string& part, const Dataset& data) override {
    CHECK(parts.emplace(part, data).second);  // none is computed twice
  }
  std::map<std::string, Dataset> parts;
  int reused = 0;
};

}  // namespace

TEST_CASE(
    "A sweep of a network with two hidden layers: spinodals of both ways, the loop and its "
    "area") {
  const std::vector<double> target{0.9, 0.8};
  SweepSettings sweep;
  sweep.values = evenly(0.005, 0.5, 100);
  sweep.refine = 1e-6;
  const Experiment experiment = run_sweep(deep_linear_sweep(3, target, 10, sweep), {}, nullptr);
  INFO(experiment.outcome.message);
  REQUIRE(experiment.outcome.status == Status::ok);
  const Dataset& data = experiment.data;
  // Four transitions, up and down, of first order.
  REQUIRE(data.values<std::int64_t>("transitions").front() == 4);
  const auto &low = data.values<double>("transition_low"),
             &high = data.values<double>("transition_high");
  const DeepLinearMode first{3, 0.9}, second{3, 0.8};
  const double expected[] = {second.spinodal(), first.spinodal(), first.learnt_from(0.05),
                             second.learnt_from(0.05)};
  for (std::size_t k = 0; k < 4; ++k) {
    CAPTURE(k, low[k], high[k], expected[k]);
    CHECK(high[k] - low[k] <= 1e-6);
    CHECK(low[k] <= expected[k]);
    CHECK(expected[k] <= high[k]);
    CHECK(data.values<std::int32_t>("transition_order")[k] == 1);
    CHECK(data.values<std::int32_t>("transition_direction")[k] == (k < 2 ? 0 : 1));
  }
  CHECK(number(data, "hysteresis_area") == Approx(0.70306).margin(1e-3));
  CHECK(number(data, "dissipated_loss") == Approx(0.70306).margin(1e-3));
  // Every strength is that of the closed form, on the way up and on the way down.
  const auto& strengths = data.values<double>("mode_strength");  // (direction, value, mode)
  double steps = 0;
  for (std::size_t way = 0; way < 2; ++way)
    for (std::size_t i = 0; i < 100; ++i) {
      const double lambda = sweep.values[i];
      for (std::size_t k = 0; k < 2; ++k) {
        const DeepLinearMode mode{3, target[k]};
        const double end = way == 0 ? mode.spinodal() : mode.learnt_from(0.05);
        const double strength = lambda < end ? mode.strength(lambda, true) : 0;
        CAPTURE(way, lambda, k);
        CHECK(strengths[(way * 100 + i) * 2 + k] == Approx(strength).margin(1e-8));
      }
      CHECK(data.values<std::int32_t>("value_status")[way * 100 + i] == 0);
      steps += static_cast<double>(data.values<std::int64_t>("settle_steps")[way * 100 + i]);
    }
  CHECK(steps / 200 <= 60);
}

TEST_CASE("A sweep of a network with one hidden layer: transitions of second order and no loop") {
  SweepSettings sweep;
  sweep.values = evenly(0.05, 1.2, 24);
  sweep.refine = 1e-6;
  const Experiment experiment = run_sweep(deep_linear_sweep(2, {0.9, 0.8}, 4, sweep), {}, nullptr);
  INFO(experiment.outcome.message);
  REQUIRE(experiment.outcome.status == Status::ok);
  const Dataset& data = experiment.data;
  REQUIRE(data.values<std::int64_t>("transitions").front() == 4);
  for (std::size_t k = 0; k < 4; ++k) {
    const double at = k == 0 || k == 3 ? 0.8 : 0.9;
    CHECK(data.values<double>("transition_low")[k] <= at);
    CHECK(at <= data.values<double>("transition_high")[k]);
    CHECK(data.values<std::int32_t>("transition_order")[k] == 2);
  }
  CHECK(std::abs(number(data, "hysteresis_area")) < 1e-3);
}

TEST_CASE(
    "Transitions of singular values close together are found each, within one pair of values") {
  // .9 and .8995: spinodals 3.0e-4 apart with two hidden layers, 5e-4 with one; values .02 apart.
  for (const int depth : {3, 2}) {
    CAPTURE(depth);
    SweepSettings sweep;
    sweep.values = depth == 3 ? evenly(0.33, 0.47, 8) : evenly(0.83, 0.97, 8);
    sweep.refine = 1e-6;
    sweep.direction = "up";
    const Experiment experiment =
        run_sweep(deep_linear_sweep(depth, {0.9, 0.8995}, 4, sweep), {}, nullptr);
    INFO(experiment.outcome.message);
    REQUIRE(experiment.outcome.status == Status::ok);
    const Dataset& data = experiment.data;
    REQUIRE(data.values<std::int64_t>("transitions").front() == 2);
    for (std::size_t k = 0; k < 2; ++k) {
      const double s = k == 0 ? 0.8995 : 0.9;
      const double at = depth == 3 ? DeepLinearMode{3, s}.spinodal() : s;
      const double low = data.values<double>("transition_low")[k],
                   high = data.values<double>("transition_high")[k];
      CAPTURE(k, low, high, at);
      CHECK(high - low <= 1e-6);
      CHECK(low <= at);
      CHECK(at <= high);
      CHECK(data.values<std::int32_t>("transition_order")[k] == (depth == 3 ? 1 : 2));
      if (depth == 2) continue;  // ranks fall where strengths are 1e-3 of the largest, before
      CHECK(data.values<double>("transition_rank_before")[k] == (k == 0 ? 2 : 1));
      CHECK(data.values<double>("transition_rank_after")[k] == (k == 0 ? 1 : 0));
    }
  }
}

TEST_CASE("Refining leaves the chain's states as they were") {
  SweepSettings sweep;
  sweep.values = evenly(0.05, 0.5, 10);
  const Setup plain = deep_linear_sweep(3, {0.9, 0.8}, 3, sweep);
  sweep.refine = 1e-6;
  const Experiment coarse = run_sweep(plain, {}, nullptr),
                   fine = run_sweep(deep_linear_sweep(3, {0.9, 0.8}, 3, sweep), {}, nullptr);
  for (const char* name : {"mode_strength", "norm", "regularised_loss", "settle_time"}) {
    CAPTURE(name);
    CHECK(coarse.data.values<double>(name) == fine.data.values<double>(name));
  }
  CHECK(coarse.data.values<std::int64_t>("transitions").front() == 2);  // up alone
  CHECK(fine.data.values<std::int64_t>("transitions").front() == 2);    // up alone
  CHECK(coarse.data.values<std::int32_t>("transition_order").front() == 0);
  CHECK(fine.data.values<std::int32_t>("transition_order").front() == 1);
}

TEST_CASE("A steep stretch before a spinodal is no transition") {
  // The slope of |w|^2 is three times as steep at .35 as at .05, the spinodal at .350882.
  SweepSettings sweep;
  sweep.values = evenly(0.05, 0.35, 4);
  sweep.refine = 1e-6;
  sweep.direction = "up";
  const Experiment experiment = run_sweep(deep_linear_sweep(3, {0.8}, 3, sweep), {}, nullptr);
  REQUIRE(experiment.outcome.status == Status::ok);
  CHECK(experiment.data.values<std::int64_t>("transitions").front() == 0);
}

TEST_CASE("A sweep of one value is a certified minimum") {
  SweepSettings sweep;
  sweep.values = {0.1};
  sweep.direction = "up";
  const Experiment experiment = run_sweep(deep_linear_sweep(3, {0.9}, 3, sweep), {}, nullptr);
  REQUIRE(experiment.outcome.status == Status::ok);
  CHECK(experiment.data.values<std::int64_t>("unstable_modes").front() == 0);
  CHECK(number(experiment.data, "mode_strength") ==
        Approx(DeepLinearMode{3, 0.9}.strength(0.1, true)).epsilon(1e-10));
  CHECK(number(experiment.data, "gradient_norm") <= 1e-12);
}

TEST_CASE("A sweep that was cut goes on with the next value, to the same bits") {
  SweepSettings sweep;
  sweep.values = evenly(0.05, 0.5, 10);
  sweep.refine = 1e-3;
  MemoryJournal whole;
  const Experiment uncut = run_sweep(deep_linear_sweep(3, {0.9, 0.8}, 3, sweep), {}, &whole);
  const std::size_t parts = whole.parts.size();
  REQUIRE(parts > 20);
  for (const std::size_t kept : {std::size_t{1}, std::size_t{7}, std::size_t{20}, parts - 1}) {
    CAPTURE(kept);
    MemoryJournal journal;
    const std::function<bool()> full = [&] { return journal.parts.size() >= kept; };
    const Experiment cut = run_sweep(deep_linear_sweep(3, {0.9, 0.8}, 3, sweep), full, &journal);
    CHECK(cut.outcome.status == Status::interrupted);
    const std::size_t before = journal.parts.size();
    const Experiment resumed = run_sweep(deep_linear_sweep(3, {0.9, 0.8}, 3, sweep), {}, &journal);
    CHECK(journal.reused == static_cast<int>(before));
    CHECK(journal.parts.size() == parts);
    REQUIRE(resumed.outcome.status == uncut.outcome.status);
    for (const Variable& variable : uncut.data.variables()) {
      if (variable.name == "wall_seconds") continue;
      CAPTURE(variable.name);
      REQUIRE(resumed.data.find(variable.name) != nullptr);
      if (const auto* numbers = std::get_if<std::vector<double>>(&variable.values)) {
        const auto& others = resumed.data.values<double>(variable.name);
        REQUIRE(others.size() == numbers->size());
        CHECK(std::memcmp(others.data(), numbers->data(), others.size() * sizeof(double)) == 0);
      } else {
        CHECK(resumed.data.find(variable.name)->values == variable.values);
      }
    }
  }
}

TEST_CASE("A way back that ends elsewhere than it began is said to be an open loop") {
  // Without a seed dead modes stay dead.
  SweepSettings sweep;
  sweep.values = evenly(0.05, 0.5, 10);
  Setup setup = deep_linear_sweep(3, {0.9, 0.8}, 3, sweep);
  setup.sweep->down_perturbation = 1e-6;
  setup.sweep->down_perturbation_law = "gaussian";
  const Experiment experiment = run_sweep(setup, {}, nullptr);
  CHECK(experiment.outcome.status == Status::ok);
  CHECK((experiment.outcome.warnings & loop_open) != 0);
}

namespace {

/// A network without biases on the data file of examples/transitions, swept from `initial`.
Setup data_sweep(const std::string& activation, std::vector<std::int64_t> widths,
                 SweepSettings sweep, const Vector* initial = nullptr) {
  const auto data = std::filesystem::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "data";
  const ModelInfo* info = find_model("multilayer_perceptron");
  REQUIRE(info != nullptr);
  Parameters parameters(info->parameters);
  parameters.set("widths", std::move(widths));
  parameters.set("bias", false);
  parameters.set("activation", activation);
  parameters.set_file("inputs", "inputs", read_data_file(data / "inputs.csv"));
  parameters.set_file("targets", "targets", read_data_file(data / "targets.csv"));
  if (initial != nullptr) parameters.set_file("initial", "initial", *initial);
  Setup setup;
  setup.model = info->make(parameters, 0);
  setup.solver.rtol = 1e-6;
  setup.sweep = std::move(sweep);
  Model* model = setup.model.get();
  setup.at = [model](double value) {
    SweptSetup at{std::shared_ptr<Model>(std::shared_ptr<Model>(), model), {}};
    at.flow.weight_decay = value;
    return at;
  };
  return setup;
}

}  // namespace

TEST_CASE("A ReLU network's onset is where its formula says, though its minima lie on kinks") {
  // lambda_c = max over |w| = 1 of |1/N sum y_n relu(w . x_n)|: .8196 for this data.
  const auto data = std::filesystem::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "data";
  const Matrix x = read_data_file(data / "inputs.csv"), y = read_data_file(data / "targets.csv");
  double critical = 0;
  for (int k = 0; k < 20000; ++k) {
    const double angle = 2 * M_PI * k / 20000;
    const Vector w{{std::cos(angle), std::sin(angle)}};
    critical = std::max(
        critical, (y.transpose() * (x * w).cwiseMax(0.0)).norm() / static_cast<double>(x.rows()));
  }
  CHECK(critical == Approx(0.8196).margin(5e-5));
  SweepSettings sweep;
  sweep.values = evenly(0.05, 0.95, 37);
  sweep.direction = "up";
  const Experiment experiment = run_sweep(data_sweep("relu", {2, 12, 2}, sweep), {}, nullptr);
  INFO(experiment.outcome.message);
  CHECK(experiment.outcome.status == Status::ok);
  const auto &norms = experiment.data.values<double>("norm"),
             &losses = experiment.data.values<double>("regularised_loss"),
             &gradients = experiment.data.values<double>("gradient_norm");
  double steps = 0;
  for (std::size_t i = 0; i < sweep.values.size(); ++i) {
    const double lambda = sweep.values[i];
    CAPTURE(lambda, norms[i]);
    if (lambda < critical) CHECK(norms[i] > 0.1);
    if (lambda > critical) CHECK(norms[i] < 1e-6);
    CHECK(experiment.data.values<std::int32_t>("value_status")[i] !=
          static_cast<std::int32_t>(Rest::not_settled));
    steps += static_cast<double>(experiment.data.values<std::int64_t>("settle_steps")[i]);
  }
  // Minima lie on kinks, where the whole gradient does not vanish.
  CHECK(*std::max_element(gradients.begin(), gradients.end()) > 1e-3);
  // dL*/dlambda = |w|^2 / 2. The trapezoidal rule is off by the spacing squared over 24 times the
  // change of the slope, some 20: .0005; a kink between two values adds at most .0002.
  double integral = 0;
  for (std::size_t i = 0; i + 1 < sweep.values.size(); ++i)
    integral += 0.25 * (sweep.values[i + 1] - sweep.values[i]) *
                (norms[i] * norms[i] + norms[i + 1] * norms[i + 1]);
  CHECK(losses.back() - losses.front() == Approx(integral).margin(1e-3));
  // 200 on average; 1000 and more a value where the Newton matrix is not that of the surface.
  CHECK(steps / 37 <= 400);
}

TEST_CASE(
    "A tanh network with two hidden layers loses its branches where continuation folds them") {
  SweepSettings sweep;
  for (int k = 15; k <= 60; ++k) sweep.values.push_back(k / 100.0);
  sweep.direction = "up";
  const Experiment experiment = run_sweep(data_sweep("tanh", {2, 12, 12, 2}, sweep), {}, nullptr);
  INFO(experiment.outcome.message);
  REQUIRE(experiment.outcome.status == Status::ok);
  const auto& norms = experiment.data.values<double>("norm");
  const auto squared = [&](int k) {
    const double norm = norms[static_cast<std::size_t>(k - 15)];
    return norm * norm;
  };
  // Not the saddle's 4.205, which the branch has become at .196.
  CHECK(squared(15) == Approx(4.877341).epsilon(1e-6));
  CHECK(squared(20) == Approx(4.089112).epsilon(1e-6));
  CHECK(squared(21) == Approx(3.091729).epsilon(1e-6));
  CHECK(squared(57) > 1);
  CHECK(squared(58) < 1e-10);
}
