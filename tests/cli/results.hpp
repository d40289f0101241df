#pragma once

#include <string>
#include <vector>

#include "study/point_files.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

/// Results of small configs, as the binary leaves them.
namespace gradflow::testing {

const std::string linear = R"(seed = 3
[model]
name = "linear_regression"
samples = 6
dimension = 10
test_samples = 20
)";

const std::string network = R"(seed = 3
[model]
name = "diagonal_linear_network"
samples = 6
dimension = 12
test_samples = 20
initial_variance = 1
)";

/// A study of five decays and so many seeds, of points of some milliseconds.
inline std::string small_study(int seeds) {
  return R"([model]
name = "diagonal_linear_network"
samples = 8
dimension = 30
test_samples = 50
[time]
end = 1e4
samples = 40
[study]
"flow.weight_decay" = { log = [1e-4, 1e-2, 5] }
seed = { count = )" +
         std::to_string(seeds) + " }\n";
}

/// The hash of all numbers of a folder's result.
inline std::string content_hash(const fs::path& folder) {
  return text_attribute(read_netcdf(folder / "result.nc", {}), "content_hash");
}

/// How many points of its study a folder holds.
inline std::size_t points_of(const fs::path& folder) {
  return PointFiles(folder, "").size();
}

inline Dataset result_of(const Scratch& scratch, const std::string& config,
                         const std::vector<std::string>& more = {}) {
  static int count = 0;
  const std::string folder = "result" + std::to_string(count++);
  scratch.write("run.toml", config);
  std::vector<std::string> arguments{"run", "run.toml", "--out", folder, "--quiet"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  call_ok(arguments, scratch.path);
  return read_netcdf(scratch / folder / "result.nc");
}

inline double number(const Dataset& data, const std::string& name) {
  const auto& values = data.values<double>(name);
  REQUIRE(values.size() == 1);
  return values.front();
}

inline std::int32_t code(const Dataset& data, const std::string& name) {
  const auto& values = data.values<std::int32_t>(name);
  REQUIRE(values.size() == 1);
  return values.front();
}

}  // namespace gradflow::testing
