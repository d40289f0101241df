#include <sstream>

#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// What a summary says of `name`; empty where it says nothing.
std::string said(const std::string& out, const std::string& name) {
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name + " ")) return line.substr(line.find_first_not_of(' ', name.size()));
  return "";
}

}  // namespace

TEST_CASE("A run ends with what it came to, the line that draws it, and the path of its result") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  const Finished run = call_ok({"run", "run.toml", "--out", "a folder"}, scratch.path);
  INFO(run.out);
  const Dataset data = read_netcdf(scratch / "a folder" / "result.nc");
  CHECK(said(run.out, "status") == "ok");
  CHECK(said(run.out, "end")
            .starts_with("t = 1, " + std::to_string(data.values<std::int64_t>("steps")[0]) +
                         " steps, "));
  CHECK(said(run.out, "solver") == "dopri5");
  CHECK(said(run.out, "train_loss").ends_with("(training loss F(w), without the decay term)"));
  CHECK(said(run.out, "plot") == "gradflow plot 'a folder'");
  CHECK(last_line(run.out) == "a folder/result.nc");
  // Nothing is left to do, and the same is said.
  const Finished again =
      call_ok({"run", "run.toml", "--out", "a folder", "--resume"}, scratch.path);
  CHECK(again.out == run.out);
  const Finished implicit =
      call_ok({"run", "run.toml", "--out", "c", "--set", "solver.method=rodas"}, scratch.path);
  CHECK(said(implicit.out, "solver") ==
        "rodas (RODAS5P) (as asked), Newton matrix " +
            read_netcdf(scratch / "c" / "result.nc").values<std::string>("solver_linear")[0]);
  // Quiet, the path is all.
  CHECK(call_ok({"run", "run.toml", "--out", "b", "--quiet"}, scratch.path).out == "b/result.nc\n");
}

TEST_CASE("Warnings are words at the end of a run, a method that was asked for is said to be") {
  const Scratch scratch;
  scratch.write("run.toml", small_run + "[solver]\nmethod = \"dopri5\"\n");
  CHECK(said(call_ok({"run", "run.toml"}, scratch.path).out, "solver") == "dopri5 (as asked)");
  scratch.write("stays.toml",
                "[model]\nname = \"deep_linear_network\"\ndepth = 2\ninitial_scale = "
                "0.0\n[time]\nend = 1e3\n");
  const Finished stays = call({"run", "stays.toml"}, scratch.path);
  INFO(stays.out << stays.err);
  CHECK(said(stays.out, "warnings") == "stays on saddle");
}

TEST_CASE("A study ends with the counts of its points") {
  const Scratch scratch;
  scratch.write("study.toml", small_run + "[study]\nseed = [0, 1, 2]\n");
  const Finished study = call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  CHECK(said(study.out, "points") == "3: 3 done, 0 failed");
  CHECK(said(study.out, "this call").starts_with("3 points in "));
  CHECK(said(study.out, "plot") == "gradflow plot s");
  CHECK(last_line(study.out) == "s/result.nc");
}

TEST_CASE("A study that fits exponents ends with them") {
  const Scratch scratch;
  scratch.write("study.toml", small_run +
                                  "[measure]\nexponents = [\"end_time\"]\nagainst = \"end\"\n"
                                  "[study]\nseed = [0, 1]\n\"time.end\" = [0.1, 0.2, 0.4]\n");
  const std::string out = call_ok({"run", "study.toml", "--out", "s"}, scratch.path).out;
  const std::string exponent = said(out, "end_time_exponent");
  CHECK(exponent.starts_with("1 to 1, each within "));
  CHECK(exponent.find(", 2 of 2  (exponent of end_time against end)") != std::string::npos);
}

TEST_CASE("What check prints begins with how large it all is, and is a config all the same") {
  const Scratch scratch;
  scratch.write("study.toml", small_run + "[study]\nseed = [0, 1, 2]\n\"time.end\" = [1, 2]\n");
  const std::string out = call_ok({"check", "study.toml"}, scratch.path).out;
  CHECK(said(out, "# points") == "6 = 3 seed x 2 time.end");
  CHECK(said(out, "# parameters") == "4");
  CHECK(said(out, "# residuals") == "3");
  CHECK(said(out, "# solver")
            .starts_with("dopri5 if not stiff, else rodas (RODAS5P), Newton matrix "));
  CHECK(said(out, "# a sample").find(" bytes; the result about ") != std::string::npos);
  scratch.write("again.toml", out);
  CHECK(call_ok({"check", "again.toml"}, scratch.path).out == out);
}
