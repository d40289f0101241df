#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Labelled arrays: what a run, a sweep, a branch or a study produces. The container knows
/// dimensions by name and length, not by meaning (the data model of NetCDF and xarray).
namespace gradflow {

struct Attribute {
  std::string name;
  std::variant<std::string, double, std::vector<double>, std::int64_t, std::vector<std::int32_t>>
      value;

  bool operator==(const Attribute&) const = default;
};

/// The entry of that name, or null.
const Attribute* find_attribute(const std::vector<Attribute>& attributes, std::string_view name);

/// Entries of an array in row-major order (the last dimension varies fastest).
using Values = std::variant<std::vector<double>, std::vector<std::int32_t>,
                            std::vector<std::int64_t>, std::vector<std::string>>;

std::size_t size(const Values& values);

struct Dimension {
  std::string name;
  std::size_t length = 0;

  bool operator==(const Dimension&) const = default;
};

/// An array over named dimensions; none for a single number. A variable named as its only
/// dimension is that dimension's coordinate.
struct Variable {
  std::string name;
  std::vector<std::string> dimensions;
  Values values;
  std::vector<Attribute> attributes;

  bool is_coordinate() const { return dimensions.size() == 1 && dimensions.front() == name; }
};

/// Dimensions, variables and attributes, each in the order in which they were added.
class Dataset {
 public:
  /// Errors: std::logic_error if the name is empty, taken by a dimension, or taken by a variable
  /// (which could not be the coordinate).
  void add_dimension(std::string name, std::size_t length);

  /// Errors: std::logic_error if the name is empty or taken, a dimension is unknown or repeated,
  /// the number of values is not the product of the lengths, or the variable has the name of a
  /// dimension without being its coordinate.
  void add(Variable variable);

  /// Adds a dimension as long as `values` and its coordinate.
  void add_coordinate(std::string name, Values values, std::vector<Attribute> attributes = {});

  /// Adds a global attribute, or replaces the one of the same name.
  void set_attribute(Attribute attribute);

  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  const std::vector<Variable>& variables() const { return variables_; }
  const std::vector<Attribute>& attributes() const { return attributes_; }

  /// Null if there is none of that name.
  const Dimension* find_dimension(std::string_view name) const;
  const Variable* find(std::string_view name) const;
  Variable* find(std::string_view name);

  /// The values of a variable. Errors: std::logic_error if there is none of that name and type.
  template <class T>
  const std::vector<T>& values(std::string_view name) const {
    const Variable* variable = find(name);
    const auto* result = variable ? std::get_if<std::vector<T>>(&variable->values) : nullptr;
    if (!result) {
      throw std::logic_error("dataset has no variable '" + std::string(name) + "' of this type");
    }
    return *result;
  }

  /// Lengths of the variable's dimensions, in its order. Errors: std::logic_error if unknown.
  std::vector<std::size_t> shape(const Variable& variable) const;

 private:
  std::vector<Dimension> dimensions_;
  std::vector<Variable> variables_;
  std::vector<Attribute> attributes_;
};

/// The single entry of a variable; nothing where there is no such variable, of this type and size.
template <class T>
std::optional<T> stored(const Dataset& data, std::string_view name) {
  const Variable* variable = data.find(name);
  const auto* values =
      variable != nullptr ? std::get_if<std::vector<T>>(&variable->values) : nullptr;
  return values != nullptr && values->size() == 1 ? std::optional<T>(values->front())
                                                  : std::nullopt;
}

/// A text of the dataset's attributes; empty where there is none of that name.
std::string text_attribute(const Dataset& data, std::string_view name);

/// One axis of a study: a leading dimension with its coordinate.
struct StudyAxis {
  std::string name;
  std::vector<Attribute> attributes;
  std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>> values;
};

/// Puts the datasets of a study's points together into one with the axes as leading dimensions.
///
/// `points` are in row-major order of the axes (the last axis varies fastest); null stands for a
/// point that is not there. Without axes there is exactly one point.
///
/// - Each variable over (d1, d2, ...) becomes one over (axes..., d1, d2, ...). Where it is absent
///   (in a point that is not there, or in one that has no such variable) it is NaN, "", or, for
///   integers, `absent` of its name, -1 by default.
/// - A dimension is as long as the longest of the points; shorter ones are padded with NaN, -1
///   and "".
/// - A coordinate (of `time`, `degree`, ...) keeps its shape if in every point it is equal to, or
///   the beginning of, the longest one. If it is not, its dimension is renamed, `time` to
///   `sample` and any other d to `d_index`, with the numbers 0, 1, ... as coordinate, and the
///   coordinate becomes a variable like all others: `time` over (axes..., sample).
/// - Attributes are those of the first point that has the variable; global attributes are kept
///   where all points agree.
///
/// Errors: std::logic_error if the number of points is not the product of the axes' lengths, a
/// variable has different types or dimensions in different points, or a name occurs twice (an
/// axis named as a dimension or variable of the points).
Dataset stack(const std::vector<StudyAxis>& axes, const std::vector<const Dataset*>& points,
              const std::map<std::string, std::int64_t>& absent = {});

}  // namespace gradflow
