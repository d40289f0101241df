#include "study/overrides.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <sstream>

#include "io/utf8.hpp"
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

/// A text that a shell was not given quotes for: nothing in it has a meaning in TOML.
bool is_bare_text(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 ||
           (c != 0 && std::strchr("_-+*/^~.:@%() ", c) != nullptr);
  };
  return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), plain);
}

/// The value with quotes around its bare words, alone or in a list.
std::string with_quotes(const std::string& value) {
  if (is_bare_text(value)) return toml_text(value);
  if (value.size() < 2 || value.front() != '[' || value.back() != ']') return value;
  std::string list;
  std::istringstream entries(value.substr(1, value.size() - 2));
  for (std::string entry; std::getline(entries, entry, ',');) {
    entry.erase(0, entry.find_first_not_of(' '));
    entry.erase(entry.find_last_not_of(' ') + 1);
    list += (list.empty() ? "" : ", ") + (is_bare_text(entry) ? toml_text(entry) : entry);
  }
  return "[" + list + "]";
}

/// None where the text is not one value.
std::optional<TomlValue> parsed(const std::string& value) {
  if (value.find('\n') != std::string::npos) return std::nullopt;
  try {
    auto table = std::get<TomlValue::Table>(parse_toml("value = " + value, "").value);
    if (table.size() == 1) return std::move(table.front().value);
  } catch (const ConfigError&) {
  }
  return std::nullopt;
}

TomlValue parse_value(const std::string& option, std::size_t equals, const std::string& key,
                      const SourcePosition& position) {
  const std::string text = option.substr(equals + 1);
  if (valid_utf8(text) != text)
    throw ConfigError(position, key + ": the value has bytes that are not UTF-8");
  std::optional<TomlValue> value = parsed(text);
  if (!value) value = parsed(with_quotes(text));
  if (!value)
    throw ConfigError(position, key +
                                    ": the value is not valid TOML; texts need quotes, as in "
                                    "--set 'solver.method=\"rodas\"'");
  place(*value, position);
  return *std::move(value);
}

/// The entry of a table, which is made where it is not there.
TomlValue& entry_of(TomlValue& table, const std::string& name, const SourcePosition& position) {
  auto& entries = std::get<TomlValue::Table>(table.value);
  for (auto& [existing, entry] : entries)
    if (existing == name) return entry;
  entries.push_back({name, TomlValue{TomlValue::Table{}, position}});
  return entries.back().value;
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
  // [study.bisect] is a table of the section, and no axis has a name that begins so.
  const auto [inner, inner_name] = KeyName::of(name);
  if (section == "study" && inner == "bisect") {
    table = &entry_of(*table, inner, position);
    if (table->table() == nullptr)
      throw ConfigError(position, key + ": study.bisect is not a table of the config");
    entry_of(*table, inner_name, position) = std::move(value);
    return;
  }
  entry_of(*table, name, position) = std::move(value);
}

bool from_option(const SourcePosition& position) {
  return position.origin.starts_with(option_origin);
}

}  // namespace gradflow
