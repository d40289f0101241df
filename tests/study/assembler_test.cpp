#include "study/assembler.hpp"

#include <cmath>
#include <limits>

#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using namespace gradflow::testing;
namespace fs = std::filesystem;

namespace {

using Build = std::vector<std::pair<std::string, std::string>>;

PointMaker maker_of(const Build& build, const std::string& processor = "a processor") {
  PointMaker maker = this_maker("f");
  maker.build = build;
  maker.processor = processor;
  return maker;
}

/// What a run leaves: a number, a trajectory of two samples, and how long it took.
Dataset point(double number, std::int64_t seconds = 1) {
  Dataset data;
  data.add_coordinate("time", std::vector<double>{0, number});
  data.add({"end_norm", {}, std::vector<double>{number}, {{"long_name", "norm at the end"}}});
  data.add({"steps", {}, std::vector<std::int64_t>{7}, {}});
  data.add({"status", {}, std::vector<std::int32_t>{0}, {}});
  data.add({"wall_seconds", {}, std::vector<double>{static_cast<double>(seconds)}, {}});
  data.add({"norm", {"time"}, std::vector<double>{2 * number, 3 * number}, {}});
  return data;
}

StudyHead::Axis axis(const std::string& key, const std::string& name,
                     decltype(StudyAxis::values) values) {
  return {key, {name, {}, std::move(values)}, {}};
}

/// Two weight decays, three seeds.
StudyHead six_points() {
  StudyHead head;
  head.fingerprint = "f";
  head.version = 1;
  head.model = "a_model";
  head.paper = "a paper";
  head.config = "as written\n";
  head.resolved = "as understood\n";
  head.axes = {axis("flow.weight_decay", "weight_decay", std::vector<double>{1e-3, 1e-2}),
               axis("seed", "seed", std::vector<std::int64_t>{0, 1, 2})};
  return head;
}

std::string key_of(std::size_t number) {
  std::string key = "key " + std::to_string(number);
  key.resize(16);
  return key;
}

struct Study : Scratch {
  Study() { fs::create_directories(path / "points"); }
  /// Points by their numbers; each has this number and 1 more as its value.
  void put(const std::vector<std::size_t>& numbers, const PointMaker& maker,
           std::int64_t seconds = 1) {
    PointWriter writer(path, maker);
    for (const std::size_t k : numbers) {
      const double number = static_cast<double>(k) + 1;
      writer.put(k, key_of(k), point(number, seconds), Status::ok, 1);
    }
    writer.sync();
  }
  Dataset assembled(const StudyHead& head, Assembled* counts = nullptr) {
    const PointFiles points(path, head.fingerprint);
    const Assembled result = write_result(head, points, path / "result.nc");
    if (counts != nullptr) *counts = result;
    return read_netcdf(path / "result.nc");
  }
};

const Build one_build{{"gradflow_commit", "abc"}};

}  // namespace

TEST_CASE("Points stand at their places in the result, and those that are not there are not_run") {
  Study study;
  study.put({5, 0, 2, 4}, maker_of(one_build));
  {
    PointWriter writer(study.path, maker_of(one_build));
    writer.put(1, key_of(1), point(2), Status::not_finite, 1);
    writer.sync();
  }
  Assembled counts;
  const Dataset data = study.assembled(six_points(), &counts);
  CHECK(counts.points == 6);
  CHECK(counts.missing == 1);
  CHECK(counts.failed == 1);
  CHECK(counts.unneeded == 0);
  CHECK(data.find("end_norm")->dimensions == std::vector<std::string>{"weight_decay", "seed"});
  CHECK(data.find("norm")->dimensions ==
        std::vector<std::string>{"weight_decay", "seed", "sample"});
  const auto& numbers = data.values<double>("end_norm");
  const auto& trajectories = data.values<double>("norm");
  for (std::size_t k = 0; k < 6; ++k) {
    INFO("point " << k);
    if (k == 3) {
      CHECK(std::isnan(numbers[k]));
      CHECK(std::isnan(trajectories[2 * k]));
      continue;
    }
    CHECK(numbers[k] == static_cast<double>(k) + 1);
    CHECK(trajectories[2 * k] == 2 * numbers[k]);
    CHECK(trajectories[2 * k + 1] == 3 * numbers[k]);
  }
  const auto& status = data.values<std::int32_t>("status");
  CHECK(status[3] == static_cast<std::int32_t>(Status::not_run));
  CHECK(data.values<std::int64_t>("steps") == std::vector<std::int64_t>{7, 7, 7, 0, 7, 7});
  CHECK(data.values<double>("weight_decay") == std::vector<double>{1e-3, 1e-2});
  CHECK(text_attribute(data, "model") == "a_model");
  CHECK(text_attribute(data, "paper") == "a paper");
  CHECK(text_attribute(data, "config") == "as written\n");
  CHECK(text_attribute(data, "config_resolved") == "as understood\n");
  CHECK(text_attribute(data, "fingerprint") == "f");
  CHECK(text_attribute(data, "gradflow_commit") == "abc");
  CHECK(text_attribute(data, "processor") == "a processor");
  CHECK(data.find("build") == nullptr);
}

