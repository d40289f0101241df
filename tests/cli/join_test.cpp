#include <sys/resource.h>

#include <memory>

#include "numerics/random.hpp"
#include "study/point_files.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/cli/results.hpp"
#include "tests/cli/waiting.hpp"
#include "tests/sanitizer.hpp"

using namespace gradflow;
using namespace gradflow::testing;

/// Studies of many processes: joined, cut into shards, killed, short of memory, of disk and of
/// locks.
namespace {

const std::string study = small_study(12);

std::vector<pid_t> children(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) +
                   "/children");
  std::vector<pid_t> all;
  for (pid_t child = 0; in >> child;) all.push_back(child);
  return all;
}

/// SIGTERM has a handler there, or the process is over.
bool takes_signals(const Process& process) {
  std::ifstream in("/proc/" + std::to_string(process.id()) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("State:\tZ")) return true;
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (SIGTERM - 1) & 1) != 0;
  }
  return false;
}

std::unique_ptr<Process> start(const std::vector<std::string>& arguments, const fs::path& folder) {
  return std::make_unique<Process>(GRADFLOW_BINARY, arguments, folder);
}

}  // namespace

TEST_CASE("Joined processes share a study: each point is run once, and one writes the result") {
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  std::vector<std::unique_ptr<Process>> all;
  for (int k = 0; k < 3; ++k)
    all.push_back(
        start({"run", "study.toml", "--out", "joined", "--join", "--quiet"}, scratch.path));
  int paths = 0;
  for (const auto& process : all) {
    CHECK(process->wait() == 0);
    paths += last_line(process->out()) == "joined/result.nc" ? 1 : 0;
    CHECK((process->out().empty() || last_line(process->out()) == "joined/result.nc"));
  }
  CHECK(paths == 1);
  CHECK(content_hash(scratch / "joined") == content_hash(scratch / "whole"));
  const PointFiles points(scratch / "joined", "");
  std::size_t records = 0;
  for (const PointFiles::File& file : points.files()) records += file.points;
  CHECK(records == 60);
  CHECK_FALSE(fs::exists(scratch / "joined" / ".lock"));
  // Who comes later finds it done; alone, one goes on with --resume only.
  const Finished later =
      call_ok({"run", "study.toml", "--out", "joined", "--join", "--quiet"}, scratch.path);
  CHECK(last_line(later.out) == "joined/result.nc");
  check_one_line(call({"run", "study.toml", "--out", "joined"}, scratch.path), "--resume");
}

TEST_CASE("Joined processes that are killed leave their points to the others") {
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  RandomStream moments(7, "kills");
  const int rounds = repetitions(12, 3);
  for (int round = 0; round < rounds; ++round) {
    const std::string folder = "joined" + std::to_string(round);
    std::vector<std::unique_ptr<Process>> all;
    for (int k = 0; k < 3; ++k)
      all.push_back(
          start({"run", "study.toml", "--out", folder, "--join", "--quiet"}, scratch.path));
    const std::size_t until = 1 + moments.below(49);
    // The points may be the others', while this one has not begun.
    REQUIRE(wait_for(
        [&] { return points_of(scratch / folder) >= until && takes_signals(*all.front()); }));
    all.front()->send(round % 2 == 0 ? SIGKILL : SIGTERM);
    const int code = all.front()->wait();
    CAPTURE(round, code);
    CHECK((code == 0 || code == (round % 2 == 0 ? -SIGKILL : 130)));
    for (int k = 1; k < 3; ++k) CHECK(all[static_cast<std::size_t>(k)]->wait() == 0);
    CHECK(content_hash(scratch / folder) == content_hash(scratch / "whole"));
  }
}

TEST_CASE("A study that is killed at random, its workers, or all of it, comes to the same hash") {
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  RandomStream moments(8, "kills of parts");
  const int rounds = repetitions(24, 6);
  for (int round = 0; round < rounds; ++round) {
    const std::string jobs = round % 2 == 0 ? "1" : "2";
    const int signal = round % 4 < 2 ? SIGKILL : SIGTERM;
    const std::string folder = "cut" + std::to_string(round);
    const auto process =
        start({"run", "study.toml", "--out", folder, "--resume", "--quiet", "--jobs", jobs},
              scratch.path);
    const std::size_t until = 1 + moments.below(49);  // from where it takes signals
    REQUIRE(wait_for([&] { return points_of(scratch / folder) >= until; }));
    if (round % 3 == 0) {
      process->send(signal);
    } else if (const std::vector<pid_t> workers = children(process->id()); !workers.empty()) {
      ::kill(workers[moments.below(workers.size())], signal);
    }
    const int code = process->wait();
    CAPTURE(round, code, process->err());
    if (round % 3 == 0)
      CHECK((code == 0 || code == (signal == SIGKILL ? -SIGKILL : 130)));
    else
      CHECK(code == 0);  // a worker that dies costs no more than time
    call_ok({"run", "study.toml", "--out", folder, "--resume", "--quiet"}, scratch.path);
    CHECK(content_hash(scratch / folder) == content_hash(scratch / "whole"));
    fs::remove_all(scratch / folder);
  }
}

