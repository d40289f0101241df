#include "io/toml_document.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/cli/results.hpp"
#include "tests/cli/waiting.hpp"

using namespace gradflow;
using namespace gradflow::testing;

/// A finished run that is prolonged.
namespace {

/// `--set` of each.
std::vector<std::string> settings(const std::vector<std::string>& all) {
  std::vector<std::string> words;
  for (const std::string& each : all) words.insert(words.end(), {"--set", each});
  return words;
}

Finished run_into(const Scratch& scratch, const std::string& folder,
                  const std::vector<std::string>& more) {
  std::vector<std::string> words{"run", "run.toml", "--out", folder, "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return call(words, scratch.path);
}

void run_well(const Scratch& scratch, const std::string& folder,
              const std::vector<std::string>& more) {
  const Finished run = run_into(scratch, folder, more);
  INFO(run.err);
  REQUIRE(run.code == 0);
}

/// The first values of a variable are all those of another.
bool begins_with(const Variable& whole, const Variable& first) {
  return bits(whole).compare(0, bits(first).size(), bits(first)) == 0;
}

const std::string network_run =
    network + "[flow]\nweight_decay = 1e-2\n[time]\nend = 30\nsamples = 20\n";

const std::string relu_run = R"(seed = 1
[model]
name = "two_layer_network"
activation = "relu"
samples = 6
width = 8
[flow]
weight_decay = 1e-3
[time]
end = 10
samples = 12
)";

const std::string descent_run = R"([model]
name = "linear_regression"
samples = 4
dimension = 6
[flow]
kind = "gradient_descent"
step = 0.01
[time]
end = 7
samples = 9
)";

}  // namespace

TEST_CASE(
    "A run that is prolonged is the run through the same ends, to the bit, and begins as it was") {
  struct Case {
    std::string config;
    double end;  ///< of the config
    std::vector<std::string> settings;
  };
  const std::vector<Case> cases{
      {network_run, 30, {}},
      {network_run, 30, {"solver.method=\"cvode\"", "time.variable=\"slow\""}},
      {network_run, 30, {"solver.method=\"rodas\"", "solver.verify=true"}},
      {network_run, 30, {"solver.method=\"rosenbrock4\""}},
      {network_run, 30, {"solver.method=\"dopri5\"", "time.spacing=\"linear\""}},
      {network_run, 30, {"solver.method=\"cvode_adams\""}},
      {relu_run, 10, {}},
      {descent_run, 7, {}}};
  for (const auto& [config, end, given] : cases) {
    CAPTURE(config, given);
    const Scratch scratch;
    scratch.write("run.toml", config);
    const std::vector<std::string> words = settings(given);
    run_well(scratch, "a", words);
    const Dataset before = read_netcdf(scratch / "a" / "result.nc");
    const auto at = [&](double times) { return toml_number(times * end); };
    for (const std::string& later : {at(10), at(50)}) {
      std::vector<std::string> extended = words;
      extended.insert(extended.end(), {"--extend", later});
      run_well(scratch, "a", extended);
    }
    std::vector<std::string> at_once = given;
    at_once.push_back("time.end=" + at(50));
    at_once.push_back("time.earlier_ends=[" + at(1) + ", " + at(10) + "]");
    run_well(scratch, "b", settings(at_once));
    CHECK(differences(scratch / "a" / "result.nc", scratch / "b" / "result.nc").empty());
    const Dataset after = read_netcdf(scratch / "a" / "result.nc");
    CHECK(after.values<double>("time").back() == Approx(50 * before.values<double>("time").back()));
    CHECK(after.values<double>("time").size() > before.values<double>("time").size());
    for (const std::string name : {"time", "train_loss", "norm"})
      CHECK(begins_with(*after.find(name), *before.find(name)));
  }
}

TEST_CASE("A run that is killed while it is prolonged goes on by the same call") {
  const Scratch scratch;
  scratch.write("run.toml", R"([model]
name = "linear_regression"
[flow]
kind = "gradient_descent"
step = 1e-3
[time]
end = 10
samples = 50
[output]
checkpoint_seconds = 0.05
)");
  run_well(scratch, "whole", settings({"time.end=3000.0", "time.earlier_ends=[10.0]"}));
  run_well(scratch, "cut", {});
  const fs::path state = scratch / "cut" / "parts" / "000000" / "run.part";
  const std::string before = contents(state);
  Process process(GRADFLOW_BINARY, {"run", "run.toml", "--out", "cut", "--extend", "3000"},
                  scratch.path);
  REQUIRE(wait_for([&] { return contents(state) != before; }));
  process.send(SIGKILL);
  CHECK(process.wait() == -SIGKILL);
  const Finished rest =
      call_ok({"run", "run.toml", "--out", "cut", "--extend", "3000"}, scratch.path);
  CHECK(rest.err.find("run: goes on at t = ") == 0);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
  const Finished again =
      call_ok({"run", "run.toml", "--out", "cut", "--extend", "3000"}, scratch.path);
  CHECK(again.err.find("nothing left to do") != std::string::npos);
}

TEST_CASE("What cannot be prolonged is refused in one line, and stays as it is") {
  const Scratch scratch;
  scratch.write("run.toml", network_run);
  scratch.write("study.toml", network_run + "[study]\nseed = [0, 1]\n");
  check_one_line(run_into(scratch, "a", {"--extend", "100"}), "holds no run");
  run_well(scratch, "a", {});
  const std::string result = contents(scratch / "a" / "result.nc");
  for (const std::string end : {"30", "2", "-1", "nan"})
    check_one_line(run_into(scratch, "a", {"--extend", end}), "expected a later time");
  check_one_line(run_into(scratch, "a", {"--extend", "far"}), "--extend");
  check_one_line(run_into(scratch, "a", {"--extend", "100", "--set", "seed=4"}), "another config");
  check_one_line(call({"run", "study.toml", "--out", "a", "--extend", "100"}, scratch.path),
                 "for a single run");
  CHECK(contents(scratch / "a" / "result.nc") == result);
  run_well(scratch, "stopped", settings({"time.stop_train_loss=1e-2"}));
  std::vector<std::string> words = settings({"time.stop_train_loss=1e-2"});
  words.insert(words.end(), {"--extend", "100"});
  check_one_line(run_into(scratch, "stopped", words), "a condition ended");
  CHECK(run_into(scratch, "failed", settings({"solver.max_steps=5"})).code == 1);
  words = settings({"solver.max_steps=5"});
  words.insert(words.end(), {"--extend", "100"});
  check_one_line(run_into(scratch, "failed", words), "step_budget");
  for (const std::string ends : {"[40.0]", "[5.0, 2.0]", "[-1.0]"})
    check_one_line(call({"check", "run.toml", "--set", "time.earlier_ends=" + ends}, scratch.path),
                   "time.earlier_ends: has");
}
