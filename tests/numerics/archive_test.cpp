#include "numerics/archive.hpp"

#include <limits>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

struct Inner {
  Vector vector;
  std::optional<double> maybe;
  void exchange(Archive& archive) {
    archive("vector", vector);
    archive("maybe", maybe);
  }
};

struct Outer {
  double number = 0;
  std::uint64_t count = 0;
  bool flag = false;
  std::string text;
  Matrix matrix;
  std::array<double, 2> pair{};
  std::vector<double> list;
  Inner first, second;
  void exchange(Archive& archive) {
    archive("number", number);
    archive("count", count);
    archive("flag", flag);
    archive("text", text);
    archive("matrix", matrix);
    archive("pair", pair);
    archive("list", list);
    archive.part("first", first);
    archive.part("second", second);
  }
};

}  // namespace

TEST_CASE("What an archive takes it gives back to the bit") {
  Outer object;
  object.number = 0.1;
  object.count = ~std::uint64_t{0};
  object.flag = true;
  object.text = "two\nlines";
  object.matrix = Matrix{{1, 2, 3}, {4, 5, 6}};
  object.pair = {-0.0, std::numeric_limits<double>::infinity()};
  object.first.vector = Vector{{1, std::numeric_limits<double>::quiet_NaN()}};
  object.second.maybe = 3;
  Archive taken;
  object.exchange(taken);
  CHECK_FALSE(taken.reading());
  Archive given(std::move(taken).take());
  CHECK(given.reading());
  Outer copy;
  copy.list = {1, 2};
  copy.first.maybe = 1;
  copy.exchange(given);
  CHECK(copy.number == object.number);
  CHECK(copy.count == object.count);
  CHECK(copy.flag);
  CHECK(copy.text == object.text);
  CHECK(copy.matrix == object.matrix);
  CHECK(std::signbit(copy.pair[0]));
  CHECK(copy.pair == object.pair);
  CHECK(copy.list.empty());
  REQUIRE(copy.first.vector.size() == 2);
  CHECK(copy.first.vector[0] == 1);
  CHECK(std::isnan(copy.first.vector[1]));
  CHECK_FALSE(copy.first.maybe);
  CHECK(copy.second.vector.size() == 0);
  CHECK(copy.second.maybe == object.second.maybe);
}

TEST_CASE("A number that is not there, or is an array, is an error") {
  Archive taken;
  std::vector<double> list{1, 2};
  taken("list", list);
  const Archive::Entries entries = std::move(taken).take();
  double number = 0;
  for (const char* name : {"list", "nothing"}) {
    Archive given(entries);
    CHECK_THROWS_AS(given(name, number), ArchiveError);
    // A vector that has its length may not come back with another.
    Vector vector = Vector::Zero(3);
    CHECK_THROWS_AS(given(name, vector), ArchiveError);
  }
}
