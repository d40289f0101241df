#include "study/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/folder_lock.hpp"
#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "study/build_info.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
namespace fs = std::filesystem;

namespace {

struct StudyScratch : testing::Scratch {
  Config config(const std::string& text) const {
    std::ofstream(path / "c.toml") << text;
    return Config::load(path / "c.toml", {});
  }
  RunOptions options(const std::string& folder) const {
    RunOptions options;
    options.folder = path / folder;
    options.progress = ProgressMode::none;
    return options;
  }
};

/// The files of points of a folder, in order.
std::vector<fs::path> point_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / "points"))
    if (entry.path().extension() == ".points") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Where a point's values are in its file.
PointPlace place_of(const fs::path& folder, std::size_t number) {
  const PointFiles points(folder, "");
  REQUIRE(points.find(number) != nullptr);
  return *points.find(number);
}

/// Changes one byte of a file.
void damage(const fs::path& file, std::size_t at) {
  std::string bytes = read_text_file(file);
  bytes.at(at) = static_cast<char>(~bytes.at(at));
  write_file_atomically(file, bytes);
}

/// What a resume says of what it finds, in one text.
struct Said {
  std::string all;
  explicit Said(RunOptions& options) {
    options.resume = true;
    options.tell = [this](const std::string& line) { all += line + "\n"; };
  }
};

const std::string model =
    "[model]\nname = \"diagonal_linear_network\"\nsamples = 3\ndimension = 4\ntest_samples = 5\n";
const std::string run = model + "[time]\nend = 10\nsamples = 5\n";
const std::string study = run + "[study]\n\"flow.weight_decay\" = [0.1, 0.2, 0.4]\n";

}  // namespace

TEST_CASE("A run leaves its config, its resolved config and its result") {
  const StudyScratch scratch;
  const RunSummary summary = run_study(scratch.config(run), scratch.options("r"));
  CHECK(summary.points == 1);
  CHECK(summary.ran == 1);
  CHECK(summary.failed == 0);
  CHECK_FALSE(summary.interrupted);
  CHECK(summary.result == scratch.path / "r" / "result.nc");
  CHECK(fs::exists(scratch.path / "r" / "config.toml"));
  CHECK(fs::exists(scratch.path / "r" / "resolved.toml"));
  CHECK_FALSE(fs::exists(scratch.path / "r" / "points"));
  CHECK_FALSE(fs::exists(scratch.path / "r" / "processes.json"));
  CHECK_FALSE(fs::exists(scratch.path / "r" / FolderLock::file_name));
}

TEST_CASE("Finished points are not run again, missing ones are") {
  const StudyScratch scratch;
  const Config config = scratch.config(study);
  RunOptions options = scratch.options("s");
  CHECK(run_study(config, options).ran == 3);
  CHECK_THROWS_AS(run_study(config, options), FolderRefused);
  options.resume = true;
  RunSummary summary = run_study(config, options);
  CHECK(summary.ran == 0);
  CHECK(summary.already_complete);
  // A file that is gone takes its points with it.
  for (const fs::path& file : point_files(scratch.path / "s")) fs::remove(file);
  summary = run_study(config, options);
  CHECK(summary.ran == 3);
  // Points of another config are none of ours.
  const Config other = scratch.config(study + "seed = [1]\n");
  run_study(other, scratch.options("o"));
  for (const fs::path& file : point_files(scratch.path / "s")) fs::remove(file);
  fs::copy_file(point_files(scratch.path / "o").front(),
                scratch.path / "s" / "points" / "foreign.points");
  CHECK(run_study(config, options).ran == 3);
}

TEST_CASE(
    "An interruption before anything has run leaves nothing to show, and the folder resumes") {
  const StudyScratch scratch;
  const Config config = scratch.config(study);
  std::atomic<bool> stop{true};
  RunOptions options = scratch.options("s");
  options.interrupt = &stop;
  const RunSummary summary = run_study(config, options);
  CHECK(summary.interrupted);
  CHECK(summary.ran == 0);
  CHECK_FALSE(fs::exists(summary.result));
  stop = false;
  options.resume = true;
  const RunSummary rest = run_study(config, options);
  CHECK(rest.ran == 3);
  CHECK_FALSE(rest.interrupted);
  CHECK(fs::exists(rest.result));
}

