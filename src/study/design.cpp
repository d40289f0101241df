#include "study/design.hpp"

#include <algorithm>

#include "study/design_groups.hpp"
#include "study/key_name.hpp"
#include "study/range.hpp"

namespace gradflow {

Design::Design(const TomlValue& study, const Schema& schema, const Inputs& inputs,
               Complaints& complaints) {
  const StudyReading reading{schema, inputs};
  complaints.hear([&] {
    if (study.table() == nullptr)
      throw ConfigError(study.position, "study: is " + study.description() +
                                            ", expected a section [study] of axes");
    const auto is_group = [](const auto& entry) {
      const std::vector<std::string>& kinds = group_kinds();
      return std::find(kinds.begin(), kinds.end(), entry.first) != kinds.end();
    };
    const StudyEntries entries = study_entries(*study.table(), schema);
    if (entries.empty())
      throw ConfigError(study.position,
                        "study: has no axis, expected one or more keys with a list or a range");
    const auto is_bisection = [](const auto& entry) { return entry.first == "bisect"; };
    for (const auto& entry : entries)
      if (!is_group(entry) && !is_bisection(entry))
        complaints.hear([&] { take(entry.first, *entry.second, reading); });
    for (const auto& entry : entries)
      if (is_group(entry)) take_groups(entry.first, *entry.second, reading, complaints);
    for (const auto& entry : entries)
      if (is_bisection(entry)) complaints.hear([&] { take_bisection(*entry.second, reading); });
  });
  find_models(schema);
  name_axes();
  check_names(complaints);
}

void Design::find_models(const Schema& schema) {
  const ConfigAxis* name = axis("model.name");
  if (name == nullptr) return;
  model_dimension_ = name->dimension;
  for (const ParameterValue& value : name->values) {
    const auto* text = std::get_if<std::string>(&value);
    models_.push_back(text != nullptr ? schema.index_of(*text) : 0);
  }
}

void Design::take(const std::string& key, const TomlValue& value, const StudyReading& reading) {
  const std::string called = "study." + key;
  check_new(called, key, value.position);
  // Of a model that is not known, nobody can say.
  if (!reading.schema.has_model() && KeyName::of(key).section == "model") return;
  ConfigAxis axis = read_axis(called, key, value, reading.schema, reading.inputs);
  StudyDimension dimension{axis.key, axis.name, "", axis.values.size(), "", value.position};
  add(std::move(dimension), {std::move(axis)});
}

void Design::take_groups(const std::string& kind, const TomlValue& value,
                         const StudyReading& reading, Complaints& complaints) {
  if (value.table() == nullptr || value.table()->empty()) {
    complaints.hear([&] {
      throw ConfigError(value.position, "study." + kind + ": is " + value.description() +
                                            ", expected groups with names, [study." + kind +
                                            ".NAME]");
    });
    return;
  }
  // Of a model that is not known, nobody can say.
  if (!reading.schema.has_model()) return;
  for (const auto& [name, table] : *value.table())
    complaints.hear([&, &name = name, &table = table] {
      StudyGroup group = read_group(kind, name, table, reading);
      for (const ConfigAxis& key : group.keys)
        check_new("study." + kind + "." + name + "." + key.key, key.key, key.position);
      add(std::move(group.dimension), std::move(group.keys));
    });
}

void Design::take_bisection(const TomlValue& value, const StudyReading& reading) {
  // Of a model that is not known, nobody can say.
  if (!reading.schema.has_model()) return;
  GivenBisection given = read_bisection(value, reading);
  Bisection& bisection = given.bisection;
  check_new("study.bisect.key", bisection.key, given.position("key"));
  const double runs = static_cast<double>(points()) * static_cast<double>(bisection.longest());
  if (runs > static_cast<double>(most_points))
    throw ConfigError(value.position, "study.bisect: makes a study of " + toml_number(runs) +
                                          " runs, expected at most " + std::to_string(most_points));
  for (const ConfigAxis& axis : axes_)
    if (axis.name == bisection.name) bisection.name = bisection.key;
  bisection_ = std::move(given);
}

void Design::check_new(const std::string& called, const std::string& key,
                       const SourcePosition& position) const {
  for (const ConfigAxis& other : axes_)
    if (other.key == key)
      throw ConfigError(position, called + ": is " +
                                      (dimensions_[other.dimension].is_group()
                                           ? "in " + dimensions_[other.dimension].key
                                           : std::string("an axis")) +
                                      " already, at " + other.position.text());
}

void Design::add(StudyDimension dimension, std::vector<ConfigAxis> keys) {
  double points = static_cast<double>(dimension.length);
  for (const StudyDimension& other : dimensions_) points *= static_cast<double>(other.length);
  if (points > static_cast<double>(most_points))
    throw ConfigError(dimension.position, "study." + dimension.key + ": makes a study of " +
                                              toml_number(points) + " points, expected at most " +
                                              std::to_string(most_points));
  for (ConfigAxis& key : keys) {
    key.dimension = dimensions_.size();
    axes_.push_back(std::move(key));
  }
  dimensions_.push_back(std::move(dimension));
}

void Design::name_axes() {
  std::map<std::string, int> times;  // of those that are coordinates
  for (const ConfigAxis& axis : axes_)
    if (!is_of_variants(axis)) ++times[KeyName::of(axis.key).name];
  for (ConfigAxis& axis : axes_) {
    if (is_of_variants(axis)) continue;
    if (times.at(axis.name) > 1) axis.name = axis.key;
    if (!dimensions_[axis.dimension].is_group()) dimensions_[axis.dimension].name = axis.name;
  }
}

void Design::check_names(Complaints& complaints) const {
  for (std::size_t d = 0; d < dimensions_.size(); ++d) {
    const StudyDimension& group = dimensions_[d];
    if (!group.is_group()) continue;
    complaints.hear([&] {
      const std::string called = "study." + group.key;
      for (const ConfigAxis& axis : axes_)
        if (!is_of_variants(axis) && axis.name == group.name)
          throw ConfigError(group.position,
                            called + ": has the name of " + axis.key + ", expected one of its own");
      for (std::size_t other = 0; other < d; ++other)
        if (dimensions_[other].is_group() && dimensions_[other].name == group.name)
          throw ConfigError(group.position, called + ": has the name of study." +
                                                dimensions_[other].key +
                                                ", expected one of its own");
    });
  }
}

std::size_t Design::points() const {
  std::size_t n = 1;
  for (const StudyDimension& dimension : dimensions_) n *= dimension.length;
  return n;
}

std::size_t Design::stride(std::size_t dimension) const {
  std::size_t n = 1;
  for (std::size_t d = dimension + 1; d < dimensions_.size(); ++d) n *= dimensions_[d].length;
  return n;
}

std::vector<std::size_t> Design::places(std::size_t point) const {
  std::vector<std::size_t> places(dimensions_.size());
  for (std::size_t d = dimensions_.size(); d-- > 0;) {
    places[d] = point % dimensions_[d].length;
    point /= dimensions_[d].length;
  }
  return places;
}

const ConfigAxis* Design::find(const std::string& name) const {
  for (const ConfigAxis& axis : axes_)
    if (!is_of_variants(axis) && (axis.name == name || axis.key == name)) return &axis;
  return nullptr;
}

const ConfigAxis* Design::fit_axis(const std::string& against) const {
  if (const ConfigAxis* named = find(against)) return named;
  for (const ConfigAxis& axis : axes_)
    if (!is_of_variants(axis) && !axis.is_of_seeds()) return &axis;
  return nullptr;
}

std::string Design::called(const ConfigAxis& axis) const {
  const StudyDimension& dimension = dimensions_[axis.dimension];
  return "study." + (dimension.is_group() ? dimension.key + "." : "") + axis.key;
}

const ConfigAxis* Design::axis(const std::string& key) const {
  for (const ConfigAxis& axis : axes_)
    if (axis.key == key) return &axis;
  return nullptr;
}

bool Design::varies(const std::string& key) const {
  return axis(key) != nullptr || (bisection_ && bisection_->bisection.key == key);
}

bool Design::is_axis(const std::string& key) const {
  return std::any_of(axes_.begin(), axes_.end(), [&](const ConfigAxis& axis) {
    return axis.key == key && !dimensions_[axis.dimension].is_group();
  });
}

}  // namespace gradflow
