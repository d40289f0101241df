#include "io/content_hash.hpp"

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

Dataset small() {
  Dataset data;
  data.add_coordinate("x", std::vector<double>{1, 2, 3});
  data.add({"y", {"x"}, std::vector<double>{4, 5, 6}, {}});
  data.add({"text", {"x"}, std::vector<std::string>{"a", "bc", ""}, {}});
  data.add({"n", {}, std::vector<std::int32_t>{7}, {}});
  return data;
}

std::string hash_of(const Dataset& data) {
  ContentHash hash;
  hash.add(data, {"n"});
  return hash.text();
}

}  // namespace

TEST_CASE("The hash of contents sees names, dimensions, types and values, and nothing else") {
  const std::string whole = hash_of(small());
  CHECK(whole.size() == 32);
  CHECK(hash_of(small()) == whole);

  Dataset same = small();
  same.set_attribute({"history", std::string("now")});
  same.find("y")->attributes.push_back({"units", std::string("m")});
  std::get<std::vector<std::int32_t>>(same.find("n")->values)[0] = 8;  // left out
  CHECK(hash_of(same) == whole);

  // In another order.
  Dataset turned;
  turned.add_coordinate("x", std::vector<double>{1, 2, 3});
  turned.add({"text", {"x"}, std::vector<std::string>{"a", "bc", ""}, {}});
  turned.add({"y", {"x"}, std::vector<double>{4, 5, 6}, {}});
  CHECK(hash_of(turned) == whole);

  Dataset value = small();
  std::get<std::vector<double>>(value.find("y")->values)[1] = 5.0000000000000009;
  Dataset moved = small();  // the same characters, cut elsewhere
  std::get<std::vector<std::string>>(moved.find("text")->values) = {"ab", "c", ""};
  Dataset named;
  named.add_coordinate("x", std::vector<double>{1, 2, 3});
  named.add({"z", {"x"}, std::vector<double>{4, 5, 6}, {}});
  named.add({"text", {"x"}, std::vector<std::string>{"a", "bc", ""}, {}});
  for (const Dataset& other : {value, moved, named}) CHECK(hash_of(other) != whole);
}

TEST_CASE("Values that come in pieces hash as those that come at once") {
  ContentHash pieces;
  const std::vector<Dimension> x{{"x", 3}};
  pieces.begin("y", x, 0);
  pieces.begin("text", x, 3);
  pieces.begin("x", x, 0);
  pieces.add("y", std::vector<double>{4});
  pieces.add("text", std::vector<std::string>{"a", "bc"});
  pieces.add("y", std::vector<double>{5, 6});
  pieces.add("text", std::vector<std::string>{""});
  pieces.add("x", std::vector<double>{1, 2, 3});
  CHECK(pieces.text() == hash_of(small()));
}
