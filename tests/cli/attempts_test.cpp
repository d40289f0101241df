#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("A run that fails for its tolerances is repeated at a tenth of them, and says so") {
  // Steps that shrink to nothing, then a path with errors of a hundredth, which amplifies them.
  const std::string config =
      network +
      "[flow]\nweight_decay = 1e-2\n[time]\nend = 1e3\nsamples = 20\n"
      "[solver]\nmethod = \"dopri5\"\nverify = true\nrtol = 0.1\natol = 0.1\n";
  const Scratch scratch;
  scratch.write("run.toml", config);
  CHECK(call({"run", "run.toml", "--out", "without"}, scratch.path).code == 1);
  const Dataset without = read_netcdf(scratch / "without" / "result.nc");
  CHECK(without.values<std::int64_t>("attempts").front() == 1);
  CHECK(code(without, "status") == 1);
  CHECK(call({"run", "run.toml", "--out", "one", "--set", "solver.retries=1"}, scratch.path).code ==
        1);
  CHECK(read_netcdf(scratch / "one" / "result.nc").values<std::int64_t>("attempts").front() == 2);
  const Dataset retried = result_of(scratch, config, {"--set", "solver.retries=10"});
  const auto attempts = retried.values<std::int64_t>("attempts").front();
  CHECK(attempts > 2);
  CHECK(code(retried, "status") == 0);
  const std::string& message = retried.values<std::string>("message").front();
  INFO(message);
  CHECK(message.find("attempt " + std::to_string(attempts) + ", at rtol = ") != std::string::npos);
  CHECK(message.find("after step_underflow, ") != std::string::npos);
}

TEST_CASE("What tolerances have no part in is not repeated") {
  const Scratch scratch;
  scratch.write("run.toml", network + "[time]\nend = 1e3\n[solver]\nmax_steps = 3\nretries = 5\n");
  CHECK(call({"run", "run.toml", "--out", "r"}, scratch.path).code == 1);
  const Dataset data = read_netcdf(scratch / "r" / "result.nc");
  CHECK(data.values<std::int64_t>("attempts").front() == 1);
  CHECK(code(data, "status") == 4);
}

TEST_CASE("Without trajectories a result holds the last value of each observable") {
  const Scratch scratch;
  const std::string plain =
      network + "[flow]\nweight_decay = 1e-2\n[time]\nend = 100\nsamples = 30\n";
  const Dataset whole = result_of(scratch, plain);
  const Dataset ends = result_of(scratch, plain + "[output]\ntrajectories = false\n");
  CHECK(ends.find("time") == nullptr);
  CHECK(ends.find_dimension("time") == nullptr);
  int over_time = 0;
  for (const Variable& variable : whole.variables()) {
    CAPTURE(variable.name);
    if (variable.dimensions.empty() || variable.dimensions.front() != "time") {
      REQUIRE(ends.find(variable.name) != nullptr);
      if (variable.name != "wall_seconds") CHECK(bits(*ends.find(variable.name)) == bits(variable));
      continue;
    }
    CHECK(ends.find(variable.name) == nullptr);
    if (variable.name == "time" || variable.name == "slow_time") continue;
    ++over_time;
    const Variable* last = ends.find("final_" + variable.name);
    REQUIRE(last != nullptr);
    const auto &all = std::get<std::vector<double>>(variable.values),
               &values = std::get<std::vector<double>>(last->values);
    CHECK(std::equal(values.rbegin(), values.rend(), all.rbegin()));
  }
  CHECK(over_time > 3);
}

TEST_CASE("Exponents may be those of last values") {
  const Scratch scratch;
  const Dataset data =
      result_of(scratch, network +
                             "[time]\nend = 100\nsamples = 5\n[output]\ntrajectories = false\n"
                             "[measure]\nexponents = [\"final_norm\"]\n"
                             "[study]\n\"flow.weight_decay\" = [1e-3, 1e-2, 1e-1]\n");
  CHECK(data.values<double>("final_norm").size() == 3);
  CHECK(std::isfinite(number(data, "final_norm_exponent")));
  scratch.write("no.toml", network +
                               "[time]\nend = 1\n[measure]\nexponents = [\"final_norm\"]\n"
                               "[study]\n\"flow.weight_decay\" = [1e-3, 1e-2]\n");
  const Finished refused = call({"check", "no.toml"}, scratch.path);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("final_norm") != std::string::npos);
  scratch.write("both.toml",
                network + "[time]\nend = 1\n[output]\nparameters = true\ntrajectories = false\n");
  const Finished both = call({"check", "both.toml"}, scratch.path);
  CHECK(both.code == 2);
  CHECK(both.err.find("output.parameters: does not go with output.trajectories = false") !=
        std::string::npos);
}
