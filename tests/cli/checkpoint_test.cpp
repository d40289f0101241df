#include <chrono>
#include <thread>

#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// Millions of iterations, with their state on disk many times before the end.
const std::string long_run = R"([model]
name = "linear_regression"
[flow]
kind = "gradient_descent"
step = 1e-3
[time]
end = 3000
samples = 50
[output]
checkpoint_seconds = 0.05
)";

const std::vector<std::string> resume{"run", "run.toml", "--out", "cut", "--resume"};

fs::path state_of(const Scratch& scratch) {
  return scratch / "cut" / "parts" / "000000" / "run.part";
}

/// Waits until a state later than the one of `before` is on disk; false where the run ended first.
bool wait_for_state(const Scratch& scratch, const std::string& before) {
  for (int k = 0; k < 60'000; ++k) {
    if (fs::exists(state_of(scratch)) && contents(state_of(scratch)) != before) return true;
    if (fs::exists(scratch / "cut" / "result.nc")) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace

TEST_CASE("A single run that is killed goes on from its last state, says where, to the same bits") {
  const Scratch scratch;
  scratch.write("run.toml", long_run);
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  CHECK(fs::exists(scratch / "whole" / "parts" / "000000" / "run.part"));  // for --extend
  std::string before;
  for (int kill = 0; kill < 2; ++kill) {
    Process process(GRADFLOW_BINARY, resume, scratch.path);
    REQUIRE(wait_for_state(scratch, before));
    process.send(SIGKILL);
    CHECK(process.wait() == -SIGKILL);
    before = contents(state_of(scratch));
  }
  // What there is of it is a start for another.
  scratch.write("next.toml",
                "[model]\nname = \"linear_regression\"\ninitial = \"cut\"\n"
                "[time]\nend = 1\n");
  call_ok({"run", "next.toml"}, scratch.path);
  const double start =
      read_netcdf(scratch / "results" / "next" / "result.nc").values<double>("norm").front();
  CHECK(start > 0.1);
  const Finished rest = call_ok(resume, scratch.path);
  INFO(rest.err);
  CHECK(rest.err.find("run: goes on at t = ") == 0);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
}

TEST_CASE("A damaged state is not believed: the run begins anew") {
  const Scratch scratch;
  scratch.write("run.toml", long_run);
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  Process process(GRADFLOW_BINARY, resume, scratch.path);
  REQUIRE(wait_for_state(scratch, ""));
  process.send(SIGKILL);
  process.wait();
  std::string bytes = contents(state_of(scratch));
  bytes.at(bytes.size() / 2) = static_cast<char>(~bytes.at(bytes.size() / 2));
  std::ofstream(state_of(scratch), std::ios::binary) << bytes;
  const Finished rest = call_ok(resume, scratch.path);
  CHECK(rest.err.find("goes on at") == std::string::npos);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
}

TEST_CASE("A run that uses up solver.max_wall_seconds goes on with as many more") {
  const Scratch scratch;
  scratch.write("run.toml", long_run);
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  scratch.write("run.toml", long_run + "[solver]\nmax_wall_seconds = 0.1\n");
  int calls = 1;
  while (call(resume, scratch.path).code == 1 && calls < 1000) ++calls;
  CHECK(calls > 1);
  CHECK(calls < 1000);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
}

TEST_CASE("Interrupted by SIGTERM, a run leaves its state and the result so far") {
  const Scratch scratch;
  scratch.write("run.toml", long_run);
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  Process process(GRADFLOW_BINARY, resume, scratch.path);
  REQUIRE(wait_for_state(scratch, ""));
  process.send(SIGTERM);
  CHECK(process.wait() == 130);
  const Dataset cut = read_netcdf(scratch / "cut" / "result.nc");
  CHECK(cut.values<std::int32_t>("status").front() == 9);
  const Finished rest = call_ok(resume, scratch.path);
  CHECK(rest.err.find("run: goes on at t = ") == 0);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
}

TEST_CASE("A point of a study goes on from its state as a single run does") {
  const Scratch scratch;
  scratch.write("run.toml", long_run + "[study]\nseed = [3, 4]\n");
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  Process process(GRADFLOW_BINARY, resume, scratch.path);
  REQUIRE(wait_for_state(scratch, ""));
  process.send(SIGKILL);
  process.wait();
  call_ok(resume, scratch.path);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
}

TEST_CASE("A run that began anew and was cut sooner leaves the result that came further") {
  const Scratch scratch;
  scratch.write("run.toml", long_run + "[solver]\nmax_wall_seconds = 0.05\n");
  const std::vector<std::string> without{
      "run", "run.toml", "--out", "r", "--resume", "--set", "output.checkpoint_seconds=0"};
  CHECK(call(without, scratch.path).code == 1);
  const auto end = [&] {
    return read_netcdf(scratch / "r" / "result.nc").values<double>("end_time").front();
  };
  const double reached = end();
  CHECK(reached > 0);
  std::vector<std::string> shorter = without;
  shorter.insert(shorter.end(), {"--set", "solver.max_wall_seconds=1e-9"});
  CHECK(call(shorter, scratch.path).code == 1);
  CHECK(end() == reached);
}
