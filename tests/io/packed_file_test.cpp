#include "io/packed_file.hpp"

#include <limits>

#include "io/input_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;

TEST_CASE("A packed dataset comes back as it was; cut, or with any bit flipped, it is refused") {
  const testing::Scratch scratch;
  Dataset data;
  data.add_dimension("time", 3);
  data.add_dimension("none", 0);
  data.add({"loss",
            {"time"},
            std::vector<double>{-0.0, 1e-310, std::numeric_limits<double>::quiet_NaN()},
            {{"long_name", std::string("a loss")}}});
  data.add({"empty", {"none"}, std::vector<std::int64_t>{}, {}});
  data.add({"message", {}, std::vector<std::string>{"two\nlines"}, {}});
  data.set_attribute({"fingerprint", std::string("f")});
  const auto path = scratch / "run.part";
  write_packed(data, path);
  const Dataset back = read_packed(path);
  CHECK(back.dimensions() == data.dimensions());
  CHECK(back.attributes() == data.attributes());
  REQUIRE(back.variables().size() == 3);
  CHECK(back.find("loss")->attributes == data.find("loss")->attributes);
  const auto& values = back.values<double>("loss");
  CHECK(std::signbit(values[0]));
  CHECK(values[1] == 1e-310);
  CHECK(std::isnan(values[2]));
  CHECK(back.values<std::int64_t>("empty").empty());
  CHECK(back.values<std::string>("message").front() == "two\nlines");

  const std::string whole = read_text_file(path);
  const auto refused = [&](const std::string& bytes) {
    scratch.write("run.part", bytes);
    CHECK_THROWS_AS(read_packed(path), FileError);
  };
  for (std::size_t length = 0; length < whole.size(); ++length) refused(whole.substr(0, length));
  for (std::size_t k = 0; k < whole.size(); ++k) {
    std::string flipped = whole;
    flipped[k] = static_cast<char>(flipped[k] ^ (1 << (k % 8)));
    refused(flipped);
  }
}
