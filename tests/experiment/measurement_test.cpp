#include "experiment/measurement.hpp"

#include "models/registry.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<std::string> names(const std::string& model, const Settings& parameters) {
  std::vector<std::string> all;
  for (const MeasurementInfo& info :
       measurements_of(find_model(model)->flows, make_model(model, parameters)->observables({})))
    all.push_back(info.name);
  return all;
}

}  // namespace

TEST_CASE("A model's measurements are those whose flows it offers and whose observables it has") {
  CHECK(names("diagonal_linear_network", {}) ==
        std::vector<std::string>{"grokking", "two_phases", "rest"});
  // The mean field of a population has no test data, no slow limit, and no gradient norm.
  CHECK(names("single_index_mean_field", {}).empty());
}

TEST_CASE("A measurement says which keys it takes, each of which a config knows") {
  std::vector<std::string> keys;
  for (const ParameterInfo& info : MeasureSettings::declaration())
    keys.push_back("measure." + info.name);
  for (const ParameterInfo& info : TimeSettings::declaration()) keys.push_back("time." + info.name);
  for (const MeasurementInfo& info : measurements()) {
    CAPTURE(info.name);
    CHECK(!info.summary.empty());
    for (const std::string& key : info.keys)
      CHECK(std::find(keys.begin(), keys.end(), key) != keys.end());
  }
}
