#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "numerics/random.hpp"
#include "study/point_files.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/cli/results.hpp"
#include "tests/cli/waiting.hpp"
#include "tests/sanitizer.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

const std::string resume_study = small_study(10);

/// Steps of gradient descent: about a second for a million.
std::string descent(const std::string& end) {
  return "[model]\nname = \"linear_regression\"\n[flow]\nkind = \"gradient_descent\"\nstep = 1e-3\n"
         "[time]\nend = " +
         end + "\nsamples = 50\n";
}

/// How long every finished point took, to the last bit: a point that ran again took another time.
using Times = std::map<std::size_t, double>;

Times times_of(const fs::path& folder) {
  Times all;
  const PointFiles points(folder, "");
  for (const auto& [number, place] : points.points())
    if (is_final(place.status)) all[number] = place.seconds;
  return all;
}

std::size_t points_on_disk(const fs::path& folder) {
  return times_of(folder).size();
}

bool includes(const Times& all, const Times& part) {
  return std::all_of(part.begin(), part.end(), [&](const auto& entry) {
    const auto found = all.find(entry.first);
    return found != all.end() && found->second == entry.second;
  });
}

}  // namespace

TEST_CASE("A study killed at twenty random moments resumes to the same bits, no point run twice") {
  const Scratch scratch;
  scratch.write("study.toml", resume_study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  RandomStream moments(20, "moments");
  int cut_in_the_middle = 0;
  const int folders = repetitions(20, 4);
  for (int k = 0; k < folders; ++k) {
    const std::string folder = "cut" + std::to_string(k);
    const std::string jobs = k % 2 == 0 ? "1" : "2";
    // Some are killed two or three times before they come to an end.
    const int kills = 1 + static_cast<int>(moments.below(4)) / 2;
    Times before;
    for (int kill = 0; kill < kills; ++kill) {
      const std::size_t done = before.size();
      // After a random number of further points, at a random moment of the next; now and then
      // before anything is done.
      const std::size_t until =
          moments.below(8) == 0 ? 0 : done + moments.below(std::max<std::size_t>(1, 50 - done));
      const double rest = moments.uniform(0, until == 0 ? 30 : 8);
      INFO("kill " << kill << " of folder " << k << " after " << until << " points and " << rest
                   << " ms");
      Process process(GRADFLOW_BINARY,
                      {"run", "study.toml", "--out", folder, "--resume", "--jobs", jobs},
                      scratch.path);
      REQUIRE(wait_for([&] { return points_on_disk(scratch / folder) >= until; }));
      sleep_milliseconds(rest);
      process.send(SIGKILL);
      const int code = process.wait();
      REQUIRE((code == -SIGKILL || code == 0));
      const auto after = times_of(scratch / folder);
      CHECK(includes(after, before));
      before = after;
      if (!before.empty() && before.size() < 50) ++cut_in_the_middle;
    }
    INFO("folder " << k << " with " << before.size() << " points on disk");
    call_ok({"run", "study.toml", "--out", folder, "--resume", "--jobs", jobs}, scratch.path);
    CHECK(includes(times_of(scratch / folder), before));
    CHECK(times_of(scratch / folder).size() == 50);
    CHECK(differences(scratch / "whole" / "result.nc", scratch / folder / "result.nc").empty());
    // Nothing that a killed process left half written stays behind.
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(scratch / folder))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"config.toml", "points", "processes.json",
                                            "resolved.toml", "result.nc"});
    for (const auto& entry : fs::directory_iterator(scratch / folder / "points")) {
      const std::string name = entry.path().filename();
      CHECK((name == "claims" || name == "study" || entry.path().extension() == ".points"));
    }
    fs::remove_all(scratch / folder);
  }
  CHECK(cut_in_the_middle >= folders / 2);
}

