#include "study/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "study/folder_lock.hpp"
#include "study/netcdf_file.hpp"
#include "tests/catch.hpp"

using namespace gradflow;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  fs::path path =
      fs::temp_directory_path() / ("gradflow-runner-test-" + std::to_string(::getpid()));
  Scratch() { fs::create_directories(path); }
  ~Scratch() { fs::remove_all(path); }

  Config config(const std::string& text) const {
    std::ofstream(path / "c.toml") << text;
    return Config::load(path / "c.toml", {});
  }
  RunOptions options(const std::string& folder) const {
    RunOptions options;
    options.folder = path / folder;
    options.quiet = true;
    return options;
  }
};

const std::string model =
    "[model]\nname = \"diagonal_linear_network\"\nsamples = 3\ndimension = 4\ntest_samples = 5\n";
const std::string run = model + "[time]\nend = 10\nsamples = 5\n";
const std::string study = run + "[study]\n\"flow.weight_decay\" = [0.1, 0.2, 0.4]\n";

}  // namespace

TEST_CASE("A run leaves its config, its resolved config and its result") {
  const Scratch scratch;
  const RunSummary summary = run_config(scratch.config(run), scratch.options("r"));
  CHECK(summary.points == 1);
  CHECK(summary.ran == 1);
  CHECK(summary.failed == 0);
  CHECK_FALSE(summary.interrupted);
  CHECK(summary.result == scratch.path / "r" / "result.nc");
  CHECK(fs::exists(scratch.path / "r" / "config.toml"));
  CHECK(fs::exists(scratch.path / "r" / "resolved.toml"));
  CHECK_FALSE(fs::exists(scratch.path / "r" / "points"));
  CHECK_FALSE(fs::exists(scratch.path / "r" / FolderLock::file_name));
}

TEST_CASE("Finished points are not run again, missing ones are") {
  const Scratch scratch;
  const Config config = scratch.config(study);
  RunOptions options = scratch.options("s");
  CHECK(run_config(config, options).ran == 3);
  CHECK_THROWS_AS(run_config(config, options), FolderRefused);
  options.resume = true;
  RunSummary summary = run_config(config, options);
  CHECK(summary.ran == 0);
  CHECK(summary.already_complete);
  fs::remove(scratch.path / "s" / "points" / "000001.nc");
  summary = run_config(config, options);
  CHECK(summary.ran == 1);
  // A point of another config (its fingerprint differs) is none of ours.
  const Config other = scratch.config(study + "seed = [1]\n");
  run_config(other, scratch.options("o"));
  fs::copy_file(scratch.path / "o" / "points" / "000002.nc",
                scratch.path / "s" / "points" / "000002.nc", fs::copy_options::overwrite_existing);
  CHECK(run_config(config, options).ran == 1);
}

TEST_CASE(
    "An interruption before anything has run leaves nothing to show, and the folder resumes") {
  const Scratch scratch;
  const Config config = scratch.config(study);
  std::atomic<bool> stop{true};
  RunOptions options = scratch.options("s");
  options.interrupt = &stop;
  const RunSummary summary = run_config(config, options);
  CHECK(summary.interrupted);
  CHECK(summary.ran == 0);
  CHECK_FALSE(fs::exists(summary.result));
  stop = false;
  options.resume = true;
  const RunSummary rest = run_config(config, options);
  CHECK(rest.ran == 3);
  CHECK_FALSE(rest.interrupted);
  CHECK(fs::exists(rest.result));
}

TEST_CASE("Failed points are counted, listed with their place, and kept") {
  const Scratch scratch;
  const Config config = scratch.config(model +
                                       "[time]\nend = 1e5\nsamples = 5\n[study]\n"
                                       "\"solver.max_steps\" = [2, 1000000]\nseed = [0, 1]\n");
  RunOptions options = scratch.options("s");
  const RunSummary first = run_config(config, options);
  options.resume = true;
  const RunSummary again = run_config(config, options);
  for (const RunSummary& summary : {first, again}) {
    CHECK(summary.failed == 2);
    REQUIRE(summary.notes.size() == 2);
    CHECK(summary.notes[0].where == "max_steps = 2, seed = 0");
    CHECK(summary.notes[1].where == "max_steps = 2, seed = 1");
    CHECK(summary.notes[0].status == Status::step_budget);
    CHECK_FALSE(summary.notes[0].message.empty());
  }
  CHECK(again.ran == 0);
}

TEST_CASE("Points that ran out of wall time run again on resume") {
  const Scratch scratch;
  const Config config = scratch.config(
      "[model]\nname = \"linear_regression\"\n[flow]\nkind = \"gradient_descent\"\n"
      "[time]\nend = 10\nsamples = 2\n[solver]\nmax_wall_seconds = 0.05\n[study]\n"
      "\"flow.step\" = [1e-2, 1e-9]\n");
  RunOptions options = scratch.options("s");
  CHECK(run_config(config, options).failed == 1);
  options.resume = true;
  const RunSummary again = run_config(config, options);
  CHECK(again.ran == 1);
  CHECK(again.failed == 1);
  const Dataset data = read_netcdf(again.result);
  CHECK(data.values<std::int32_t>("status") == std::vector<std::int32_t>{0, 5});
}

TEST_CASE("A folder that another writer holds is refused without a trace") {
  const Scratch scratch;
  fs::create_directories(scratch.path / "r");
  const FolderLock lock(scratch.path / "r");
  CHECK_THROWS_AS(run_config(scratch.config(run), scratch.options("r")), FolderBusy);
  CHECK(std::distance(fs::directory_iterator(scratch.path / "r"), fs::directory_iterator()) == 1);
}

TEST_CASE(
    "Variables that only some points have are missing in the others, with their meaning kept") {
  const Scratch scratch;
  const Config config = scratch.config(run +
                                       "[study]\n\"output.parameters\" = [false, true]\n"
                                       "\"flow.weight_decay\" = [0, 0.5]\n");
  run_config(config, scratch.options("s"));
  const Dataset data = read_netcdf(scratch.path / "s" / "result.nc");
  // `parameters` is a variable, so the axis takes its whole key.
  CHECK(data.find("output.parameters") != nullptr);
  const Variable* parameters = data.find("parameters");
  REQUIRE(parameters != nullptr);
  CHECK(parameters->dimensions ==
        std::vector<std::string>{"output.parameters", "weight_decay", "time", "parameter"});
  const auto& values = data.values<double>("parameters");
  CHECK(std::all_of(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                    [](double x) { return std::isnan(x); }));
  CHECK(std::none_of(values.begin() + static_cast<long>(values.size() / 2), values.end(),
                     [](double x) { return std::isnan(x); }));
  const auto& slow = data.values<double>("slow_time");  // only where there is a decay
  CHECK(std::isnan(slow[0]));
  CHECK(slow.back() == 5);
  CHECK(find_attribute(data.find("slow_time")->attributes, "long_name") != nullptr);
}
