#pragma once

#include <string>
#include <utility>
#include <vector>

#include "study/inputs.hpp"
#include "study/schema.hpp"

/// The keys that a study varies, and how their values are read: what axes, groups and a bisection
/// (study/design.hpp) have in common.
namespace gradflow {

/// A key that a study varies, and its values along a dimension of the study. An axis has its
/// dimension alone, the keys of a group share one.
struct ConfigAxis {
  std::string key;  ///< "flow.weight_decay"
  std::string
      name;  ///< coordinate in the result: "weight_decay", or the key where two would collide
  /// Of a key that variants set: of an expression its text; monostate where a variant leaves it as
  /// it is.
  std::vector<ParameterValue> values;
  bool range = false;  ///< given by bounds and a count, not one by one
  SourcePosition position;
  std::size_t dimension = 0;                   ///< number of its dimension
  std::vector<SourcePosition> positions = {};  ///< of each variant's value

  /// Its values make repetitions of a run.
  bool is_of_seeds() const { return key.ends_with("seed"); }
};

/// A dimension of the study and of its result: an axis, or a named group of keys whose values go
/// together.
struct StudyDimension {
  std::string key;    ///< "flow.weight_decay"; of a group "zip.size"
  std::string name;   ///< of an axis that of its key; of a group its own
  std::string group;  ///< "zip", "sobol", "random", "variant"; empty: an axis
  std::size_t length = 0;
  std::string text;  ///< of a group: what a config says of it
  SourcePosition position;
  std::vector<std::string> variants = {};      ///< their names
  std::vector<SourcePosition> positions = {};  ///< and where they stand

  bool is_group() const { return !group.empty(); }
  bool is_variant() const { return group == variant_kind; }
};

/// A key in [study] and what stands for it. Unquoted dotted keys are nested tables; they are taken
/// as the same key.
using StudyEntries = std::vector<std::pair<std::string, const TomlValue*>>;
StudyEntries study_entries(const TomlValue::Table& table, const Schema& schema);

/// What a config, its schema and its files say of a study's keys.
struct StudyReading {
  const Schema& schema;
  const Inputs& inputs;
};

/// A value as a key of the study has it: checked against the declaration, a file by its absolute
/// path, a whole number as a real one where the key is real. \throws ConfigError
ParameterValue checked_value(const std::string& called, const ParameterInfo& info,
                             ParameterValue value, const SourcePosition& position,
                             const Inputs& inputs);

/// The declaration of a key of the study that messages call `called`. \throws ConfigError
const ParameterInfo& declared_axis(const std::string& called, const std::string& key,
                                   const TomlValue& value, const Schema& schema);

enum class Repeats { refused, taken };

/// The values that `value` gives to `key` as an axis: a list, or a range as `read_range` takes it;
/// each once unless `repeats` are taken, checked against the key's declaration, files by their
/// absolute paths. Messages call the key `called`. \throws ConfigError
ConfigAxis read_axis(const std::string& called, const std::string& key, const TomlValue& value,
                     const Schema& schema, const Inputs& inputs,
                     Repeats repeats = Repeats::refused);

}  // namespace gradflow
