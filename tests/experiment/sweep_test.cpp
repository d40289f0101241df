#include "experiment/sweep.hpp"

#include <cmath>
#include <cstring>
#include <map>

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
