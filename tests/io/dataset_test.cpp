#include "io/dataset.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

const double missing = std::numeric_limits<double>::quiet_NaN();

using Doubles = std::vector<double>;
using Strings = std::vector<std::string>;
using Int32s = std::vector<std::int32_t>;
using Int64s = std::vector<std::int64_t>;

/// Entry by entry, with NaN equal to NaN.
void check_equal(const Doubles& actual, const Doubles& expected) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    INFO("entry " << i << ": " << actual[i] << " against " << expected[i]);
    CHECK((actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))));
  }
}

/// A run with a loss at each time, a vector observable and a status.
Dataset run(const Doubles& time, const Doubles& loss, std::int32_t status) {
  Dataset data;
  data.add_coordinate("time", time, {{"units", "1"}});
  data.add({"slow_time", {"time"}, time, {}});
  data.add({"loss", {"time"}, loss, {{"long_name", "training loss"}}});
  data.add({"status", {}, Int32s{status}, {}});
  return data;
}

/// A run whose vector observable has as many entries as the point's width.
Dataset wide_run(std::size_t width) {
  Dataset data;
  data.add_coordinate("time", Doubles{0, 1});
  Int64s degrees;
  Doubles values;
  for (std::size_t k = 0; k < width; ++k) degrees.push_back(static_cast<std::int64_t>(k));
  for (std::size_t i = 0; i < 2 * width; ++i) values.push_back(static_cast<double>(i));
  data.add_coordinate("degree", degrees);
  data.add_dimension("neuron", width);
  data.add({"risk_component", {"time", "degree"}, values, {}});
  data.add({"order", {"neuron"}, Int32s(width, 7), {}});
  data.add({"names", {"neuron"}, Strings(width, "n"), {}});
  return data;
}

}  // namespace