TEST_CASE("Runs that share their limits as lambda -> 0 have the bits of runs by themselves") {
  const StudyScratch scratch;
  const std::string two_phases =
      model + "[time]\nend = 1\nsamples = 2\n[measure]\ntwo_phases = true\n";
  const auto errors = [&](const std::string& text, const std::string& folder, int jobs) {
    const Config config = scratch.config(text);
    RunOptions options = scratch.options(folder);
    options.jobs = jobs;
    CHECK(run_study(config, options).failed == 0);
    const Dataset data = read_netcdf(scratch.path / folder / "result.nc");
    std::vector<double> all;
    for (const char* name : {"fast_error", "slow_error", "composite_error"})
      for (const double error : data.values<double>(name)) all.push_back(error);
    return all;
  };
  const std::string axes = "[study]\nseed = [1, 2]\n\"flow.weight_decay\" = [0.1, 0.01]\n";
  const std::vector<double> shared = errors(two_phases + axes, "s", 1);
  CHECK(errors(two_phases + axes, "j", 3) == shared);
  REQUIRE(shared.size() == 12);
  for (std::size_t k = 0; k < 4; ++k) {
    const std::string alone = "seed = " + std::to_string(1 + k / 2) + "\n" + two_phases +
                              "[flow]\nweight_decay = " + (k % 2 == 0 ? "0.1" : "0.01") + "\n";
    const std::vector<double> single = errors(alone, "a" + std::to_string(k), 1);
    for (std::size_t e = 0; e < 3; ++e) CHECK(single[e] == shared[4 * e + k]);
  }
}

TEST_CASE("Failed points are counted, listed with their place, and kept") {
  const StudyScratch scratch;
  const Config config = scratch.config(model +
                                       "[time]\nend = 1e5\nsamples = 5\n[study]\n"
                                       "\"solver.max_steps\" = [2, 1000000]\nseed = [0, 1]\n");
  RunOptions options = scratch.options("s");
  const RunSummary first = run_study(config, options);
  options.resume = true;
  const RunSummary again = run_study(config, options);
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
  const StudyScratch scratch;
  const Config config = scratch.config(
      "[model]\nname = \"linear_regression\"\n[flow]\nkind = \"gradient_descent\"\n"
      "[time]\nend = 10\nsamples = 2\n[solver]\nmax_wall_seconds = 0.05\n[study]\n"
      "\"flow.step\" = [1e-2, 1e-9]\n");
  RunOptions options = scratch.options("s");
  CHECK(run_study(config, options).failed == 1);
  options.resume = true;
  const RunSummary again = run_study(config, options);
  CHECK(again.ran == 1);
  CHECK(again.failed == 1);
  const Dataset data = read_netcdf(again.result);
  CHECK(data.values<std::int32_t>("status") == std::vector<std::int32_t>{0, 5});
}

TEST_CASE("A folder that another writer holds is refused without a trace") {
  const StudyScratch scratch;
  fs::create_directories(scratch.path / "r");
  const FolderLock lock(scratch.path / "r");
  CHECK_THROWS_AS(run_study(scratch.config(run), scratch.options("r")), FolderBusy);
  CHECK(std::distance(fs::directory_iterator(scratch.path / "r"), fs::directory_iterator()) == 1);
}

