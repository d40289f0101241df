#include "study/design.hpp"

#include <algorithm>
#include <set>

#include "study/key_name.hpp"
#include "study/range.hpp"

namespace gradflow {
namespace {

using Entries = std::vector<std::pair<std::string, const TomlValue*>>;

/// The keys of [study] with their values. Unquoted dotted keys are nested tables; they are taken as
/// the same axis.
Entries study_entries(const TomlValue::Table& study, const Schema& schema) {
  Entries entries;
  for (const auto& [key, value] : study) {
    if (!key.empty() && schema.has_section(key) && value.table() != nullptr)
      for (const auto& [name, entry] : *value.table())
        entries.emplace_back(KeyName{key, name}.whole(), &entry);
    else
      entries.emplace_back(key, &value);
  }
  return entries;
}

/// A list as a value of an axis: "model.widths" = [[2, 8, 1], [2, 16, 1]].
bool takes_lists(const ParameterInfo& info) {
  return info.type == ParameterType::integer_list || info.type == ParameterType::real_list ||
         info.type == ParameterType::text_list;
}

/// The declaration of an axis's key, whose complaint names the axis as it stands in the file.
const ParameterInfo& declared_axis(const std::string& called, const std::string& key,
                                   const TomlValue& value, const Schema& schema) {
  try {
    return schema.declared(key, value.position);
  } catch (const ConfigError& error) {
    const std::string text = error.what(), at = value.position.text() + ": ";
    throw ConfigError(value.position, called + text.substr(at.size() + key.size()));
  }
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
                          ", expected a list, or a range such as { log = [1e-6, 1e-2, 5] }");
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

ConfigAxis read_axis(const std::string& called, const std::string& key, const TomlValue& value,
                     const Schema& schema, const Inputs& inputs) {
  const ParameterInfo& info = declared_axis(called, key, value, schema);
  if (key == "model.name") throw ConfigError(value.position, called + ": cannot be an axis");
  Range read = read_values(called, key, info, value);
  Parameters trial({info});
  std::set<ParameterValue> distinct;
  for (ParameterValue& entry : read.values) {
    // As one path wherever the config lies: `check` may be asked to print it from elsewhere.
    if (info.type == ParameterType::file)
      if (const auto* file = std::get_if<std::string>(&entry))
        entry = inputs.locate(*file, value.position).string();
    if (info.type == ParameterType::real && std::holds_alternative<std::int64_t>(entry))
      entry = static_cast<double>(std::get<std::int64_t>(entry));
    try {
      trial.set(info.name, entry);
    } catch (const ParameterError& error) {
      throw ConfigError(value.position,
                        called + ": " + error.what() + nearest_choice(info.choices, entry));
    }
  }
  for (const ParameterValue& entry : read.values)
    if (!distinct.insert(entry).second)
      throw ConfigError(
          value.position,
          called + ": has the value " + toml_value(entry) + " twice" +
              (read.rounded ? ": the range is not of whole numbers, which the key needs"
                            : ", expected each value once"));
  return {key, KeyName::of(key).name, std::move(read.values), value.table() != nullptr,
          value.position};
}

Design::Design(const TomlValue& study, const Schema& schema, const Inputs& inputs,
               Complaints& complaints) {
  complaints.hear([&] {
    if (study.table() == nullptr)
      throw ConfigError(study.position, "study: is " + study.description() +
                                            ", expected a section [study] of axes");
    const Entries entries = study_entries(*study.table(), schema);
    if (entries.empty())
      throw ConfigError(study.position,
                        "study: has no axis, expected one or more keys with a list or a range");
    for (const auto& [key, value] : entries)
      complaints.hear([&, &key = key, &value = value] { take(key, *value, schema, inputs); });
  });
  name_axes();
}

void Design::take(const std::string& key, const TomlValue& value, const Schema& schema,
                  const Inputs& inputs) {
  const std::string called = "study." + key;
  for (const ConfigAxis& other : axes_)
    if (other.key == key)
      throw ConfigError(value.position,
                        called + ": is an axis already, at " + other.position.text());
  // Of a model that is not known, nobody can say.
  if (!schema.has_model() && KeyName::of(key).section == "model") return;
  axes_.push_back(read_axis(called, key, value, schema, inputs));
  const auto points_so_far = [this] {
    double points = 1;
    for (const ConfigAxis& axis : axes_) points *= static_cast<double>(axis.values.size());
    return points;
  };
  if (const double points = points_so_far(); points > static_cast<double>(most_points)) {
    axes_.pop_back();
    throw ConfigError(value.position, called + ": makes a study of " + toml_number(points) +
                                          " points, expected at most " +
                                          std::to_string(most_points));
  }
}

void Design::name_axes() {
  std::map<std::string, int> times;
  for (const ConfigAxis& axis : axes_) ++times[KeyName::of(axis.key).name];
  for (ConfigAxis& axis : axes_)
    if (times.at(axis.name) > 1) axis.name = axis.key;
}

std::size_t Design::points() const {
  std::size_t n = 1;
  for (const ConfigAxis& axis : axes_) n *= axis.values.size();
  return n;
}

std::vector<std::size_t> Design::coordinates(std::size_t point) const {
  std::vector<std::size_t> index(axes_.size());
  for (std::size_t a = axes_.size(); a-- > 0;) {
    index[a] = point % axes_[a].values.size();
    point /= axes_[a].values.size();
  }
  return index;
}

const ConfigAxis* Design::find(const std::string& name) const {
  for (const ConfigAxis& axis : axes_)
    if (axis.name == name || axis.key == name) return &axis;
  return nullptr;
}

bool Design::varies(const std::string& key) const {
  return std::any_of(axes_.begin(), axes_.end(),
                     [&](const ConfigAxis& axis) { return axis.key == key; });
}

}  // namespace gradflow
