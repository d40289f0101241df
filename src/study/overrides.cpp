#include "study/overrides.hpp"

#include <algorithm>

#include "study/key_name.hpp"

namespace gradflow {
namespace {

const std::string option_origin = "--set ";

/// Gives a value, and all in it, the option's position.
void place(TomlValue& value, const SourcePosition& position) {
  value.position = position;
  if (auto* list = std::get_if<TomlValue::List>(&value.value))
    for (TomlValue& entry : *list) place(entry, position);
  if (auto* table = std::get_if<TomlValue::Table>(&value.value))
    for (auto& [name, entry] : *table) place(entry, position);
}

TomlValue parse_value(const std::string& option, std::size_t equals, const std::string& key,
                      const SourcePosition& position) {
  TomlValue::Table parsed;
  try {
    parsed =
        std::get<TomlValue::Table>(parse_toml("value = " + option.substr(equals + 1), "").value);
  } catch (const ConfigError&) {
  }
  if (parsed.size() != 1 || option.find('\n') != std::string::npos)
    throw ConfigError(position, key +
                                    ": the value is not valid TOML; texts need quotes, as in "
                                    "--set 'model.name=\"linear_regression\"'");
  TomlValue value = std::move(parsed.front().second);
  place(value, position);
  return value;
}

/// The entry of a table, which is made where it is not there.
TomlValue& entry_of(TomlValue& table, const std::string& name, const SourcePosition& position) {
  auto& entries = std::get<TomlValue::Table>(table.value);
  for (auto& [existing, entry] : entries)
    if (existing == name) return entry;
  entries.emplace_back(name, TomlValue{TomlValue::Table{}, position});
  return entries.back().second;
}

}  // namespace

void apply_override(TomlValue& document, const std::string& option) {
  const SourcePosition position{option_origin + option, 0, 0};
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos || equals == 0)
    throw ConfigError(position, "expected KEY=VALUE, as in --set model.width=200");
  std::string key = option.substr(0, equals);
  // An axis may be quoted as in the file: study."flow.weight_decay".
  std::erase(key, '"');
  TomlValue value = parse_value(option, equals, key, position);
  const auto [section, name] = KeyName::of(key);
  TomlValue* table = &document;
  if (!section.empty()) {
    table = &entry_of(document, section, position);
    if (table->table() == nullptr)
      throw ConfigError(position, key + ": '" + section + "' is not a section of the config");
  }
  entry_of(*table, name, position) = std::move(value);
}

bool from_option(const SourcePosition& position) {
  return position.origin.starts_with(option_origin);
}

}  // namespace gradflow
