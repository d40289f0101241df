#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/layout.hpp"

namespace gradflow {

/// Where the points of a study go in the whole: its dimensions, coordinates and variables, found in
/// one pass over the points, and the values of any range of them, found in another. So neither pass
/// holds more than a few points. The rules are those of `stack` (io/dataset.hpp).
class Stacking {
 public:
  /// `absent`: what stands for an integer that a point does not have, by the variable's name.
  explicit Stacking(std::map<std::string, std::int64_t> absent = {}) : absent_(std::move(absent)) {}

  /// The next point that is there. Layouts must outlive this, and stay where they are.
  /// A variable that has other dimensions than in an earlier point (of another model) is called
  /// after its last one too: NAME_DIMENSION. Errors: std::logic_error if it has another type, or
  /// none of its own.
  void see(const Layout& layout, const Contents& contents);

  /// Have points a variable or a dimension of that name?
  bool has(const std::string& name) const;
  /// Axes, coordinates and attributes of the whole, without the other variables. Errors:
  /// std::logic_error if a name occurs twice.
  Dataset frame(const std::vector<StudyAxis>& axes) const;

  /// A variable of the whole that is no coordinate: over the axes, then `rest`.
  struct Array {
    std::string name;
    std::vector<std::string> rest;
    std::vector<std::size_t> shape;  ///< of `rest`
    std::size_t type = 0;            ///< which of `Values`
    std::vector<Attribute> attributes;
  };
  /// In order of appearance.
  std::vector<Array> arrays() const;
  /// So many values that stand for what is not there: NaN, "", or, of integers, `absent` or -1.
  static Values blank_values(std::size_t type, std::size_t count, const std::int64_t* absent);
  /// Values of `count` absent points, for each of `arrays()`: to be filled by `place`.
  std::vector<Values> blank(std::size_t count) const;
  /// Puts a point that has been seen into place `at` of `block`.
  void place(const Layout& layout, const Contents& contents, std::size_t at,
             std::vector<Values>& block) const;

 private:
  /// A dimension of the points, and what becomes of it.
  struct Points {
    std::string name;
    std::size_t length = 0;  ///< of the longest point
    bool without = false;    ///< some point has it without a coordinate
    bool differs = false;    ///< the points have coordinates that are not each other's beginning
    std::optional<Values> longest = {};
    std::vector<Attribute> attributes = {};  ///< of the longest coordinate

    bool numbered() const { return longest && (differs || without); }
    bool shared() const { return longest && !numbered(); }
    std::string stacked_name() const;
  };
  struct Known {
    std::string name;  ///< in the points
    std::string stacked_name;
    std::vector<std::string> dimensions;
    std::size_t type = 0;
    std::vector<Attribute> attributes;
    bool coordinate = false;
  };
  /// Of a layout: numbers of its dimensions in `dimensions_` and of its variables in `known_`.
  struct Map {
    std::vector<std::size_t> dimensions, variables;
    std::vector<std::vector<std::size_t>> axes;  ///< of each variable: numbers in the layout
  };

  bool has_variable(const std::string& name) const;
  const Map& map_of(const Layout& layout);
  void see_coordinates(const Layout& layout, const Contents& contents, const Map& map);
  bool is_shared_coordinate(const Known& variable) const;
  std::vector<std::size_t> shape_of(const Known& variable) const;
  const Points& dimension(const std::string& name) const;

  std::map<std::string, std::int64_t> absent_;
  std::vector<Points> dimensions_;
  std::vector<Known> known_;
  std::map<const Layout*, Map> maps_;
  std::optional<std::vector<Attribute>> attributes_;  ///< those that all points share
};

}  // namespace gradflow
