#include <fstream>

#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("A config that is not there, or is no file, is refused in one line") {
  const Scratch scratch;
  for (const std::string path :
       {"nothing.toml", ".", "", "no/such/folder/x.toml", "\xff\xfe.toml"}) {
    INFO(path);
    check_refused(call({"run", path, "--out", "result"}, scratch.path));
    check_refused(call({"check", path}, scratch.path));
  }
  CHECK(fs::is_empty(scratch.path));
}

TEST_CASE("A folder that cannot be written to is refused in one line") {
  const Scratch scratch;
  scratch.write("good.toml", good);
  scratch.write("file", "");
  for (const std::string out : {"file", "file/below", "/dev/null/x", "/proc/gradflow"}) {
    INFO(out);
    const Finished result = call({"run", "good.toml", "--out", out}, scratch.path);
    check_refused(result);
    CHECK(result.err.find(out) != std::string::npos);
  }
}

TEST_CASE("Commands and names that do not exist are refused in one line with the nearest one") {
  const Scratch scratch;
  const auto says = [&](const std::vector<std::string>& arguments, const std::string& word) {
    const Finished result = call(arguments, scratch.path);
    check_refused(result);
    INFO(result.err);
    CHECK(result.err.find(word) != std::string::npos);
  };
  says({"rnu", "x.toml"}, "did you mean \"run\"?");
  says({"models", "linear_regresion"}, "did you mean \"linear_regression\"?");
  says({"models", "nothing"}, "expected one of linear_regression, ");
  says({"xyz"}, "expected one of run, status, collect, check, ");
  says({"plot", "nothing"}, "result.nc");
  says({"figures", "nothing"}, "expected one of grokking, ");
  says({"figures", "timescale"}, "did you mean \"timescales\"?");
  says({"run"}, "CONFIG");
  CHECK(fs::is_empty(scratch.path));
}