TEST_CASE("The hash of the content is that of the numbers: not of their order, makers or times") {
  const auto hash_of = [](const std::vector<std::vector<std::size_t>>& writers,
                          std::int64_t seconds, const std::string& commit) {
    Study study;
    for (const auto& numbers : writers)
      study.put(numbers, maker_of({{"gradflow_commit", commit}}), seconds);
    return text_attribute(study.assembled(six_points()), "content_hash");
  };
  const std::string hash = hash_of({{0, 1, 2, 3, 4, 5}}, 1, "abc");
  CHECK(hash.size() == 32);
  CHECK(hash_of({{5, 3}, {4, 0, 1}, {2}}, 100, "def") == hash);
  CHECK(hash_of({{0, 1, 2, 3, 4}}, 1, "abc") != hash);
}

TEST_CASE("Where several builds and processors had a part in a result, it says which in what") {
  Study study;
  study.put({0, 1, 2}, maker_of(one_build, "one"));
  study.put({4, 5}, maker_of({{"gradflow_commit", "def"}}, "another"));
  const Dataset data = study.assembled(six_points());
  CHECK(text_attribute(data, "gradflow_commit") == "abc; def");
  CHECK(text_attribute(data, "processor") == "one; another");
  const std::string first = "gradflow_commit abc", second = "gradflow_commit def";
  CHECK(data.values<std::string>("build") ==
        std::vector<std::string>{first, first, first, "", second, second});
}

TEST_CASE("An axis is called by its whole key where the points have its name themselves") {
  StudyHead head = six_points();
  head.axes[0] = axis("model.norm", "norm", std::vector<double>{1, 2});
  head.worked_out = {{"model.width", "width", {0}, std::vector<double>{10, 20}},
                     {"model.steps", "steps", {}, std::vector<double>{5}}};
  Study study;
  study.put({0, 1, 2, 3, 4, 5}, maker_of(one_build));
  const Dataset data = study.assembled(head);
  CHECK(data.values<double>("model.norm") == std::vector<double>{1, 2});
  CHECK(data.find("end_norm")->dimensions == std::vector<std::string>{"model.norm", "seed"});
  CHECK(data.find("width")->dimensions == std::vector<std::string>{"model.norm"});
  CHECK(data.values<double>("width") == std::vector<double>{10, 20});
  CHECK(data.values<double>("model.steps") == std::vector<double>{5});
}

TEST_CASE("More points than a block holds are put together in order") {
  constexpr std::int64_t count = 2500;
  StudyHead head = six_points();
  std::vector<std::int64_t> seeds(count);
  std::vector<std::size_t> backwards(count);
  for (std::int64_t k = 0; k < count; ++k) {
    seeds[static_cast<std::size_t>(k)] = k;
    backwards[static_cast<std::size_t>(k)] = static_cast<std::size_t>(count - 1 - k);
  }
  head.axes = {axis("seed", "seed", seeds)};
  Study study;
  study.put(backwards, maker_of(one_build));
  const Dataset data = study.assembled(head);
  const auto& trajectories = data.values<double>("norm");
  REQUIRE(trajectories.size() == 2 * count);
  for (std::size_t k = 0; k < count; ++k) {
    const double number = static_cast<double>(k) + 1;
    if (trajectories[2 * k] != 2 * number || trajectories[2 * k + 1] != 3 * number)
      FAIL("point " << k << " has " << trajectories[2 * k]);
  }
}

TEST_CASE("A single run's result has its numbers, its config and what made it") {
  StudyHead head = six_points();
  head.axes.clear();
  const Dataset data = result_of_run(head, point(4));
  CHECK(data.values<double>("end_norm") == std::vector<double>{4});
  CHECK(text_attribute(data, "config") == "as written\n");
  CHECK(!text_attribute(data, "gradflow_commit").empty());
  CHECK(text_attribute(data, "content_hash") ==
        text_attribute(result_of_run(head, point(4, 50)), "content_hash"));
  CHECK(text_attribute(data, "content_hash") !=
        text_attribute(result_of_run(head, point(5)), "content_hash"));
}