TEST_CASE("A dataset refuses variables that its dimensions do not explain") {
  Dataset data;
  data.add_coordinate("time", Doubles{0, 1, 2});
  data.add_dimension("parameter", 2);

  CHECK_THROWS_AS(data.add({"a", {"neuron"}, Doubles{1}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"a", {"time"}, Doubles{1, 2}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"a", {}, Doubles{1, 2}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"a", {"time", "time"}, Doubles(9), {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"", {}, Doubles{1}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"time", {"time"}, Doubles{1, 2, 3}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add({"parameter", {"time"}, Doubles{1, 2, 3}, {}}), std::logic_error);
  CHECK_THROWS_AS(data.add_dimension("time", 3), std::logic_error);
  CHECK(data.variables().size() == 1);

  data.add({"parameters", {"time", "parameter"}, Doubles(6), {}});
  CHECK_THROWS_AS(data.add_dimension("parameters", 3), std::logic_error);
  CHECK(data.shape(*data.find("parameters")) == std::vector<std::size_t>{3, 2});
  CHECK(data.find("weights") == nullptr);
  CHECK_THROWS_AS(data.values<double>("weights"), std::logic_error);
  CHECK_THROWS_AS(data.values<std::int32_t>("parameters"), std::logic_error);
}

TEST_CASE("A global attribute set again replaces the first one") {
  Dataset data;
  data.set_attribute({"seed", std::int64_t{1}});
  data.set_attribute({"version", "1.0"});
  data.set_attribute({"seed", std::int64_t{2}});
  REQUIRE(data.attributes().size() == 2);
  CHECK(std::get<std::int64_t>(find_attribute(data.attributes(), "seed")->value) == 2);
  CHECK(find_attribute(data.attributes(), "commit") == nullptr);
}

TEST_CASE("Stacking puts the axes first, in their order, and keeps a common time as coordinate") {
  std::vector<Dataset> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(run({0, 1}, {10.0 * i, 10.0 * i + 1}, i));
  std::vector<const Dataset*> points;
  for (const Dataset& one : runs) points.push_back(&one);

  const Dataset study = stack(
      {{"weight_decay", {{"units", "1"}}, Doubles{1e-3, 1e-4}}, {"seed", {}, Int64s{0, 1, 2}}},
      points);

  CHECK(study.dimensions() ==
        std::vector<Dimension>{{"weight_decay", 2}, {"seed", 3}, {"time", 2}});
  CHECK(study.values<double>("weight_decay") == Doubles{1e-3, 1e-4});
  CHECK(study.values<std::int64_t>("seed") == Int64s{0, 1, 2});
  CHECK(study.values<double>("time") == Doubles{0, 1});
  CHECK(study.find("time")->is_coordinate());
  CHECK(study.find("loss")->dimensions == Strings{"weight_decay", "seed", "time"});
  CHECK(study.values<double>("loss") == Doubles{0, 1, 10, 11, 20, 21, 30, 31, 40, 41, 50, 51});
  CHECK(study.find("status")->dimensions == Strings{"weight_decay", "seed"});
  CHECK(study.values<std::int32_t>("status") == Int32s{0, 1, 2, 3, 4, 5});
  REQUIRE(find_attribute(study.find("loss")->attributes, "long_name"));
  REQUIRE(find_attribute(study.find("weight_decay")->attributes, "units"));
}

TEST_CASE("Points that are not there are NaN, or the code given for them") {
  const Dataset first = run({0, 1}, {5, 6}, 0);
  const std::vector<StudyAxis> axes{{"seed", {}, Int64s{0, 1, 2}}};
  const Dataset study = stack(axes, {nullptr, &first, nullptr}, {{"status", 9}});
  check_equal(study.values<double>("loss"), {missing, missing, 5, 6, missing, missing});
  CHECK(study.values<std::int32_t>("status") == Int32s{9, 0, 9});
  CHECK(stack(axes, {nullptr, &first, nullptr}).values<std::int32_t>("status") ==
        Int32s{-1, 0, -1});

  const Dataset nothing = stack(axes, {nullptr, nullptr, nullptr});
  CHECK(nothing.variables().size() == 1);
}

TEST_CASE("A variable that one point lacks is absent there only") {
  Dataset with = run({0, 1}, {5, 6}, 0);
  with.add({"plateau", {}, Doubles{3}, {}});
  const Dataset without = run({0, 1}, {7, 8}, 0);
  const Dataset study = stack({{"seed", {}, Int64s{0, 1}}}, {&without, &with});
  check_equal(study.values<double>("plateau"), {missing, 3});
}

TEST_CASE("Times that differ between the points are numbered by sample") {
  const Dataset a = run({0, 1, 2}, {5, 6, 7}, 0);
  const Dataset b = run({0, 10}, {8, 9}, 1);
  const Dataset study = stack({{"weight_decay", {}, Doubles{1, 0.1}}}, {&a, &b});

  CHECK(study.dimensions() == std::vector<Dimension>{{"weight_decay", 2}, {"sample", 3}});
  CHECK(study.values<std::int64_t>("sample") == Int64s{0, 1, 2});
  for (const char* name : {"time", "slow_time"}) {
    CHECK(study.find(name)->dimensions == Strings{"weight_decay", "sample"});
    check_equal(study.values<double>(name), {0, 1, 2, 0, 10, missing});
  }
  CHECK(find_attribute(study.find("time")->attributes, "units"));
  CHECK(study.find("loss")->dimensions == Strings{"weight_decay", "sample"});
  check_equal(study.values<double>("loss"), {5, 6, 7, 8, 9, missing});
}

TEST_CASE("Runs that end early on the same times keep time as the coordinate") {
  const Dataset a = run({0, 1}, {5, 6}, 1);
  const Dataset b = run({0, 1, 2}, {7, 8, 9}, 0);
  const Dataset study = stack({{"seed", {}, Int64s{0, 1}}}, {&a, &b});
  CHECK(study.values<double>("time") == Doubles{0, 1, 2});
  CHECK(study.find("time")->is_coordinate());
  check_equal(study.values<double>("loss"), {5, 6, missing, 7, 8, 9});
}

TEST_CASE("Dimensions whose length changes along an axis are padded to the longest") {
  const Dataset narrow = wide_run(2);
  const Dataset wide = wide_run(3);
  const Dataset study = stack({{"width", {}, Int64s{2, 3}}}, {&narrow, &wide});
  CHECK(study.values<std::int64_t>("degree") == Int64s{0, 1, 2});
  CHECK(study.find("risk_component")->dimensions == Strings{"width", "time", "degree"});
  check_equal(study.values<double>("risk_component"),
              {0, 1, missing, 2, 3, missing, 0, 1, 2, 3, 4, 5});
  CHECK(study.values<std::int32_t>("order") == Int32s{7, 7, -1, 7, 7, 7});
  CHECK(study.values<std::string>("names") == Strings{"n", "n", "", "n", "n", "n"});
}

TEST_CASE("A coordinate other than time that differs becomes a variable over its index") {
  Dataset a;
  a.add_coordinate("frequency", Doubles{1, 2});
  a.add({"power", {"frequency"}, Doubles{3, 4}, {}});
  Dataset b;
  b.add_coordinate("frequency", Doubles{1, 5});
  b.add({"power", {"frequency"}, Doubles{6, 7}, {}});
  const Dataset study = stack({{"seed", {}, Int64s{0, 1}}}, {&a, &b});
  CHECK(study.values<std::int64_t>("frequency_index") == Int64s{0, 1});
  CHECK(study.find("frequency")->dimensions == Strings{"seed", "frequency_index"});
  CHECK(study.values<double>("frequency") == Doubles{1, 2, 1, 5});
  CHECK(study.values<double>("power") == Doubles{3, 4, 6, 7});
}

TEST_CASE("Stacking without axes returns the one point") {
  Dataset point = wide_run(3);
  point.set_attribute({"model", "x"});
  const Dataset study = stack({}, {&point});
  CHECK(study.dimensions() == point.dimensions());
  CHECK(study.find("risk_component")->dimensions == point.find("risk_component")->dimensions);
  CHECK(study.values<double>("risk_component") == point.values<double>("risk_component"));
  CHECK(study.attributes() == point.attributes());
}

TEST_CASE("Global attributes survive stacking where all points agree") {
  Dataset a = run({0}, {1}, 0);
  Dataset b = run({0}, {1}, 0);
  a.set_attribute({"model", "linear_regression"});
  b.set_attribute({"model", "linear_regression"});
  a.set_attribute({"seed", std::int64_t{0}});
  b.set_attribute({"seed", std::int64_t{1}});
  const Dataset study = stack({{"seed", {}, Int64s{0, 1}}}, {&a, &b});
  CHECK(study.attributes() == std::vector<Attribute>{{"model", "linear_regression"}});
}

TEST_CASE("Stacking refuses points that do not fit together") {
  const Dataset a = run({0}, {1}, 0);
  const std::vector<StudyAxis> axes{{"seed", {}, Int64s{0, 1}}};
  CHECK_THROWS_AS(stack(axes, {&a}), std::logic_error);

  Dataset other_type;
  other_type.add({"status", {}, Doubles{0}, {}});
  CHECK_THROWS_AS(stack(axes, {&a, &other_type}), std::logic_error);

  CHECK_THROWS_AS(stack({{"loss", {}, Int64s{0, 1}}}, {&a, &a}), std::logic_error);
  CHECK_THROWS_AS(stack({{"time", {}, Int64s{0, 1}}}, {&a, &a}), std::logic_error);
}