TEST_CASE("Workers end with the process that began them") {
  const Scratch scratch;
  scratch.write("long.toml",
                "[model]\nname = \"linear_regression\"\n[flow]\nkind = "
                "\"gradient_descent\"\nstep = 1e-9\n[time]\nend = 10\nsamples = 2\n"
                "[study]\nseed = [0, 1]\n");
  const auto process =
      start({"run", "long.toml", "--out", "r", "--jobs", "2", "--quiet"}, scratch.path);
  std::vector<pid_t> workers;
  REQUIRE(wait_for([&] { return (workers = children(process->id())).size() == 2; }));
  process->send(SIGKILL);
  process->wait();
  for (const pid_t worker : workers) CHECK(wait_for([&] { return ::kill(worker, 0) != 0; }, 5));
  // And the folder is free at once.
  const auto again = start({"run", "long.toml", "--out", "r", "--resume", "--quiet"}, scratch.path);
  REQUIRE(wait_for([&] { return children(again->id()).size() == 1; }));
  again->send(SIGTERM);
  CHECK(again->wait() == 130);
}

TEST_CASE("A point whose worker dies twice is marked, and the others are done") {
  const Scratch scratch;
  // The last point would take hours.
  scratch.write("study.toml",
                "[model]\nname = \"linear_regression\"\n[flow]\nkind = "
                "\"gradient_descent\"\n[time]\nend = 10\nsamples = 2\n"
                "[study]\n\"flow.step\" = [1e-2, 2e-2, 1e-9]\n");
  for (const int signal : {SIGSEGV, SIGKILL}) {
    if (sanitized && signal == SIGSEGV) continue;  // a sanitizer makes an exit of it
    const std::string folder = "r" + std::to_string(signal);
    const auto process = start({"run", "study.toml", "--out", folder}, scratch.path);
    std::vector<pid_t> before;
    for (int death = 0; death < 2; ++death) {
      std::vector<pid_t> workers;
      REQUIRE(wait_for([&] {
        workers = children(process->id());
        return points_of(scratch / folder) == 2 && workers.size() == 1 && workers != before;
      }));
      before = workers;
      sleep_milliseconds(100);  // for it to begin
      ::kill(workers.front(), signal);
    }
    CHECK(process->wait() == 1);
    const Dataset data = read_netcdf(scratch / folder / "result.nc");
    CHECK(data.values<std::int32_t>("status") ==
          std::vector<std::int32_t>{0, 0, signal == SIGSEGV ? 15 : 14});
    CHECK(data.values<std::string>("message").back().find(
              "died twice, of signal " + std::to_string(signal)) != std::string::npos);
  }
}

TEST_CASE("A point that needs more memory than it may take is marked, and the others go on") {
  const Scratch scratch;
  scratch.write("study.toml",
                "[model]\nname = \"two_layer_network\"\nactivation = \"tanh\"\n"
                "[solver]\nlinear = \"dense\"\nmethod = \"cvode\"\n[time]\nend = 1e-3\n"
                "samples = 2\n[study]\n\"model.width\" = [3, 6000, 5]\n");
  const Finished limited = call(
      {"run", "study.toml", "--out", "r", "--set", "solver.max_memory=1000000000"}, scratch.path);
  INFO(limited.err);
  if (!sanitized) {
    CHECK(limited.code == 1);
    const Dataset data = read_netcdf(scratch / "r" / "result.nc");
    const auto& status = data.values<std::int32_t>("status");
    CHECK(status[0] == 0);
    CHECK(status[1] != 0);
    CHECK(status[2] == 0);
  }
  check_one_line(
      call({"run", "study.toml", "--out", "s", "--set", "solver.max_memory=1000"}, scratch.path),
      "solver.max_memory: is 1000, expected 0 or at least");
  check_one_line(call({"check", "study.toml", "--set", "solver.max_memory=1000"}, scratch.path),
                 "the program takes nearly so much");
}

