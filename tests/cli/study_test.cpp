#include <cmath>
#include <cstring>

#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("A study goes on past points whose values do not go together, and lists them") {
  const Scratch scratch;
  // Rank 5 fits 6 rows and 6 columns but not 4 of each: seen when the point is run.
  scratch.write("study.toml", R"([model]
name = "matrix_completion"
rank = 2
[time]
end = 1
samples = 3
[study]
"model.rows" = [6, 4]
"model.true_rank" = [1, 5]
)");
  const Finished result = call({"run", "study.toml", "--out", "study"}, scratch.path);
  INFO(result.err);
  CHECK(result.code == 1);
  CHECK(result.err.find("rows = 4, true_rank = 5") != std::string::npos);
  const Dataset data = read_netcdf(scratch / "study" / "result.nc");
  CHECK(data.values<std::int32_t>("status") == std::vector<std::int32_t>{0, 0, 0, 11});
  CHECK(find_attribute(data.find("status")->attributes, "flag_meanings") != nullptr);
  const Finished again = call({"run", "study.toml", "--out", "study", "--resume"}, scratch.path);
  CHECK(again.code == 1);
  CHECK(again.err.find("rows = 4, true_rank = 5") != std::string::npos);
}

TEST_CASE("An axis takes its key's last part as name, the whole key where that is taken") {
  const Scratch scratch;
  scratch.write("a.csv", "1,2\n3,4\n");
  scratch.write("b.csv", "1,2\n3,5\n");
  const Dataset target =
      result_of(scratch,
                "[model]\nname = \"matrix_completion\"\nrank = 1\n[time]\nend = 1\n"
                "samples = 2\n[study]\n\"model.target\" = [\"a.csv\", \"b.csv\"]\n");
  CHECK(target.find("model.target") != nullptr);
  CHECK(target.find("target")->dimensions ==
        std::vector<std::string>{"model.target", "row", "column"});
  const Dataset samples =
      result_of(scratch,
                "[model]\nname = \"linear_regression\"\n[time]\nend = 1\n[study]\n"
                "\"model.samples\" = [3, 4]\n\"time.samples\" = [2, 3]\n");
  CHECK(samples.find("model.samples") != nullptr);
  CHECK(samples.find("time.samples") != nullptr);
  CHECK(samples.find("norm")->dimensions.front() == "model.samples");
}

TEST_CASE("A fit over too few points is NaN, and a warning and the result say why") {
  const Scratch scratch;
  const std::string study = linear + "[time]\nend = 1\nsamples = 2\n[study]\n";
  scratch.write("study.toml", study +
                                  "seed = [0, 1]\n\"flow.weight_decay\" = [0, 0.1]\n"
                                  "[measure]\nexponents = [\"grok_time\", \"end_time\"]\n"
                                  "against = \"weight_decay\"\n");
  const Finished result = call_ok({"run", "study.toml", "--out", "r"}, scratch.path);
  INFO(result.err);
  const std::string few = " has fewer than 3 finite points > 0 along weight_decay in 2 of 2 fits\n";
  CHECK(result.err.find("warning: end_time_exponent is NaN: end_time" + few) != std::string::npos);
  CHECK(result.err.find("warning: grok_time_exponent is NaN: grok_time" + few) !=
        std::string::npos);
  const Dataset data = read_netcdf(scratch / "r" / "result.nc");
  for (const std::string name : {"_exponent", "_exponent_error", "_prefactor"}) {
    const Attribute* comment = find_attribute(data.find("grok_time" + name)->attributes, "comment");
    REQUIRE(comment != nullptr);
    CHECK("warning: grok_time_exponent is " + std::get<std::string>(comment->value) + "\n" ==
          "warning: grok_time_exponent is NaN: grok_time" + few);
  }
  CHECK(call_ok({"run", "study.toml", "--out", "quiet", "--quiet"}, scratch.path).err.empty());

  scratch.write("none.toml", study +
                                 "\"flow.weight_decay\" = [1, 2]\n"
                                 "[solver]\nmax_steps = 1\n"
                                 "[measure]\nexponents = [\"grok_time\"]\n");
  const Finished none = call({"run", "none.toml", "--out", "n"}, scratch.path);
  CHECK(none.code == 1);
  CHECK(none.err.find("no run gives grok_time") != std::string::npos);

  // With points enough there is nothing to say; end_time is 1 at every decay.
  scratch.write("enough.toml", network +
                                   "[time]\nend = 1\nsamples = 2\n"
                                   "[study]\n"
                                   "\"flow.weight_decay\" = [0.1, 0.2, 0.4]\n"
                                   "[measure]\nexponents = [\"end_time\"]\n");
  CHECK(call_ok({"run", "enough.toml", "--out", "c"}, scratch.path).err.find("NaN") ==
        std::string::npos);
  CHECK(std::abs(
            read_netcdf(scratch / "c" / "result.nc").values<double>("end_time_exponent").front()) <
        1e-12);
}
