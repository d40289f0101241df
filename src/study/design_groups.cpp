#include "study/design_groups.hpp"

#include <algorithm>
#include <boost/random/sobol.hpp>
#include <cmath>
#include <optional>

#include "numerics/random.hpp"
#include "study/key_name.hpp"
#include "study/range.hpp"

namespace gradflow {
namespace {

constexpr std::size_t most_sobol_keys = 3667;  // directions of Joe and Kuo that Boost has

/// What all keys of a group have from it.
ConfigAxis axis_of(const std::string& key, std::vector<ParameterValue> values,
                   const SourcePosition& position) {
  return {key, KeyName::of(key).name, std::move(values), true, position, 0};
}

/// first + (last - first) u, or the same on logarithms.
struct Bounds {
  double first = 0, last = 0;
  bool geometric = false;
  bool whole = false;

  ParameterValue at(double u) const {
    if (whole) {
      // Each integer has an equal share of (0, 1), or of the logarithms.
      const double low = first, high = last + 1;
      const double x = geometric ? low * std::pow(high / low, u) : low + (high - low) * u;
      return static_cast<std::int64_t>(std::clamp(std::floor(x), first, last));
    }
    return geometric ? first * std::pow(last / first, u) : first + (last - first) * u;
  }
  std::string text() const {
    const auto number = [&](double x) {
      return whole ? std::to_string(static_cast<std::int64_t>(x)) : toml_number(x);
    };
    return std::string("{ ") + (geometric ? "log" : "linear") + " = [" + number(first) + ", " +
           number(last) + "] }";
  }
};

std::optional<double> number_of(const TomlValue& value) {
  if (const auto* real = std::get_if<double>(&value.value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value.value))
    return static_cast<double>(*integer);
  return std::nullopt;
}

Bounds read_bounds(const std::string& called, const TomlValue& value, const ParameterInfo& info) {
  const auto bad = [&](const std::string& what) {
    throw ConfigError(value.position, called + ": " + what);
  };
  if (info.type != ParameterType::real && info.type != ParameterType::integer)
    bad("cannot be drawn: it takes " + info.expectation() + ", and draws are numbers");
  const TomlValue::Table* table = value.table();
  if (table == nullptr || table->size() != 1)
    bad("is " + value.description() +
        ", expected { log = [first, last] } or { linear = [first, last] }");
  const auto& [kind, ends] = table->front();
  if (kind != "log" && kind != "linear")
    bad("unknown range " + toml_text(kind) + suggestion(kind, {"log", "linear"}));
  const TomlValue::List* list = ends.list();
  if (list == nullptr || list->size() != 2 || !number_of((*list)[0]) || !number_of((*list)[1]))
    bad(kind + " expects [first, last], two numbers");
  Bounds bounds{*number_of((*list)[0]), *number_of((*list)[1]), kind == "log",
                info.type == ParameterType::integer};
  if (!std::isfinite(bounds.first) || !std::isfinite(bounds.last))
    bad(kind + " expects finite numbers");
  if (!(bounds.first < bounds.last)) bad(kind + " expects first < last");
  if (bounds.geometric && !(bounds.first > 0)) bad("log expects first > 0");
  if (bounds.whole &&
      (bounds.first != std::floor(bounds.first) || bounds.last != std::floor(bounds.last)))
    bad(kind + " expects integers, which the key needs");
  Parameters trial({info});
  for (const double end : {0.0, 1.0}) {
    try {
      trial.set(info.name, bounds.at(end));
    } catch (const ParameterError& error) {
      bad(error.what());
    }
  }
  return bounds;
}

/// `count` and `seed` of a design.
std::int64_t read_whole(const std::string& called, const TomlValue& value, std::int64_t least) {
  const auto* whole = std::get_if<std::int64_t>(&value.value);
  if (whole == nullptr || *whole < least)
    throw ConfigError(value.position, called + ": is " + value.description() +
                                          ", expected an integer >= " + std::to_string(least));
  return *whole;
}

/// Points of the Sobol sequence without the first, coordinates of one point beside each other. All
/// of them are multiples of 2^-53 for as many points as a study can have.
std::vector<double> sobol_points(std::size_t dimension, std::size_t count) {
  boost::random::sobol engine(dimension);
  std::vector<double> points(dimension * count);
  for (double& u : points) u = std::ldexp(static_cast<double>(engine()), -64);
  return points;
}

StudyGroup read_zip(const std::string& called, const StudyEntries& entries,
                    const StudyReading& reading) {
  StudyGroup group;
  for (const auto& [key, value] : entries) {
    const std::string whole = called + "." + key;
    ConfigAxis axis = read_axis(whole, key, *value, reading.schema, reading.inputs, Repeats::taken);
    axis.range = false;
    if (!group.keys.empty() && axis.values.size() != group.keys.front().values.size())
      throw ConfigError(value->position, whole + ": has " + std::to_string(axis.values.size()) +
                                             " values, " + group.keys.front().key + " has " +
                                             std::to_string(group.keys.front().values.size()) +
                                             "; what is zipped goes together one by one");
    std::string values;
    for (const ParameterValue& entry : axis.values)
      values += (values.empty() ? "" : ", ") + toml_value(entry);
    group.dimension.text += toml_text(key) + " = [" + values + "]\n";
    group.dimension.length = axis.values.size();
    group.keys.push_back(std::move(axis));
  }
  return group;
}

StudyGroup read_drawn(const std::string& kind, const std::string& called, const TomlValue& value,
                      const StudyEntries& entries, const StudyReading& reading) {
  const bool random = kind == "random";
  StudyGroup group;
  std::optional<std::int64_t> count;
  std::uint64_t seed = 0;
  std::vector<Bounds> bounds;
  std::string keys;
  for (const auto& [key, entry] : entries) {
    const std::string whole = called + "." + key;
    if (key == "count") {
      count = read_whole(whole, *entry, 1);
      check_count(called, *entry, static_cast<std::uint64_t>(*count));
      continue;
    }
    if (key == "seed" && random && entry->table() == nullptr) {
      seed = static_cast<std::uint64_t>(read_whole(whole, *entry, 0));
      continue;
    }
    const ParameterInfo& info = declared_axis(whole, key, *entry, reading.schema);
    bounds.push_back(read_bounds(whole, *entry, info));
    group.keys.push_back(axis_of(key, {}, entry->position));
    keys += toml_text(key) + " = " + bounds.back().text() + "\n";
  }
  if (!count)
    throw ConfigError(value.position, called + ".count: missing, expected the number of draws");
  const std::size_t n = static_cast<std::size_t>(*count), d = group.keys.size();
  if (!random && d > most_sobol_keys)
    throw ConfigError(value.position, called + ": has " + std::to_string(d) +
                                          " keys, expected at most " +
                                          std::to_string(most_sobol_keys));
  const std::vector<double> sobol = random || d == 0 ? std::vector<double>() : sobol_points(d, n);
  for (std::size_t k = 0; k < d; ++k) {
    RandomStream stream(seed, "study.random." + group.keys[k].key);
    for (std::size_t i = 0; i < n; ++i)
      group.keys[k].values.push_back(bounds[k].at(random ? stream.uniform() : sobol[i * d + k]));
  }
  group.dimension.length = n;
  group.dimension.text = "count = " + std::to_string(n) + "\n" +
                         (random ? "seed = " + std::to_string(seed) + "\n" : "") + keys;
  return group;
}

/// A variant's name and keys.
struct Variant {
  std::string name, called;
  SourcePosition position;
  StudyEntries entries;
};

/// What messages and `check` call a variant's table of keys.
std::string text_of(const Variant& variant, const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return toml_text(variant.name) + " = { " + text + (text.empty() ? "}\n" : " }\n");
}

/// The declaration of a variant's key: of its own model where the group names models, else of any.
const ParameterInfo& declared_in(const Variant& variant, const std::string& key,
                                 const TomlValue& value, std::optional<std::size_t> model,
                                 const Schema& schema) {
  const std::string whole = variant.called + "." + key;
  if (!model) return declared_axis(whole, key, value, schema);
  if (const ParameterInfo* info = schema.find(key, *model)) return *info;
  const KeyName wanted = KeyName::of(key);
  std::vector<std::string> names;
  for (const Section& section : schema.sections(*model))
    for (const ParameterInfo& info : section.declaration)
      if (section.name == wanted.section) names.push_back(info.name);
  throw ConfigError(value.position, whole + ": " + schema.model(*model).name + " has no key " +
                                        toml_text(key) + suggestion(wanted.name, names));
}

std::vector<Variant> variants_of(const std::string& called, const TomlValue& value,
                                 const Schema& schema) {
  std::vector<Variant> variants;
  for (const auto& [name, table] : *value.table()) {
    const std::string whole = called + "." + name;
    if (table.table() == nullptr)
      throw ConfigError(table.position, whole + ": is " + table.description() +
                                            ", expected a table of keys ([" + whole + "])");
    variants.push_back({name, whole, table.position, study_entries(*table.table(), schema)});
  }
  return variants;
}

/// The number of a variant's model; that of [model] where it names none.
std::size_t model_of(const Variant& variant, const Schema& schema) {
  for (const auto& [key, value] : variant.entries)
    if (key == "model.name") return schema.index_of(std::get<std::string>(value->value));
  if (!schema.has_own_model())
    throw ConfigError(variant.position,
                      variant.called + ".model.name: missing, and [model] has none either");
  return 0;
}

StudyGroup read_variants(const std::string& called, const TomlValue& value,
                         const StudyReading& reading) {
  const std::vector<Variant> variants = variants_of(called, value, reading.schema);
  const bool names_models =
      std::any_of(variants.begin(), variants.end(), [](const Variant& variant) {
        return std::any_of(variant.entries.begin(), variant.entries.end(),
                           [](const auto& entry) { return entry.first == "model.name"; });
      });
  StudyGroup group;
  const auto axis_with = [&](const std::string& key, const SourcePosition& position) -> auto& {
    for (ConfigAxis& axis : group.keys)
      if (axis.key == key) return axis;
    ConfigAxis axis = axis_of(key, std::vector<ParameterValue>(variants.size()), position);
    axis.range = false;
    axis.positions.resize(variants.size(), position);
    return group.keys.emplace_back(std::move(axis));
  };
  for (std::size_t v = 0; v < variants.size(); ++v) {
    const Variant& variant = variants[v];
    std::optional<std::size_t> model;
    if (names_models) model = model_of(variant, reading.schema);
    std::vector<std::string> texts;
    for (const auto& [key, entry] : variant.entries) {
      const ParameterInfo& info = declared_in(variant, key, *entry, model, reading.schema);
      ParameterValue one = convert(variant.called + "." + key, info, *entry);
      if (!is_expression(info, one))
        one = checked_value(variant.called + "." + key, info, std::move(one), entry->position,
                            reading.inputs);
      texts.push_back(toml_text(key) + " = " + toml_value(one));
      ConfigAxis& axis = axis_with(key, entry->position);
      axis.values[v] = std::move(one);
      axis.positions[v] = entry->position;
    }
    group.dimension.text += text_of(variant, texts);
    group.dimension.variants.push_back(variant.name);
    group.dimension.positions.push_back(variant.position);
  }
  group.dimension.length = variants.size();
  return group;
}

}  // namespace

const std::vector<std::string>& group_kinds() {
  static const std::vector<std::string> kinds{"zip", "sobol", "random", variant_kind};
  return kinds;
}

StudyGroup read_group(const std::string& kind, const std::string& name, const TomlValue& value,
                      const StudyReading& reading) {
  const std::string called = "study." + kind + "." + name;
  if (value.table() == nullptr)
    throw ConfigError(value.position, called + ": is " + value.description() +
                                          ", expected a table of keys ([" + called + "])");
  const StudyEntries entries = study_entries(*value.table(), reading.schema);
  StudyGroup group = kind == variant_kind ? read_variants(called, value, reading)
                     : kind == "zip"      ? read_zip(called, entries, reading)
                                          : read_drawn(kind, called, value, entries, reading);
  if (group.keys.empty())
    throw ConfigError(value.position, called + ": has no key, expected one or more");
  group.dimension.key = kind + "." + name;
  group.dimension.name = name;
  group.dimension.group = kind;
  group.dimension.position = value.position;
  return group;
}

}  // namespace gradflow
