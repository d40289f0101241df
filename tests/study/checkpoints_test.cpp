#include <map>

#include "experiment/experiment.hpp"
#include "experiment/journal_checkpoints.hpp"
#include "study/config.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A journal in memory.
class MemoryJournal final : public Journal {
 public:
  std::optional<Dataset> find(const std::string& part) override {
    const auto found = parts.find(part);
    return found == parts.end() ? std::nullopt : std::optional<Dataset>(found->second);
  }
  void put(const std::string& part, const Dataset& data) override {
    parts.insert_or_assign(part, data);
  }
  void tell(const std::string& line) override { told += line + "\n"; }
  std::map<std::string, Dataset> parts;
  std::string told;
};

/// One call in a world of its own; interrupted from the n-th time on that it is asked.
struct Call {
  Experiment experiment;
  std::int64_t asked = 0;
};
Call call_once(const Scratch& scratch, const std::string& text, Journal* journal,
               std::int64_t n = -1) {
  scratch.write("c.toml", text);
  const Config config = Config::load(scratch / "c.toml", {});
  PhaseReferences references;
  Call call;
  const Setup setup = config.setup(0);
  call.experiment = run_experiment(
      setup, references, [&] { return ++call.asked >= n && n > 0; }, journal);
  return call;
}

void check_equal(const Dataset& a, const Dataset& b) {
  CHECK(a.dimensions() == b.dimensions());
  CHECK(a.variables().size() == b.variables().size());
  for (const Variable& variable : a.variables()) {
    CAPTURE(variable.name);
    const Variable* other = b.find(variable.name);
    REQUIRE(other != nullptr);
    if (variable.name != "wall_seconds") CHECK(bits(variable) == bits(*other));
  }
}

/// Cut at several places and gone on with, a run has the bits of one that was never cut. `states`:
/// there are some to go on from at each of the places.
void check_resumes(const std::string& text, bool states = true) {
  const Scratch scratch;
  const std::string config = text + "[output]\ncheckpoint_seconds = 1e-9\n";
  const Call whole = call_once(scratch, config, nullptr);
  INFO(whole.experiment.outcome.message);
  REQUIRE(whole.experiment.outcome.status == Status::ok);
  for (const std::vector<double>& shares :
       {std::vector<double>{0.1, 0.3, 0.45}, std::vector<double>{0.7}, std::vector<double>{0.97}}) {
    MemoryJournal journal;
    for (const double share : shares) {
      const auto n = static_cast<std::int64_t>(share * static_cast<double>(whole.asked));
      const Call cut = call_once(scratch, config, &journal, std::max<std::int64_t>(n, 2));
      REQUIRE(cut.experiment.outcome.status == Status::interrupted);
    }
    const Call rest = call_once(scratch, config, &journal);
    const Outcome& outcome = whole.experiment.outcome;
    CAPTURE(shares.size(), outcome.method, whole.asked, rest.asked);
    // CVODE's methods can only be cut where they begin anew: every 2000 steps, and at boundaries.
    const bool anywhere = outcome.method.find("cvode") == std::string::npos;
    if (states && (anywhere || outcome.statistics.steps > 4000 || outcome.statistics.events > 10)) {
      CHECK(rest.asked < whole.asked);
      CHECK(journal.told.find("goes on at t = ") != std::string::npos);
    }
    check_equal(whole.experiment.data, rest.experiment.data);
  }
}

const std::string perceptron =
    "[model]\nname = \"two_layer_network\"\nwidth = 6\nsamples = 8\ninput_dimension = 3\n"
    "test_samples = 5\nactivation = ";
const std::string decay = "[flow]\nweight_decay = 1e-2\n";
const std::string hundred = "[time]\nend = 100\nsamples = 30\n";

}  // namespace

TEST_CASE("Runs of every method go on to the same bits") {
  for (const std::string method :
       {"cvode", "rodas", "rock4", "dopri5", "rosenbrock4", "cvode_adams"}) {
    CAPTURE(method);
    // Of the methods that begin anew at places of their own, more steps than there are between two.
    const bool multistep = method.starts_with("cvode");
    check_resumes(
        "[model]\nname = \"linear_regression\"\nsamples = 3\ndimension = 4\n[flow]\nkind = "
        "\"heavy_ball\"\nfriction = 0.01\n[solver]\ncondition = false\nmethod = \"" +
        method + "\"\n[time]\nend = " + (multistep ? "1200" : "30") + "\nsamples = 30\n");
  }
  for (const std::string method : {"rodas", "rock4", "dopri5", "rosenbrock4"}) {
    CAPTURE(method);
    check_resumes(perceptron + "\"tanh\"\n" + decay + "[solver]\nmethod = \"" + method + "\"\n" +
                  hundred);
  }
}

TEST_CASE("Where auto looks at the spectrum first, what it found goes on") {
  for (const std::string rtol : {"1e-4", "1e-6"}) {
    CAPTURE(rtol);
    check_resumes(perceptron + "\"tanh\"\n" + decay + "[solver]\nrtol = " + rtol + "\n" + hundred);
    check_resumes(
        "[model]\nname = \"single_index_mean_field\"\nwidth = 20\nepsilon = 1e-5\n[solver]\nrtol "
        "= " +
        rtol + "\n[time]\nend = 1\nsamples = 30\n");
  }
}

