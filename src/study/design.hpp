#pragma once

#include <string>
#include <vector>

#include "io/toml_document.hpp"
#include "study/inputs.hpp"
#include "study/schema.hpp"

namespace gradflow {

/// One axis of a study: the key it varies and its values.
struct ConfigAxis {
  std::string key;  ///< "flow.weight_decay"
  std::string
      name;  ///< dimension in the result: "weight_decay", or the key where two would collide
  std::vector<ParameterValue> values;
  bool range = false;  ///< given by first, last and count, not one by one
  SourcePosition position;
};

/// The values that `value` gives to `key` as an axis: a list, or a range as `read_range` takes it;
/// each once, checked against the key's declaration, files by their absolute paths. Messages call
/// the key `called`. \throws ConfigError
ConfigAxis read_axis(const std::string& called, const std::string& key, const TomlValue& value,
                     const Schema& schema, const Inputs& inputs);

/// The points of a study: every combination of the values of its axes, the last axis fastest. One
/// point without axes.
class Design {
 public:
  Design() = default;
  /// Reads [study]. An axis that is complained of is left out.
  Design(const TomlValue& study, const Schema& schema, const Inputs& inputs,
         Complaints& complaints);

  const std::vector<ConfigAxis>& axes() const { return axes_; }
  std::size_t points() const;
  /// Index of each axis's value at a point.
  std::vector<std::size_t> coordinates(std::size_t point) const;
  /// The axis that `name` means, by its key or its name; null where there is none.
  const ConfigAxis* find(const std::string& name) const;
  bool varies(const std::string& key) const;

 private:
  void take(const std::string& key, const TomlValue& value, const Schema& schema,
            const Inputs& inputs);
  void name_axes();

  std::vector<ConfigAxis> axes_;
};

}  // namespace gradflow
