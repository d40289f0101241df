#include "io/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>

namespace gradflow {

namespace {

template <class Range>
auto find_named(Range& range, std::string_view name) -> decltype(range.data()) {
  for (auto& entry : range) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

std::size_t product(const std::vector<std::size_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{1}, std::multiplies<>());
}

}  // namespace

const Attribute* find_attribute(const std::vector<Attribute>& attributes, std::string_view name) {
  return find_named(attributes, name);
}

std::size_t size(const Values& values) {
  return std::visit([](const auto& list) { return list.size(); }, values);
}

void Dataset::add_dimension(std::string name, std::size_t length) {
  if (name.empty()) throw std::logic_error("dataset: a dimension has no name");
  if (find_dimension(name)) {
    throw std::logic_error("dataset: dimension " + quoted(name) + " is there already");
  }
  if (find(name)) {
    throw std::logic_error("dataset: dimension " + quoted(name) + " has the name of a variable");
  }
  dimensions_.push_back({std::move(name), length});
}

void Dataset::add(Variable variable) {
  if (variable.name.empty()) throw std::logic_error("dataset: a variable has no name");
  if (find(variable.name)) {
    throw std::logic_error("dataset: variable " + quoted(variable.name) + " is there already");
  }
  if (find_dimension(variable.name) && !variable.is_coordinate()) {
    throw std::logic_error("dataset: variable " + quoted(variable.name) +
                           " has the name of a dimension and is not its coordinate");
  }
  for (std::size_t i = 0; i < variable.dimensions.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (variable.dimensions[i] == variable.dimensions[j]) {
        throw std::logic_error("dataset: variable " + quoted(variable.name) + " has dimension " +
                               quoted(variable.dimensions[i]) + " twice");
      }
    }
  }
  const std::size_t expected = product(shape(variable));
  if (size(variable.values) != expected) {
    throw std::logic_error("dataset: variable " + quoted(variable.name) + " has " +
                           std::to_string(size(variable.values)) +
                           " values where its dimensions need " + std::to_string(expected));
  }
  variables_.push_back(std::move(variable));
}

void Dataset::add_coordinate(std::string name, Values values, std::vector<Attribute> attributes) {
  add_dimension(name, size(values));
  std::vector<std::string> dimensions{name};
  add({std::move(name), std::move(dimensions), std::move(values), std::move(attributes)});
}

void Dataset::set_attribute(Attribute attribute) {
  if (Attribute* present = find_named(attributes_, attribute.name)) {
    *present = std::move(attribute);
  } else {
    attributes_.push_back(std::move(attribute));
  }
}

const Dimension* Dataset::find_dimension(std::string_view name) const {
  return find_named(dimensions_, name);
}

const Variable* Dataset::find(std::string_view name) const {
  return find_named(variables_, name);
}

Variable* Dataset::find(std::string_view name) {
  return find_named(variables_, name);
}

std::vector<std::size_t> Dataset::shape(const Variable& variable) const {
  std::vector<std::size_t> lengths;
  lengths.reserve(variable.dimensions.size());
  for (const std::string& name : variable.dimensions) {
    const Dimension* dimension = find_dimension(name);
    if (!dimension) {
      throw std::logic_error("dataset: variable " + quoted(variable.name) +
                             " has the unknown dimension " + quoted(name));
    }
    lengths.push_back(dimension->length);
  }
  return lengths;
}

namespace {

template <class T>
T padding() {
  if constexpr (std::is_same_v<T, double>) {
    return std::numeric_limits<double>::quiet_NaN();
  } else if constexpr (std::is_integral_v<T>) {
    return T{-1};
  } else {
    return T{};
  }
}

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, double>) {
    return a == b || (std::isnan(a) && std::isnan(b));
  } else {
    return a == b;
  }
}

/// Is `start` the beginning of `whole`, or all of it?
bool begins(const Values& whole, const Values& start) {
  return std::visit(
      [&](const auto& list) {
        const auto* head = std::get_if<std::decay_t<decltype(list)>>(&start);
        using T = typename std::decay_t<decltype(list)>::value_type;
        return head && head->size() <= list.size() &&
               std::equal(head->begin(), head->end(), list.begin(), same<T>);
      },
      whole);
}

/// Copies a row-major array into the corner of a larger one of as many dimensions, which starts
/// at `target`.
template <class T>
void copy_into_corner(const std::vector<T>& source, const std::vector<std::size_t>& source_shape,
                      T* target, const std::vector<std::size_t>& target_shape) {
  if (source.empty()) return;
  const std::size_t rank = source_shape.size();
  const std::size_t line = rank == 0 ? 1 : source_shape[rank - 1];
  std::vector<std::size_t> position(rank, 0);
  for (std::size_t start = 0; start < source.size(); start += line) {
    std::size_t offset = 0;
    for (std::size_t d = 0; d < rank; ++d) offset = offset * target_shape[d] + position[d];
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(start), line, target + offset);
    // Next line: count up the indices before the last, like an odometer.
    for (std::size_t d = rank; d-- > 1;) {
      if (++position[d - 1] < source_shape[d - 1]) break;
      position[d - 1] = 0;
    }
  }
}

/// A dimension of the points, and what becomes of it.
struct PointDimension {
  std::string name;                // in the points
  std::size_t length = 0;          // of the longest point
  std::optional<Variable> shared;  // the coordinate, if all points agree on it
  bool differs = false;            // the points have coordinates that do not agree

  std::string stacked_name() const {
    if (!differs) return name;
    return name == "time" ? "sample" : name + "_index";
  }
};