TEST_CASE("A disk that is full ends a study with one line, and it goes on where there is room") {
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  // A limit on the size of files stands for it: 40 blocks of 512 bytes.
  const Finished full = run_program(
      "/bin/sh",
      {"-c", std::string("ulimit -f 40; exec ") + GRADFLOW_BINARY + " run study.toml --out r"},
      scratch.path);
  check_one_line(full, "File too large");
  call_ok({"run", "study.toml", "--out", "r", "--resume", "--quiet"}, scratch.path);
  CHECK(content_hash(scratch / "r") == content_hash(scratch / "whole"));
}

TEST_CASE("Budgets are no part of what a study is: with a larger one it goes on") {
  const Scratch scratch;
  scratch.write("study.toml",
                "[model]\nname = \"linear_regression\"\n[flow]\nkind = "
                "\"gradient_descent\"\n[time]\nend = 10\nsamples = 2\n[solver]\n"
                "max_wall_seconds = 0.02\n[study]\n\"flow.step\" = [1e-2, 2e-6]\n");
  CHECK(call({"run", "study.toml", "--out", "r", "--quiet"}, scratch.path).code == 1);
  const Finished more = call_ok({"run", "study.toml", "--out", "r", "--resume", "--quiet", "--set",
                                 "solver.max_wall_seconds=1000"},
                                scratch.path);
  CHECK(read_netcdf(scratch / "r" / "result.nc").values<std::int32_t>("status") ==
        std::vector<std::int32_t>{0, 0});
}

TEST_CASE("Where no lock is to be had a study runs all the same, and says so once") {
  if (sanitized) return;  // a sanitizer's own library wants to come before any other
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  for (const std::string error : {"37", "38", "95"}) {
    const std::vector<std::string> words{"LD_PRELOAD=" + std::string(GRADFLOW_NO_LOCKS),
                                         "NO_LOCKS_ERRNO=" + error,
                                         GRADFLOW_BINARY,
                                         "run",
                                         "study.toml",
                                         "--out"};
    std::vector<std::string> alone = words, joined = words;
    alone.insert(alone.end(), {"alone" + error});
    joined.insert(joined.end(), {"joined" + error, "--join"});
    const Finished one = run_program("/usr/bin/env", alone, scratch.path);
    INFO(one.err);
    CHECK(one.code == 0);
    CHECK(one.err.find("has no locks") != std::string::npos);
    Process first("/usr/bin/env", joined, scratch.path);
    Process second("/usr/bin/env", joined, scratch.path);
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
    for (const std::string folder : {"alone", "joined"})
      CHECK(content_hash(scratch / (folder + error)) == content_hash(scratch / "whole"));
    const PointFiles points(scratch / ("joined" + error), "");
    std::size_t records = 0;
    for (const PointFiles::File& file : points.files()) records += file.points;
    CHECK(records <= 120);
  }
}

TEST_CASE("The status of a study says what is done, what runs, and who is at work") {
  const Scratch scratch;
  scratch.write("study.toml",
                "[model]\nname = \"linear_regression\"\n[flow]\nkind = "
                "\"gradient_descent\"\n[time]\nend = 1e3\nsamples = 2\n"
                "[study]\n\"flow.step\" = [1e-2, 1, 2e-9, 3e-9]\n");
  const auto process =
      start({"run", "study.toml", "--out", "r", "--jobs", "2", "--quiet"}, scratch.path);
  Finished status{};
  REQUIRE(wait_for([&] {
    status = call({"status", "r", "--json"}, scratch.path);
    const auto says = [&](const char* word) { return status.out.find(word) != std::string::npos; };
    return says("\"done\": 1,\n  \"failed\": 1,\n  \"running\": 2,\n");
  }));
  for (const std::string word :
       {"\"points\": 4,", "\"done\": 1,", "\"failed\": 1,", "\"missing\": 0,", "\"alive\": true",
        "\"not_finite\": 1", "\"result\": \"none\"", "step = 2e-09"}) {
    CAPTURE(word, status.out);
    CHECK(status.out.find(word) != std::string::npos);
  }
  process->send(SIGTERM);
  CHECK(process->wait() == 130);
  status = call_ok({"status", "r"}, scratch.path);
  CHECK(status.out.find("1 done, 1 failed, 0 running, 2 missing") != std::string::npos);
  CHECK(status.out.find("result    partial") != std::string::npos);
}

