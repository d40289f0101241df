#include "study/config_axis.hpp"

#include <set>

#include "study/key_name.hpp"
#include "study/range.hpp"

namespace gradflow {
namespace {

/// A list as a value of an axis: "model.widths" = [[2, 8, 1], [2, 16, 1]].
bool takes_lists(const ParameterInfo& info) {
  return info.type == ParameterType::integer_list || info.type == ParameterType::real_list ||
         info.type == ParameterType::text_list;
}

/// The values as the file gives them.
Range read_values(const std::string& called, const std::string& key, const ParameterInfo& info,
                  const TomlValue& value) {
  if (value.table() != nullptr && !takes_lists(info))
    return read_range(called, value, info.type == ParameterType::integer);
  const TomlValue::List* list = value.list();
  if (list == nullptr)
    throw ConfigError(value.position,
                      called + ": is " + value.description() +
                          ", expected a list, or a range such as { log = [1e-6, 1e-2, 5] }" +
                          (is_expression(info, convert(key, info, value))
                               ? "; an expression stands in the key's own section"
                               : ""));
  if (list->empty())
    throw ConfigError(value.position, called + ": is an empty list, expected at least one value");
  check_count(called, value, list->size());
  Range values;
  for (const TomlValue& entry : *list) {
    if (takes_lists(info) && entry.list() == nullptr && entry.table() == nullptr)
      throw ConfigError(value.position, called + ": has " + entry.description() +
                                            ", expected a list of values that are each " +
                                            info.expectation());
    values.values.push_back(convert(key, info, entry));
  }
  return values;
}

}  // namespace

StudyEntries study_entries(const TomlValue::Table& table, const Schema& schema) {
  StudyEntries entries;
  for (const auto& [key, value] : table) {
    if (!key.empty() && schema.has_section(key) && value.table() != nullptr)
      for (const auto& [name, entry] : *value.table())
        entries.emplace_back(KeyName{key, name}.whole(), &entry);
    else
      entries.emplace_back(key, &value);
  }
  return entries;
}

const ParameterInfo& declared_axis(const std::string& called, const std::string& key,
                                   const TomlValue& value, const Schema& schema) {
  if (key == "model.name") throw ConfigError(value.position, called + ": cannot be an axis");
  try {
    return schema.declared(key, value.position);
  } catch (const ConfigError& error) {
    // As it stands in the file.
    const std::string text = error.what(), at = value.position.text() + ": ";
    throw ConfigError(value.position, called + text.substr(at.size() + key.size()));
  }
}

ParameterValue checked_value(const std::string& called, const ParameterInfo& info,
                             ParameterValue value, const SourcePosition& position,
                             const Inputs& inputs) {
  // As one path wherever the config lies: `check` may be asked to print it from elsewhere.
  if (info.type == ParameterType::file)
    if (const auto* file = std::get_if<std::string>(&value))
      value = inputs.locate(*file, position).string();
  if ((info.type == ParameterType::real || info.type == ParameterType::text_or_real) &&
      std::holds_alternative<std::int64_t>(value))
    value = static_cast<double>(std::get<std::int64_t>(value));
  try {
    Parameters({info}).set(info.name, value);
  } catch (const ParameterError& error) {
    throw ConfigError(position, called + ": " + error.what() + nearest_choice(info, value));
  }
  return value;
}

ConfigAxis read_axis(const std::string& called, const std::string& key, const TomlValue& value,
                     const Schema& schema, const Inputs& inputs, Repeats repeats) {
  const ParameterInfo& info = declared_axis(called, key, value, schema);
  Range read = read_values(called, key, info, value);
  for (ParameterValue& entry : read.values)
    entry = checked_value(called, info, std::move(entry), value.position, inputs);
  std::set<ParameterValue> distinct;
  for (const ParameterValue& entry : read.values)
    if (repeats == Repeats::refused && !distinct.insert(entry).second)
      throw ConfigError(
          value.position,
          called + ": has the value " + toml_value(entry) + " twice" +
              (read.rounded ? ": the range is not of whole numbers, which the key needs"
                            : ", expected each value once"));
  return {
      key, KeyName::of(key).name, std::move(read.values), value.table() != nullptr, value.position,
      0};
}

}  // namespace gradflow