TEST_CASE("Runs of networks with kinks go on within their piece") {
  for (const std::string method : {"auto", "cvode", "rock4", "dopri5"}) {
    CAPTURE(method);
    check_resumes(perceptron + "\"relu\"\n" + decay + "[solver]\nmethod = \"" + method + "\"\n" +
                  hundred);
  }
  check_resumes(
      "[model]\nname = \"multilayer_perceptron\"\nwidths = [4, 4]\nsamples = 8\nactivation = "
      "\"relu\"\n" +
      decay + hundred);
  check_resumes(
      "[model]\nname = \"single_index_network\"\nwidth = 5\ndimension = 4\nsamples = 20\n"
      "activation = \"relu\"\n[time]\nend = 10\nsamples = 10\n");
}

TEST_CASE("Discrete dynamics go on with their noise") {
  for (const std::string kind : {"kind = \"gradient_descent\"", "kind = \"sgd\"\nbatch = 3",
                                 "kind = \"sgd\"\nbatch = 3\nlabel_noise = 0.1",
                                 "kind = \"langevin\"\ntemperature = 1e-3"}) {
    CAPTURE(kind);
    check_resumes(perceptron + "\"tanh\"\n[flow]\nstep = 0.05\n" + kind +
                  "\n[time]\nend = 20\n"
                  "samples = 30\nspacing = \"linear\"\n");
  }
  for (const std::string samples : {"", "samples = 20\n"}) {
    CAPTURE(samples);
    check_resumes("[model]\nname = \"single_index_network\"\nwidth = 5\ndimension = 4\n" + samples +
                  "[flow]\nkind = \"sgd\"\nstep = 1e-4\nbatch = 2\nlabel_noise = 0.1\n[time]\nend "
                  "= 0.05\nsamples = 20\n");
  }
}

TEST_CASE("Slow limits, mirror flow and its search for an end go on") {
  const std::string diagonal =
      "[model]\nname = \"diagonal_linear_network\"\nsamples = 4\ndimension = 8\n";
  // The way to the start, by CVODE, has too few steps to be cut.
  check_resumes(diagonal + "[flow]\nkind = \"riemannian\"\n[time]\nend = 3\nsamples = 30\n", false);
  const std::string mirror =
      "[model]\nname = \"separable_classification\"\nsamples = 6\ndimension = 2\n";
  check_resumes(mirror + "[time]\nend = 8\nsamples = 30\n");
  // The search goes on from its ends; some ways to them are CVODE's.
  check_resumes(mirror, false);
}

TEST_CASE(
    "All that may belong to a run goes on: snapshots, states, verification, stops, two phases") {
  const std::string diagonal =
      "[model]\nname = \"diagonal_linear_network\"\nsamples = 4\ndimension = 8\ntest_samples = 5\n"
      "[solver]\nmethod = \"rodas\"\n";
  const Scratch scratch;
  const std::string config = diagonal + "verify = true\n" + decay +
                             "[time]\nend = 1e3\nsamples = 30\nstop_gradient_norm = 1e-5\n"
                             "[measure]\ntwo_phases = true\n[output]\nparameters = true\n"
                             "snapshot_times = [0, 1, 10]\nsnapshot_observables = [\"norm\"]\n"
                             "checkpoint_seconds = 1e-9\n";
  const Call whole = call_once(scratch, config, nullptr);
  REQUIRE(whole.experiment.outcome.status == Status::ok);
  for (const double share : {0.05, 0.3, 0.6, 0.9}) {
    CAPTURE(share);
    MemoryJournal journal;
    call_once(scratch, config, &journal,
              static_cast<std::int64_t>(share * static_cast<double>(whole.asked)));
    CHECK(!journal.parts.empty());
    const Call rest = call_once(scratch, config, &journal);
    CHECK(rest.asked < whole.asked);
    check_equal(whole.experiment.data, rest.experiment.data);
  }
}

TEST_CASE("A state that was written otherwise is said to be so, and the run begins anew") {
  const Scratch scratch;
  const std::string config =
      perceptron + "\"tanh\"\n" + decay + "[solver]\nmethod = \"rodas\"\n" + hundred;
  const Call whole = call_once(scratch, config, nullptr);
  MemoryJournal journal;
  call_once(scratch, config, &journal, 20);
  REQUIRE(journal.parts.count("run") == 1);
  Dataset other;
  for (const Variable& variable : journal.parts["run"].variables())
    if (variable.name != "stepper.step" && variable.dimensions.empty())
      other.add({variable.name, {}, variable.values, {}});
  journal.parts["run"] = other;
  const Call rest = call_once(scratch, config, &journal);
  CHECK(journal.told.find("begins anew") != std::string::npos);
  check_equal(whole.experiment.data, rest.experiment.data);
}

TEST_CASE("Without checkpoint_seconds nothing is kept") {
  const Scratch scratch;
  MemoryJournal journal;
  const Call cut =
      call_once(scratch, perceptron + "\"tanh\"\n" + hundred + "[output]\ncheckpoint_seconds = 0\n",
                &journal, 20);
  CHECK(cut.experiment.outcome.status == Status::interrupted);
  CHECK(journal.parts.empty());
}
