#include "study/bisection_reading.hpp"

#include <cmath>

#include "study/config_axis.hpp"
#include "study/key_name.hpp"

namespace gradflow {
namespace {

constexpr const char* table_name = "study.bisect";

/// What kind of key it is, and whether it takes both ends.
void check_key(GivenBisection& given, const Schema& schema) {
  Bisection& bisection = given.bisection;
  const SourcePosition& at = given.position("key");
  if (bisection.key == "model.name") given.complain("key", "is model.name, which is no number");
  const ParameterInfo* info = nullptr;
  try {
    info = &schema.declared(bisection.key, at);
  } catch (const ConfigError& error) {
    const std::string text = error.what(), place = at.text() + ": ";
    given.complain(
        "key", "is " + toml_text(bisection.key) + text.substr(place.size() + bisection.key.size()));
  }
  if (info->type != ParameterType::real && info->type != ParameterType::integer)
    given.complain("key", "is " + toml_text(bisection.key) + ", which takes " +
                              info->expectation() + ", and what is bisected is a number");
  bisection.name = KeyName::of(bisection.key).name;
  bisection.whole = info->type == ParameterType::integer;
  for (const double end : bisection.between) {
    if (bisection.whole && end != std::floor(end))
      given.complain("between", "has " + toml_number(end) + ", expected integers, which " +
                                    bisection.key + " takes");
    try {
      Parameters({*info}).set(info->name, bisection.value(end));
    } catch (const ParameterError& error) {
      given.complain("between",
                     "has " + toml_number(end) + ", and " + bisection.key + " " + error.what());
    }
  }
}

void check_tolerance(GivenBisection& given, bool is_given) {
  Bisection& bisection = given.bisection;
  if (!bisection.whole) return;
  if (!is_given) bisection.tolerance = 1;
  if (bisection.tolerance < 1)
    given.complain("tolerance", "is " + toml_number(bisection.tolerance) +
                                    ", expected 1 or more: " + bisection.key + " takes integers");
}

}  // namespace

const SourcePosition& GivenBisection::position(const std::string& key) const {
  const auto found = positions.find(key);
  return found != positions.end() ? found->second : positions.at("");
}

void GivenBisection::complain(const std::string& key, const std::string& what) const {
  throw ConfigError(position(key), std::string(table_name) + "." + key + ": " + what);
}

GivenBisection read_bisection(const TomlValue& value, const StudyReading& reading) {
  if (value.table() == nullptr)
    throw ConfigError(value.position, std::string(table_name) + ": is " + value.description() +
                                          ", expected a table ([" + table_name + "])");
  Parameters parameters(Bisection::declaration());
  GivenBisection given;
  given.positions[""] = value.position;
  std::vector<std::string> names;
  for (const ParameterInfo& info : parameters.declared()) names.push_back(info.name);
  try {
    for (const auto& [name, entry] : *value.table()) {
      const std::string whole = std::string(table_name) + "." + name;
      const ParameterInfo* info = parameters.find(name);
      if (info == nullptr)
        throw ConfigError(entry.position, whole + ": unknown key" + suggestion(name, names));
      given.positions[name] = entry.position;
      const ParameterValue converted = convert(whole, *info, entry);
      try {
        parameters.set(name, converted);
      } catch (const ParameterError& error) {
        given.complain(name, error.what() + nearest_choice(*info, converted));
      }
    }
    given.bisection = Bisection::from(parameters);
  } catch (const ParameterError& error) {
    given.complain(error.parameter(), error.what());
  }
  check_key(given, reading.schema);
  check_tolerance(given, parameters.given("tolerance"));
  return given;
}

}  // namespace gradflow