TEST_CASE(
    "A study of sweeps killed at ten random moments resumes to the same bits, no value run twice") {
  const Scratch scratch;
  scratch.write("sweeps.toml", R"([model]
name = "deep_linear_network"
target_singular_values = [0.9, 0.8]
width = 4
[sweep]
values = { linear = [0.05, 0.5, 10] }
refine = 1e-3
[study]
seed = { count = 4 }
)");
  call_ok({"run", "sweeps.toml", "--out", "whole"}, scratch.path);
  const auto parts = [&](const fs::path& folder) {
    std::map<std::string, std::vector<long>> all;
    std::error_code ignored;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "parts", ignored)) {
      struct stat status = {};
      if (entry.path().extension() != ".part" || ::stat(entry.path().c_str(), &status) != 0)
        continue;
      all[entry.path().parent_path().filename().string() + "/" + entry.path().filename().string()] =
          {static_cast<long>(status.st_ino), status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    }
    return all;
  };
  RandomStream moments(10, "moments");
  const int kills = repetitions(10, 3);
  for (const std::string jobs : {"1", "2"}) {
    const std::string folder = "cut" + jobs;
    std::map<std::string, std::vector<long>> before;
    int cut = 0;
    for (int k = 0; k < kills / 2 + 1; ++k) {
      const std::size_t until = before.size() + moments.below(8);
      Process process(GRADFLOW_BINARY,
                      {"run", "sweeps.toml", "--out", folder, "--resume", "--jobs", jobs},
                      scratch.path);
      wait_for([&] {
        return parts(scratch / folder).size() >= until ||
               fs::exists(scratch / folder / "result.nc");
      });
      sleep_milliseconds(moments.uniform(0, 10));
      process.send(SIGKILL);
      const int code = process.wait();
      REQUIRE((code == -SIGKILL || code == 0));
      const auto after = parts(scratch / folder);
      // A value that was there is the same file still, unless its chain is done.
      const Times finished = times_of(scratch / folder);
      for (const auto& [name, stamp] : before) {
        CAPTURE(name);
        const bool done = finished.count(std::stoul(name.substr(0, 6))) != 0;
        CHECK((done || (after.count(name) != 0 && after.at(name) == stamp)));
      }
      before = after;
      if (!before.empty()) ++cut;
    }
    CHECK(cut > 0);
    call_ok({"run", "sweeps.toml", "--out", folder, "--resume", "--jobs", jobs}, scratch.path);
    CHECK(differences(scratch / "whole" / "result.nc", scratch / folder / "result.nc").empty());
    CHECK_FALSE(fs::exists(scratch / folder / "parts"));
  }
}

TEST_CASE("The number of jobs does not change a bit") {
  const Scratch scratch;
  scratch.write("study.toml", resume_study);
  for (const std::string jobs : {"1", "2", "7"})
    call_ok({"run", "study.toml", "--out", "jobs" + jobs, "--jobs", jobs}, scratch.path);
  CHECK(differences(scratch / "jobs1" / "result.nc", scratch / "jobs2" / "result.nc").empty());
  CHECK(differences(scratch / "jobs1" / "result.nc", scratch / "jobs7" / "result.nc").empty());
}

TEST_CASE("Ctrl-C in a study ends with 130, keeps what is done, and resumes to the same bits") {
  const Scratch scratch;
  scratch.write("study.toml", resume_study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string folder = "cut" + std::to_string(signal);
    Process process(GRADFLOW_BINARY, {"run", "study.toml", "--out", folder, "--jobs", "2"},
                    scratch.path);
    REQUIRE(wait_for([&] { return points_on_disk(scratch / folder) >= 5; }));
    process.send(signal);
    CHECK(process.wait() == 130);
    CHECK(process.err().find("--resume") != std::string::npos);
    const auto before = times_of(scratch / folder);
    CHECK(before.size() < 50);

    // The result holds what is done, and says of the rest that it has not been run.
    const Dataset part = read_netcdf(scratch / folder / "result.nc");
    const auto& status = part.values<std::int32_t>("status");
    CHECK(static_cast<std::size_t>(std::count(status.begin(), status.end(), 0)) == before.size());
    CHECK(static_cast<std::size_t>(std::count(status.begin(), status.end(), 10)) ==
          50 - before.size());

    const Finished rest = call_ok({"run", "study.toml", "--out", folder, "--resume"}, scratch.path);
    CHECK(last_line(rest.out) == folder + "/result.nc");
    CHECK(includes(times_of(scratch / folder), before));
    CHECK(differences(scratch / "whole" / "result.nc", scratch / folder / "result.nc").empty());
  }
}

