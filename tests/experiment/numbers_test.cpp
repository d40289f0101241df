#include <algorithm>

#include "experiment/experiment.hpp"
#include "flow/registry.hpp"
#include "study/point.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// The shortest run of a model with every measurement that it can have.
std::string config_of(const ModelInfo& info) {
  const auto offers = [&](const std::string& flow) {
    return std::find(info.flows.begin(), info.flows.end(), flow) != info.flows.end();
  };
  std::string text = "[model]\nname = \"" + info.name + "\"\n";
  if (info.name == "modular_addition") text += "modulus = 5\nwidth = 4\n";
  if (info.name.starts_with("single_index")) text += "width = 5\n";
  if (offers(slow_limit_kind())) text += "[flow]\nweight_decay = 0.1\n";
  text += "[time]\nend = 1e-2\nsamples = 3\n";
  if (offers(descent_kind()) && offers(slow_limit_kind())) text += "stop_gradient_norm = 1e-30\n";
  return text;
}

}  // namespace

TEST_CASE("Every number of a run is declared, so that an exponent is looked for before it") {
  for (const ModelInfo& info : models()) {
    INFO(info.name);
    const Scratch scratch;
    scratch.write("c.toml", config_of(info));
    const Config config = Config::load(scratch.path / "c.toml", {});
    std::vector<std::string> declared;
    for (const NumberInfo& number : numbers_of(config.setup(0), info.numbers))
      declared.push_back(number.name);
    PhaseReferences references;
    const PointResult result = run_point(config, StudyRun{}, references, {});
    INFO(result.message);
    CHECK(result.status == Status::ok);
    for (const Variable& variable : result.data.variables())
      if (variable.dimensions.empty() &&
          std::holds_alternative<std::vector<double>>(variable.values)) {
        INFO(variable.name);
        CHECK(std::find(declared.begin(), declared.end(), variable.name) != declared.end());
      }
  }
}
