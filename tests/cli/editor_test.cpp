#include <sstream>

#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<std::string> models(const fs::path& folder) {
  std::vector<std::string> names;
  std::istringstream list(call_ok({"models"}, folder).out);
  for (std::string line; std::getline(list, line);) names.push_back(line.substr(0, line.find(' ')));
  return names;
}

}  // namespace

TEST_CASE("The config that a model is begun with is whole, and names all that can be set") {
  const Scratch scratch;
  for (const std::string& model : models(scratch.path)) {
    INFO(model);
    const std::string config = call_ok({"new", model}, scratch.path).out;
    scratch.write("new.toml", config);
    const std::string resolved = call_ok({"check", "new.toml"}, scratch.path).out;
    CHECK(resolved.find("name = \"" + model + "\"") != std::string::npos);
    std::istringstream lines(resolved);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find(" = ");
      if (line.starts_with("#") || equals == std::string::npos) continue;
      INFO(line);
      CHECK((config.find("\n# " + line.substr(0, equals)) != std::string::npos ||
             config.find("\n" + line.substr(0, equals)) != std::string::npos));
    }
  }
  check_one_line(call({"new", "mlp"}, scratch.path), "did you mean \"multilayer_perceptron\"?");
}

TEST_CASE(
    "models NAME lists the numbers that measurements leave, as exponents and bisections name "
    "them") {
  const Scratch scratch;
  const std::string text = call_ok({"models", "diagonal_linear_network"}, scratch.path).out;
  for (const std::string name : {"fit_time", "grok_time", "slow_grok_time", "rest_speed"})
    CHECK(text.find("\n    " + name + " ") != std::string::npos);
}

TEST_CASE("The schema of configs knows each model's keys, types, ranges and choices") {
  const Scratch scratch;
  scratch.write("schema.json", call_ok({"print", "schema"}, scratch.path).out);
  const Finished looked = python(R"(
import json
schema = json.load(open('schema.json'))
top = schema['properties']
assert top['flow']['properties']['weight_decay']['minimum'] == 0
assert 'cvode' in top['solver']['properties']['method']['enum']
assert top['seed']['type'] == ['integer', 'string'] and 'study' in top
bisect = top['study']['properties']['bisect']
assert bisect['properties']['scale']['enum'] == ['log', 'linear']
assert bisect['properties']['tolerance']['default'] == 1e-3 and 'level' in bisect['required']
assert {'required': ['variant']} in [at['properties']['study'] for at in schema['anyOf'] if at['required'] == ['study']]
names = top['model']['properties']['name']['enum']
by_model = {c['if']['properties']['model']['properties']['name']['const']:
            c['then']['properties']['model'] for c in schema['allOf']}
assert set(by_model) == set(names)
assert 'relu' in by_model['two_layer_network']['properties']['activation']['anyOf'][0]['enum']
assert not by_model['two_layer_network']['additionalProperties']
)",
                                 scratch.path);
  INFO(looked.err);
  CHECK(looked.code == 0);
}

TEST_CASE("The completion for bash offers commands, options, models and keys") {
  const Scratch scratch;
  scratch.write("gradflow", call_ok({"print", "completion"}, scratch.path).out);
  const auto offered = [&](const std::string& words, int current) {
    const std::string script = ". ./gradflow; compopt() { :; }; COMP_WORDS=(" + words +
                               "); COMP_CWORD=" + std::to_string(current) +
                               "; _gradflow; echo \"${COMPREPLY[@]}\"";
    return run_program("/bin/bash", {"-c", script}, scratch.path).out;
  };
  CHECK(offered("gradflow chec", 1) == "check\n");
  CHECK(offered("gradflow run --over", 2) == "--overwrite\n");
  CHECK(offered("gradflow models multi", 2) == "multilayer_perceptron\n");
  CHECK(offered("gradflow run x --set solver.met", 4) == "solver.method=\n");
  CHECK(offered("gradflow run x --set study.bisect.tol", 4) == "study.bisect.tolerance=\n");
  CHECK(offered("gradflow run gradf", 2) == "gradflow\n");
}

TEST_CASE("The man page names each command with its options") {
  const Scratch scratch;
  const std::string page = call_ok({"print", "man"}, scratch.path).out;
  for (const std::string part : {".SS run", ".B \\-\\-overwrite", ".SS help", ".SH EXIT STATUS"})
    CHECK(page.find(part) != std::string::npos);
}