TEST_CASE("A result put together from half the points is not taken for the whole") {
  // Ctrl-C leaves a result with the points done; a second call may be killed after the last point
  // and before the new result.
  const Scratch scratch;
  scratch.write("study.toml", resume_study);
  Process process(GRADFLOW_BINARY, {"run", "study.toml", "--out", "cut"}, scratch.path);
  REQUIRE(wait_for([&] { return points_on_disk(scratch / "cut") >= 3; }));
  process.send(SIGINT);
  REQUIRE(process.wait() == 130);
  fs::copy_file(scratch / "cut" / "result.nc", scratch / "half.nc");
  call_ok({"run", "study.toml", "--out", "cut", "--resume"}, scratch.path);
  fs::copy_file(scratch / "cut" / "result.nc", scratch / "whole.nc");
  fs::copy_file(scratch / "half.nc", scratch / "cut" / "result.nc",
                fs::copy_options::overwrite_existing);
  call_ok({"run", "study.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(differences(scratch / "whole.nc", scratch / "cut" / "result.nc").empty());
  // The same for a result that is gone, or damaged.
  fs::remove(scratch / "cut" / "result.nc");
  call_ok({"run", "study.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(differences(scratch / "whole.nc", scratch / "cut" / "result.nc").empty());
  scratch.write("cut/result.nc", "damaged");
  call_ok({"run", "study.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(differences(scratch / "whole.nc", scratch / "cut" / "result.nc").empty());
  // A damaged point runs again, and it alone.
  const auto before = times_of(scratch / "cut");
  {
    const PointFiles points(scratch / "cut", "");
    const PointPlace& place = *points.find(7);
    const fs::path file = points.files()[place.file].path;
    std::string bytes = contents(file);
    bytes[place.offset + place.length / 2] ^= 1;
    scratch.write("cut/points/" + file.filename().string(), bytes);
  }
  fs::remove(scratch / "cut" / "result.nc");
  call_ok({"run", "study.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(differences(scratch / "whole.nc", scratch / "cut" / "result.nc").empty());
  auto after = times_of(scratch / "cut");
  CHECK(after.at(7) != before.at(7));
  after[7] = before.at(7);
  CHECK(after == before);
}

TEST_CASE("A single run that is interrupted is saved as such, and resumes to the same bits") {
  const Scratch scratch;
  scratch.write("run.toml", descent("300"));
  call_ok({"run", "run.toml", "--out", "whole"}, scratch.path);
  Process process(GRADFLOW_BINARY, {"run", "run.toml", "--out", "cut"}, scratch.path);
  REQUIRE(wait_for([&] { return fs::exists(scratch / "cut" / "config.toml"); }));
  sleep_milliseconds(30);
  process.send(SIGINT);
  REQUIRE(process.wait() == 130);
  CHECK(process.err() == "interrupted: what is done is in cut (--resume goes on with it)\n");
  if (fs::exists(scratch / "cut" / "result.nc")) {
    const Dataset part = read_netcdf(scratch / "cut" / "result.nc");
    CHECK(part.values<std::int32_t>("status").front() == 9);
    const auto& loss = part.values<double>("train_loss");
    CHECK(std::isfinite(loss.front()));
    CHECK(std::isnan(loss.back()));
  }
  call_ok({"run", "run.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(differences(scratch / "whole" / "result.nc", scratch / "cut" / "result.nc").empty());
  // What is complete stays as it is.
  const std::string bytes = contents(scratch / "cut" / "result.nc");
  const Finished again = call_ok({"run", "run.toml", "--out", "cut", "--resume"}, scratch.path);
  CHECK(last_line(again.out) == "cut/result.nc");
  CHECK(contents(scratch / "cut" / "result.nc") == bytes);
}

TEST_CASE("A folder has one gradflow at a time, and a killed one is no obstacle") {
  const Scratch scratch;
  scratch.write("run.toml", descent("1e7"));
  scratch.write("short.toml", descent("1"));
  Process first(GRADFLOW_BINARY, {"run", "run.toml", "--out", "result"}, scratch.path);
  REQUIRE(wait_for([&] { return fs::exists(scratch / "result" / "config.toml"); }));
  for (const std::string config : {"run.toml", "short.toml"}) {
    const Finished second = call({"run", config, "--out", "result", "--resume"}, scratch.path);
    CHECK(second.code == 2);
    CHECK(std::count(second.err.begin(), second.err.end(), '\n') == 1);
    CHECK(second.err.find("another gradflow") != std::string::npos);
    CHECK(second.out.empty());
  }
  first.send(SIGKILL);
  CHECK(first.wait() == -SIGKILL);
  const fs::path lock = scratch / "result" / ".lock";
  CHECK(fs::exists(lock));
  const std::string owner = contents(lock);
  Process third(GRADFLOW_BINARY, {"run", "run.toml", "--out", "result", "--resume"}, scratch.path);
  // A process takes signals before it takes a folder.
  REQUIRE(wait_for([&] { return contents(lock) != owner; }));
  third.send(SIGINT);
  CHECK(third.wait() == 130);
  CHECK_FALSE(fs::exists(scratch / "result" / ".lock"));
}

TEST_CASE("A folder is gone on with only by the config that began it, and only with --resume") {
  const Scratch scratch;
  scratch.write("run.toml", descent("1"));
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& word) {
    const Finished result = call(arguments, scratch.path);
    INFO(result.err);
    CHECK(result.code == 2);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.err.find(word) != std::string::npos);
  };
  // New and empty folders are started in, with or without --resume.
  call_ok({"run", "run.toml", "--out", "new", "--resume"}, scratch.path);
  call_ok({"run", "run.toml", "--out", "deep/er/new"}, scratch.path);
  fs::create_directory(scratch / "empty");
  call_ok({"run", "run.toml", "--out", "empty"}, scratch.path);
  fs::create_directory(scratch / "leftover");
  scratch.write("leftover/.lock", "1\n");
  scratch.write("leftover/.gradflow-1-0.tmp", "half");
  call_ok({"run", "run.toml", "--out", "leftover"}, scratch.path);
  CHECK_FALSE(fs::exists(scratch / "leftover" / ".gradflow-1-0.tmp"));
  // The default folder is named after the config.
  const Finished standard = call_ok({"run", "run.toml"}, scratch.path);
  CHECK(last_line(standard.out) == "results/run/result.nc");

  const std::string bytes = contents(scratch / "new" / "result.nc");
  refused({"run", "run.toml", "--out", "new"}, "--resume");
  refused({"run", "run.toml", "--out", "new", "--set", "seed=1"},
          "another config (seed: 0 there, 1 here)");
  refused({"run", "run.toml", "--out", "new", "--set", "seed=1", "--resume"}, "another config");
  CHECK(contents(scratch / "new" / "result.nc") == bytes);
  // The same values in another spelling are the same config.
  scratch.write("same.toml", call_ok({"check", "run.toml"}, scratch.path).out);
  call_ok({"run", "same.toml", "--out", "new", "--resume"}, scratch.path);

  fs::create_directory(scratch / "foreign");
  scratch.write("foreign/thesis.tex", "years of work");
  refused({"run", "run.toml", "--out", "foreign"}, "not empty");
  refused({"run", "run.toml", "--out", "foreign", "--resume"}, "not empty");
  CHECK(std::distance(fs::directory_iterator(scratch / "foreign"), fs::directory_iterator()) == 1);

  // Data files are part of the config.
  scratch.write("x.csv", "1,2\n3,4\n");
  const std::vector<std::string> with_data{
      "run", "run.toml", "--out", "data", "--resume", "--set", "model.inputs=\"x.csv\""};
  call_ok(with_data, scratch.path);
  call_ok(with_data, scratch.path);
  scratch.write("x.csv", "1,2\n3,5\n");
  refused(with_data, "another config (other numbers in the file of model.inputs)");
  scratch.write("x.csv", "1,2\n3,4\n");
  std::vector<std::string> elsewhere = with_data;
  scratch.write("y.csv", "1,2\n3,4\n");
  elsewhere.back() = "model.inputs=\"y.csv\"";
  call_ok(elsewhere, scratch.path);
  elsewhere.insert(elsewhere.end(), {"--set", "flow.weight_decay=0.125"});
  refused(elsewhere, " there, 0.125 here)");
}

TEST_CASE("A run killed before anything is done is known by its folder") {
  // The mark of the folder is written first; a kill right behind it must not orphan the folder.
  const Scratch scratch;
  scratch.write("run.toml", descent("1"));
  call_ok({"run", "run.toml", "--out", "result"}, scratch.path);
  const std::string bytes = contents(scratch / "result" / "config.toml");
  fs::copy_file(scratch / "result" / "result.nc", scratch / "whole.nc");
  fs::remove(scratch / "result" / "result.nc");
  fs::remove(scratch / "result" / "config.toml");
  call_ok({"run", "run.toml", "--out", "result", "--resume"}, scratch.path);
  CHECK(contents(scratch / "result" / "config.toml") == bytes);
  CHECK(differences(scratch / "whole.nc", scratch / "result" / "result.nc").empty());
}

TEST_CASE("Points have the same bits whatever ran before and beside them") {
  const Scratch scratch;
  const std::string rest = R"([flow]
weight_decay = 1e-2
[time]
end = 300
samples = 10
[study]
seed = { count = 12 }
)";
  const std::map<std::string, std::string> models = {
      {"tanh", "[model]\nname = \"two_layer_network\"\nwidth = 37\nactivation = \"tanh\"\n"},
      {"perceptron", "[model]\nname = \"multilayer_perceptron\"\n"},
      {"sensing", "[model]\nname = \"matrix_sensing\"\n"},
  };
  for (const auto& [name, model] : models)
    for (const std::string solver : {"method='auto'", "method='rodas'", "method='rock4'\nrtol=1e-4",
                                     "method='dopri5'\nrtol=1e-4", "linear='structured'"}) {
      const std::string config = model + "[solver]\n" + solver + "\n" + rest;
      scratch.write("study.toml", config);
      if (call({"check", "study.toml"}, scratch.path).code != 0) continue;  // no such matrix
      CAPTURE(name, solver);
      call_ok({"run", "study.toml", "--out", "one"}, scratch.path);
      call_ok({"run", "study.toml", "--out", "three", "--jobs", "3"}, scratch.path);
      CHECK(differences(scratch / "one" / "result.nc", scratch / "three" / "result.nc").empty());
      fs::remove_all(scratch / "one");
      fs::remove_all(scratch / "three");
    }
}