TEST_CASE(
    "Variables that only some points have are missing in the others, with their meaning kept") {
  const StudyScratch scratch;
  const Config config = scratch.config(run +
                                       "[study]\n\"output.parameters\" = [false, true]\n"
                                       "\"flow.weight_decay\" = [0, 0.5]\n");
  run_study(config, scratch.options("s"));
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

TEST_CASE("Damaged points run again, and one line says how many they are") {
  const StudyScratch scratch;
  const Config config = scratch.config(study);
  RunOptions options = scratch.options("s");
  run_study(config, options);
  fs::copy_file(scratch.path / "s" / "result.nc", scratch.path / "whole.nc");
  // A byte of a number in one, and the end of the file cut off, in the middle of the last.
  const fs::path file = point_files(scratch.path / "s").front();
  const PointPlace first = place_of(scratch.path / "s", 0), last = place_of(scratch.path / "s", 2);
  damage(file, first.offset + first.length / 2);
  fs::resize_file(file, last.offset + last.length / 2);
  Said said(options);
  CHECK(run_study(config, options).ran == 2);
  CHECK(said.all ==
        "1 of the stored points' records is damaged (by their checksums): what they held runs "
        "again\n");
  CHECK(testing::differences(scratch.path / "whole.nc", scratch.path / "s" / "result.nc").empty());
  said.all.clear();
  CHECK(run_study(config, options).already_complete);
  CHECK(said.all.empty());

  // A damaged result is put together again, without a run.
  damage(scratch.path / "s" / "result.nc", 5000);
  CHECK(run_study(config, options).ran == 0);
  CHECK(said.all ==
        (scratch.path / "s" / "result.nc").string() + " is damaged: it is put together again\n");
  CHECK(testing::differences(scratch.path / "whole.nc", scratch.path / "s" / "result.nc").empty());
}

TEST_CASE("A damaged result of a single run is run again; another program's is refused") {
  const StudyScratch scratch;
  const Config config = scratch.config(run);
  RunOptions options = scratch.options("r");
  run_study(config, options);
  const fs::path result = scratch.path / "r" / "result.nc";
  fs::copy_file(result, scratch.path / "whole.nc");
  Said said(options);
  damage(result, 5000);
  CHECK(run_study(config, options).ran == 1);
  CHECK(said.all == result.string() + " is damaged (by its checksum): it runs again\n");
  CHECK(testing::differences(scratch.path / "whole.nc", result).empty());

  // As a program leaves it that adds a variable: NetCDF, without our checksum.
  const std::string bytes = read_text_file(result);
  const std::string foreign = bytes.substr(0, bytes.size() - 32);
  write_file_atomically(result, foreign);
  CHECK_THROWS_AS(run_study(config, options), FolderRefused);
  CHECK(read_text_file(result) == foreign);
  fs::remove(result);
  fs::create_directory(result);
  CHECK_THROWS_AS(run_study(config, options), FileError);
}

TEST_CASE("Where resolved.toml is damaged, the results beside it say whose the folder is") {
  const StudyScratch scratch;
  const Config config = scratch.config(study);
  RunOptions options = scratch.options("s");
  run_study(config, options);
  const fs::path mark = scratch.path / "s" / "resolved.toml";
  const std::string good = read_text_file(mark);
  Said said(options);
  damage(mark, good.size() / 2);
  CHECK(run_study(config, options).ran == 0);
  CHECK(read_text_file(mark) == good);
  CHECK(said.all ==
        mark.string() + " was damaged: written anew, since results beside it are of this config\n");
  // Of another config it says so; and damaged, with nothing of this config beside it, it is
  // refused.
  const auto refusal = [&](const Config& other) -> std::string {
    try {
      run_study(other, options);
    } catch (const FolderRefused& error) {
      return error.what();
    }
    return "";
  };
  const Config other = scratch.config(study + "seed = [1]\n");
  CHECK(refusal(other).find("results of another config") != std::string::npos);
  damage(mark, 5);
  CHECK(refusal(other).find("resolved.toml is damaged") != std::string::npos);
}

TEST_CASE(
    "Points of another build are told of, and the result names every build and whose is what") {
  const StudyScratch scratch;
  const Config config = scratch.config(study);
  RunOptions options = scratch.options("s");
  run_study(config, options);
  const auto attribute = [&] {
    const Dataset whole = read_netcdf(scratch.path / "s" / "result.nc");
    return std::get<std::string>(find_attribute(whole.attributes(), "gradflow_commit")->value);
  };
  std::string own;
  for (const auto& [name, text] : build_info())
    if (name == "gradflow_commit") own = text;
  CHECK(attribute() == own);
  CHECK(read_netcdf(scratch.path / "s" / "result.nc").find("build") == nullptr);

  // As a binary of another commit would have left the second.
  const PointPlace second = place_of(scratch.path / "s", 1);
  const Dataset data = PointFiles(scratch.path / "s", "").read(second);
  const std::string fingerprint = config.fingerprint();
  const std::string key = second.key;
  PointMaker other = this_maker(fingerprint);
  for (auto& [name, text] : other.build)
    if (name == "gradflow_commit") text = "0123456789ab";
  for (const fs::path& file : point_files(scratch.path / "s")) fs::remove(file);
  {
    PointWriter writer(scratch.path / "s", other);
    writer.put(1, key, data, Status::ok, 0.1);
  }
  fs::remove(scratch.path / "s" / "result.nc");
  Said said(options);
  CHECK(run_study(config, options).ran == 2);
  CHECK(said.all ==
        "1 of 3 points were computed by another build (gradflow_commit 0123456789ab)\n");
  CHECK(attribute() == own + "; 0123456789ab");
  CHECK(attribute().find("0123456789ab") != std::string::npos);
  const Dataset whole = read_netcdf(scratch.path / "s" / "result.nc");
  const Variable* build = whole.find("build");
  REQUIRE(build != nullptr);
  CHECK(build->dimensions == std::vector<std::string>{"weight_decay"});
  CHECK(whole.values<std::string>("build") ==
        std::vector<std::string>{"gradflow_commit " + own, "gradflow_commit 0123456789ab",
                                 "gradflow_commit " + own});
}