TEST_CASE("Points that are expected to be long are begun first") {
  const Scratch scratch;
  // The last value takes some fifty times as long as the others.
  scratch.write("study.toml",
                "[model]\nname = \"linear_regression\"\n[flow]\nkind = "
                "\"gradient_descent\"\n[time]\nend = 10\nsamples = 2\n"
                "[study]\nseed = { count = 6 }\n\"flow.step\" = [1e-2, 2e-2, 2e-6]\n");
  auto process = start({"run", "study.toml", "--out", "r", "--quiet"}, scratch.path);
  REQUIRE(wait_for([&] { return points_of(scratch / "r") >= 4; }));
  process->send(SIGTERM);
  CHECK(process->wait() == 130);
  process = start({"run", "study.toml", "--out", "r", "--quiet", "--resume"}, scratch.path);
  std::string running;
  REQUIRE(wait_for([&] {
    const Finished status = call({"status", "r", "--json"}, scratch.path);
    const std::size_t at = status.out.find("seed = ");
    if (at != std::string::npos) running = status.out.substr(at, status.out.find('"', at) - at);
    return at != std::string::npos;
  }));
  CHECK(running.find("step = 2e-06") != std::string::npos);
  process->send(SIGTERM);
  process->wait();
}

TEST_CASE("What joining, collecting, reusing and asking cannot take is refused, nothing touched") {
  const Scratch scratch;
  scratch.write("study.toml", study);
  scratch.write("run.toml", small_run);
  scratch.write("other.toml", small_run + "[study]\nseed = [0, 1]\n");
  for (const std::string shard : {"3/3", "1/0", "-1/3", "a/b", "1", "1/", "/2", "1/2/3"})
    check_one_line(call({"run", "study.toml", "--out", "new", "--shard=" + shard}, scratch.path),
                   "--shard is \"" + shard + "\", expected K/N");
  check_one_line(call({"run", "run.toml", "--out", "new", "--join"}, scratch.path),
                 "nothing to join");
  check_one_line(call({"run", "study.toml", "--out", "new", "--jobs", "many"}, scratch.path),
                 "auto");
  for (const std::string folder : {"none", "run.toml", "."}) {
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {"run", "study.toml", "--out", "new", "--reuse", folder},
             {"collect", folder},
             {"status", folder}})
      check_one_line(call(arguments, scratch.path), folder);
  }
  CHECK_FALSE(fs::exists(scratch / "new"));
  call_ok({"run", "study.toml", "--out", "s", "--quiet"}, scratch.path);
  call_ok({"run", "other.toml", "--out", "o", "--quiet"}, scratch.path);
  check_one_line(call({"collect", "s", "o"}, scratch.path), "another study");
  scratch.write("o/points/000001.nc", "");
  check_one_line(call({"collect", "s", "o"}, scratch.path), "gradflow 0.2");
  check_one_line(call({"run", "study.toml", "--out", "new", "--reuse", "o"}, scratch.path),
                 "gradflow 0.2");
  check_one_line(call({"run", "other.toml", "--out", "o", "--join"}, scratch.path), "gradflow 0.2");
}

TEST_CASE("Ranks that mpirun starts share a study, and one that is killed is not missed") {
  const std::string mpirun = "/usr/bin/mpirun";
  if (!fs::exists(mpirun)) {
    WARN("skipped: there is no " + mpirun);
    return;
  }
  const Scratch scratch;
  scratch.write("study.toml", study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  const std::vector<std::string> launch{"--allow-run-as-root",
                                        "--oversubscribe",
                                        "--enable-recovery",
                                        "-n",
                                        "3",
                                        GRADFLOW_BINARY,
                                        "run",
                                        "study.toml",
                                        "--quiet",
                                        "--out"};
  std::vector<std::string> words = launch;
  words.emplace_back("all");
  const Finished all = run_program(mpirun, words, scratch.path);
  INFO(all.err);
  CHECK(all.code == 0);
  CHECK(all.out == "all/result.nc\n");
  CHECK(content_hash(scratch / "all") == content_hash(scratch / "whole"));
  words = launch;
  words.emplace_back("killed");
  Process process(mpirun, words, scratch.path);
  std::vector<pid_t> ranks;
  REQUIRE(wait_for([&] {
    ranks = children(process.id());
    return ranks.size() == 3 && points_of(scratch / "killed") >= 5;
  }));
  ::kill(ranks.front(), SIGKILL);
  process.wait();
  CHECK(points_of(scratch / "killed") == 60);
  CHECK(content_hash(scratch / "killed") == content_hash(scratch / "whole"));
}