std::vector<PointDimension> plan_dimensions(const std::vector<const Dataset*>& points) {
  std::vector<PointDimension> plan;
  for (const Dataset* point : points) {
    if (!point) continue;
    for (const Dimension& dimension : point->dimensions()) {
      PointDimension* known = find_named(plan, dimension.name);
      if (!known) known = &plan.emplace_back(PointDimension{dimension.name, 0, {}, false});
      known->length = std::max(known->length, dimension.length);
    }
  }
  for (PointDimension& dimension : plan) {
    const Variable* longest = nullptr;
    bool everywhere = true;  // a point that has the dimension without its coordinate disagrees
    for (const Dataset* point : points) {
      if (!point || !point->find_dimension(dimension.name)) continue;
      const Variable* coordinate = point->find(dimension.name);
      if (!coordinate) {
        everywhere = false;
      } else if (!longest || size(coordinate->values) > size(longest->values)) {
        longest = coordinate;
      }
    }
    if (!longest) continue;
    dimension.differs = !everywhere;
    for (const Dataset* point : points) {
      const Variable* coordinate = point ? point->find(dimension.name) : nullptr;
      if (coordinate && !begins(longest->values, coordinate->values)) dimension.differs = true;
    }
    if (!dimension.differs) dimension.shared = *longest;
  }
  return plan;
}

/// The first occurrence of every variable, in order of appearance.
std::vector<const Variable*> collect_variables(const std::vector<const Dataset*>& points) {
  std::vector<const Variable*> variables;
  std::map<std::string_view, const Variable*> known;
  for (const Dataset* point : points) {
    if (!point) continue;
    for (const Variable& variable : point->variables()) {
      const auto [entry, is_new] = known.emplace(variable.name, &variable);
      if (is_new) {
        variables.push_back(&variable);
      } else if (entry->second->dimensions != variable.dimensions ||
                 entry->second->values.index() != variable.values.index()) {
        throw std::logic_error("stack: variable " + quoted(variable.name) +
                               " has different types or dimensions in different points");
      }
    }
  }
  return variables;
}

template <class T>
std::vector<T> stack_values(const std::string& name, const std::vector<const Dataset*>& points,
                            const std::vector<std::size_t>& shape, const T& absent) {
  const std::size_t block = product(shape);
  std::vector<T> stacked(points.size() * block, padding<T>());
  for (std::size_t i = 0; i < points.size(); ++i) {
    T* target = stacked.data() + i * block;
    const Variable* variable = points[i] ? points[i]->find(name) : nullptr;
    if (variable) {
      copy_into_corner(std::get<std::vector<T>>(variable->values), points[i]->shape(*variable),
                       target, shape);
    } else {
      std::fill_n(target, block, absent);
    }
  }
  return stacked;
}

}  // namespace

Dataset stack(const std::vector<StudyAxis>& axes, const std::vector<const Dataset*>& points,
              const std::map<std::string, std::int64_t>& absent) {
  Dataset result;
  std::vector<std::string> axis_names;
  std::size_t count = 1;
  for (const StudyAxis& axis : axes) {
    std::visit([&](const auto& list) { result.add_coordinate(axis.name, list, axis.attributes); },
               axis.values);
    axis_names.push_back(axis.name);
    count *= result.dimensions().back().length;
  }
  if (points.size() != count) {
    throw std::logic_error("stack: " + std::to_string(points.size()) +
                           " points where the axes need " + std::to_string(count));
  }

  const std::vector<PointDimension> plan = plan_dimensions(points);
  for (const PointDimension& dimension : plan) {
    if (dimension.shared) {
      result.add_coordinate(dimension.name, dimension.shared->values, dimension.shared->attributes);
    } else if (dimension.differs) {
      std::vector<std::int64_t> numbers(dimension.length);
      std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
      result.add_coordinate(
          dimension.stacked_name(), std::move(numbers),
          {{"long_name", "number of the entry of " + dimension.name}, {"units", "1"}});
    } else {
      result.add_dimension(dimension.name, dimension.length);
    }
  }

  for (const Variable* first : collect_variables(points)) {
    const PointDimension* own = find_named(plan, first->name);
    if (own && own->shared) continue;
    Variable stacked{first->name, axis_names, {}, first->attributes};
    std::vector<std::size_t> shape;
    for (const std::string& name : first->dimensions) {
      const PointDimension* dimension = find_named(plan, name);
      stacked.dimensions.push_back(dimension->stacked_name());
      shape.push_back(dimension->length);
    }
    std::visit(
        [&](const auto& list) {
          using T = typename std::decay_t<decltype(list)>::value_type;
          T fill = padding<T>();
          if constexpr (std::is_integral_v<T>) {
            const auto given = absent.find(first->name);
            if (given != absent.end()) fill = static_cast<T>(given->second);
          }
          stacked.values = stack_values<T>(first->name, points, shape, fill);
        },
        first->values);
    result.add(std::move(stacked));
  }

  std::vector<const Dataset*> present;
  std::copy_if(points.begin(), points.end(), std::back_inserter(present),
               [](const Dataset* point) { return point != nullptr; });
  if (!present.empty()) {
    for (const Attribute& attribute : present.front()->attributes()) {
      const bool shared = std::all_of(present.begin(), present.end(), [&](const Dataset* point) {
        const Attribute* other = find_attribute(point->attributes(), attribute.name);
        return other && *other == attribute;
      });
      if (shared) result.set_attribute(attribute);
    }
  }
  return result;
}

}  // namespace gradflow
