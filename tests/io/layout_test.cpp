#include "io/layout.hpp"

#include <limits>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

Dataset example(double shift) {
  Dataset data;
  data.add_coordinate("time", std::vector<double>{0, 1 + shift}, {{"units", std::string("1")}});
  data.add_dimension("empty", 0);
  data.add({"loss",
            {"time"},
            std::vector<double>{shift, std::numeric_limits<double>::quiet_NaN()},
            {{"valid_range", std::vector<double>{0, 1}}, {"scale", 2.5}}});
  data.add({"nothing", {"empty", "time"}, std::vector<double>{}, {}});
  data.add({"status",
            {},
            std::vector<std::int32_t>{3},
            {{"flag_values", std::vector<std::int32_t>{0, 1}}}});
  data.add({"steps",
            {},
            std::vector<std::int64_t>{std::int64_t{1} << 40},
            {{"offset", std::int64_t{-1}}}});
  data.add({"message", {}, std::vector<std::string>{"λ → 0"}, {}});
  data.set_attribute({"model", std::string("m")});
  return data;
}

void check_same_dataset(const Dataset& a, const Dataset& b) {
  CHECK(a.dimensions() == b.dimensions());
  CHECK(a.attributes() == b.attributes());
  REQUIRE(a.variables().size() == b.variables().size());
  for (std::size_t v = 0; v < a.variables().size(); ++v) {
    CHECK(a.variables()[v].name == b.variables()[v].name);
    CHECK(a.variables()[v].dimensions == b.variables()[v].dimensions);
    CHECK(a.variables()[v].attributes == b.variables()[v].attributes);
    CHECK(encoded_contents(a) == encoded_contents(b));  // NaN for NaN
  }
}

}  // namespace

TEST_CASE("A dataset goes into bytes and comes back, whatever it holds") {
  const Dataset data = example(0.5);
  const std::string layout = encoded(layout_of(data)), contents = encoded_contents(data);
  check_same_dataset(joined(decoded_layout(layout), decoded_contents(contents)), data);
  check_same_dataset(joined(layout_of(data), contents_of(data)), data);
  // Points of one kind share their layout, and differ in contents.
  CHECK(encoded(layout_of(example(0.25))) == layout);
  CHECK(encoded_contents(example(0.25)) != contents);
}

TEST_CASE("Layouts and contents that do not fit are refused") {
  const Dataset data = example(0);
  Contents contents = contents_of(data);
  contents.lengths.pop_back();
  CHECK_THROWS_AS(joined(layout_of(data), contents), std::logic_error);
  contents = contents_of(data);
  contents.values[1] = std::vector<std::int32_t>{1, 2};
  CHECK_THROWS_AS(joined(layout_of(data), contents), std::logic_error);
  CHECK_THROWS_AS(decoded_contents("short"), std::runtime_error);
}
