#include "study/point_files.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/cli/results.hpp"
#include "tests/cli/waiting.hpp"

using namespace gradflow;
using namespace gradflow::testing;

/// Points that one study takes from another, and shards of one put together.
namespace {

const std::string reuse_study = small_study(12);

}  // namespace

TEST_CASE("Shards in folders of their own are collected into one result") {
  const Scratch scratch;
  scratch.write("study.toml", reuse_study);
  call_ok({"run", "study.toml", "--out", "whole"}, scratch.path);
  for (const std::string k : {"0", "1", "2"}) {
    call_ok({"run", "study.toml", "--out", "s" + k, "--shard", k + "/3", "--quiet"}, scratch.path);
    CHECK(points_of(scratch / ("s" + k)) == 20);
  }
  const Finished part = call({"collect", "s0", "s1"}, scratch.path);
  CHECK(part.code == 1);
  CHECK(part.err.find("20 of 60 points are not there") != std::string::npos);
  const Finished all = call_ok({"collect", "s0", "s2"}, scratch.path);
  CHECK(all.out == "s0/result.nc\n");
  CHECK(content_hash(scratch / "s0") == content_hash(scratch / "whole"));
  // In one folder, one after the other.
  for (const std::string k : {"1", "0"})
    call_ok({"run", "study.toml", "--out", "t", "--shard", k + "/2", "--quiet"}, scratch.path);
  CHECK(content_hash(scratch / "t") == content_hash(scratch / "whole"));
}

TEST_CASE("A longer study takes from a shorter one what it has, under any name and order") {
  const Scratch scratch;
  scratch.write("short.toml", reuse_study);
  call_ok({"run", "short.toml", "--out", "short"}, scratch.path);
  std::string longer = reuse_study;
  longer.replace(longer.find("count = 12"), 10, "count = 15");
  scratch.write("longer.toml", longer);
  const Finished plan = call_ok(
      {"run", "longer.toml", "--out", "long", "--reuse", "short", "--dry-run"}, scratch.path);
  CHECK(plan.out.find("reusable    60\nto run      15\n") != std::string::npos);
  CHECK_FALSE(fs::exists(scratch / "long"));
  call_ok({"run", "longer.toml", "--out", "long", "--reuse", "short"}, scratch.path);
  const Finished status = call_ok({"status", "long", "--json"}, scratch.path);
  CHECK(status.out.find("\"done\": 75,") != std::string::npos);
  CHECK(status.out.find("\"reused\": 60,") != std::string::npos);
  call_ok({"run", "longer.toml", "--out", "alone"}, scratch.path);
  CHECK(content_hash(scratch / "long") == content_hash(scratch / "alone"));

  const auto computed = [&](const std::string& text, const std::vector<std::string>& options) {
    scratch.write("other.toml", text);
    std::vector<std::string> arguments{"run", "other.toml", "--out", "other", "--reuse", "short"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    call_ok(arguments, scratch.path);
    const PointFiles points(scratch / "other", "");
    std::size_t count = 0;
    for (const auto& [number, place] : points.points()) count += place.reused ? 0 : 1;
    fs::remove_all(scratch / "other");
    return count;
  };
  // Axes the other way round; other fits; other limits; a value from the command line.
  const std::size_t axes = reuse_study.find("\"flow.weight_decay\"");
  const std::string decays = reuse_study.substr(axes, reuse_study.find("seed =") - axes);
  CHECK(computed(reuse_study.substr(0, axes) + "seed = { count = 12 }\n" + decays, {}) == 0);
  CHECK(computed(reuse_study, {"--set", "measure.exponents=[\"end_time\"]"}) == 0);
  CHECK(computed(reuse_study,
                 {"--set", "solver.max_wall_seconds=1000", "--set", "solver.threads=2"}) == 0);
  CHECK(computed(reuse_study.substr(0, axes) + "\"flow.weight_decay\" = [1e-4]\n",
                 {"--set", "seed=3"}) == 0);
  CHECK(computed(reuse_study, {"--set", "solver.rtol=1e-7"}) == 60);
}

TEST_CASE("Keys follow the contents of files, not their names") {
  const Scratch scratch;
  scratch.write("x.csv", "1,2\n3,4\n5,7\n");
  scratch.write("copy.csv", "1,2\n3,4\n5,7\n");
  scratch.write("other.csv", "1,2\n3,4\n5,8\n");
  const auto config = [](const std::string& file) {
    return "[model]\nname = \"linear_regression\"\ninputs = \"" + file +
           "\"\n[time]\nend = 1\nsamples = 2\n[study]\nseed = [0, 1]\n";
  };
  scratch.write("first.toml", config("x.csv"));
  call_ok({"run", "first.toml", "--out", "first"}, scratch.path);
  for (const auto& [file, reused] : {std::pair{"copy.csv", 2}, {"other.csv", 0}}) {
    scratch.write("second.toml", config(file));
    call_ok({"run", "second.toml", "--out", "second", "--reuse", "first"}, scratch.path);
    const Finished status = call_ok({"status", "second", "--json"}, scratch.path);
    CHECK(status.out.find("\"reused\": " + std::to_string(reused) + ",") != std::string::npos);
    fs::remove_all(scratch / "second");
  }
  // A study that is moved with its data goes on; files that are axes keep their names in the
  // result.
  fs::create_directory(scratch / "moved");
  for (const char* name : {"x.csv", "first.toml", "first"})
    fs::copy(scratch / name, scratch / "moved" / name, fs::copy_options::recursive);
  fs::remove(scratch / "x.csv");
  const Finished again =
      call_ok({"run", "first.toml", "--out", "first", "--resume"}, scratch / "moved");
  CHECK(content_hash(scratch / "moved" / "first") == content_hash(scratch / "first"));
}
