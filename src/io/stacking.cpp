#include "io/stacking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "io/shape.hpp"

namespace gradflow {
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

/// Fills a row-major array with a smaller one of as many dimensions in its corner, and with padding
/// beside it.
template <class T>
void place_in_corner(const std::vector<T>& source, const std::vector<std::size_t>& source_shape,
                     T* target, const std::vector<std::size_t>& target_shape) {
  if (source_shape == target_shape) {
    std::copy(source.begin(), source.end(), target);
    return;
  }
  std::fill_n(target, entries_of(target_shape), padding<T>());
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

/// The place of an entry of that name; the size where there is none.
template <class List>
std::size_t place_of(const List& list, const std::string& name) {
  std::size_t i = 0;
  while (i < list.size() && list[i].name != name) ++i;
  return i;
}

}  // namespace

std::string Stacking::Points::stacked_name() const {
  if (!numbered()) return name;
  return name == "time" ? "sample" : name + "_index";
}

bool Stacking::has(const std::string& name) const {
  return place_of(dimensions_, name) < dimensions_.size() || has_variable(name);
}

bool Stacking::has_variable(const std::string& name) const {
  return std::any_of(known_.begin(), known_.end(),
                     [&](const Known& variable) { return variable.stacked_name == name; });
}

const Stacking::Points& Stacking::dimension(const std::string& name) const {
  return dimensions_[place_of(dimensions_, name)];
}

const Stacking::Map& Stacking::map_of(const Layout& layout) {
  const auto [entry, is_new] = maps_.try_emplace(&layout);
  Map& map = entry->second;
  if (!is_new) return map;
  for (const std::string& name : layout.dimensions) {
    const std::size_t place = place_of(dimensions_, name);
    if (place == dimensions_.size()) dimensions_.push_back({name});
    map.dimensions.push_back(place);
  }
  for (const Layout::Array& variable : layout.variables) {
    std::size_t place = 0;
    while (place < known_.size() &&
           (known_[place].name != variable.name || known_[place].dimensions != variable.dimensions))
      ++place;
    if (place == known_.size()) {
      const bool coordinate =
          variable.dimensions.size() == 1 && variable.dimensions.front() == variable.name;
      std::string stacked = variable.name;
      if (has_variable(stacked) && !coordinate && !variable.dimensions.empty())
        stacked += "_" + variable.dimensions.back();
      if (has_variable(stacked))
        throw std::logic_error("stack: variable '" + variable.name +
                               "' has different dimensions in different points");
      known_.push_back({variable.name, stacked, variable.dimensions, variable.type,
                        variable.attributes, coordinate});
    } else if (known_[place].type != variable.type) {
      throw std::logic_error("stack: variable '" + variable.name +
                             "' has different types in different points");
    }
    map.variables.push_back(place);
    std::vector<std::size_t> axes;
    for (const std::string& name : variable.dimensions)
      axes.push_back(static_cast<std::size_t>(
          std::find(layout.dimensions.begin(), layout.dimensions.end(), name) -
          layout.dimensions.begin()));
    map.axes.push_back(std::move(axes));
  }
  if (!attributes_) {
    attributes_ = layout.attributes;
  } else {
    std::erase_if(*attributes_, [&](const Attribute& attribute) {
      const Attribute* other = find_attribute(layout.attributes, attribute.name);
      return other == nullptr || !(*other == attribute);
    });
  }
  return map;
}

void Stacking::see_coordinates(const Layout& layout, const Contents& contents, const Map& map) {
  for (std::size_t d = 0; d < layout.dimensions.size(); ++d) {
    Points& dimension = dimensions_[map.dimensions[d]];
    dimension.length = std::max(dimension.length, contents.lengths[d]);
    const std::size_t own = place_of(layout.variables, layout.dimensions[d]);
    if (own == layout.variables.size()) {
      dimension.without = true;
      continue;
    }
    const Values& values = contents.values[own];
    // Beginnings of beginnings: each of the points is compared with the longest so far.
    if (!dimension.longest) {
      dimension.longest = values;
      dimension.attributes = layout.variables[own].attributes;
    } else if (size(values) > size(*dimension.longest)) {
      if (!begins(values, *dimension.longest)) dimension.differs = true;
      dimension.longest = values;
      dimension.attributes = layout.variables[own].attributes;
    } else if (!begins(*dimension.longest, values)) {
      dimension.differs = true;
    }
  }
}

void Stacking::see(const Layout& layout, const Contents& contents) {
  see_coordinates(layout, contents, map_of(layout));
}

bool Stacking::is_shared_coordinate(const Known& variable) const {
  return variable.coordinate && dimension(variable.name).shared();
}

std::vector<std::size_t> Stacking::shape_of(const Known& variable) const {
  std::vector<std::size_t> shape;
  for (const std::string& name : variable.dimensions) shape.push_back(dimension(name).length);
  return shape;
}

Values Stacking::blank_values(std::size_t type, std::size_t count, const std::int64_t* absent) {
  const auto filled = [&](auto fill) {
    using T = decltype(fill);
    if constexpr (std::is_integral_v<T>)
      if (absent != nullptr) fill = static_cast<T>(*absent);
    return Values(std::vector<T>(count, fill));
  };
  switch (type) {
    case 0:
      return filled(padding<double>());
    case 1:
      return filled(padding<std::int32_t>());
    case 2:
      return filled(padding<std::int64_t>());
    default:
      return filled(std::string());
  }
}

Dataset Stacking::frame(const std::vector<StudyAxis>& axes) const {
  Dataset frame;
  for (const StudyAxis& axis : axes)
    std::visit([&](const auto& list) { frame.add_coordinate(axis.name, list, axis.attributes); },
               axis.values);
  for (const Points& dimension : dimensions_) {
    if (dimension.shared()) {
      frame.add_coordinate(dimension.name, *dimension.longest, dimension.attributes);
    } else if (dimension.numbered()) {
      std::vector<std::int64_t> numbers(dimension.length);
      std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
      frame.add_coordinate(dimension.stacked_name(), std::move(numbers),
                           {{"long_name", "number of the entry of " + dimension.name}});
    } else {
      frame.add_dimension(dimension.name, dimension.length);
    }
  }
  // What is along a number of samples has its times as a coordinate, which xarray takes from here.
  std::string coordinates;
  for (const Points& dimension : dimensions_)
    if (dimension.numbered()) coordinates += (coordinates.empty() ? "" : " ") + dimension.name;
  if (!coordinates.empty()) frame.set_attribute({"coordinates", coordinates});
  if (attributes_)
    for (const Attribute& attribute : *attributes_) frame.set_attribute(attribute);
  return frame;
}

std::vector<Stacking::Array> Stacking::arrays() const {
  std::vector<Array> arrays;
  for (const Known& variable : known_) {
    if (is_shared_coordinate(variable)) continue;
    std::vector<std::string> rest;
    for (const std::string& name : variable.dimensions)
      rest.push_back(dimension(name).stacked_name());
    arrays.push_back({variable.stacked_name, std::move(rest), shape_of(variable), variable.type,
                      variable.attributes});
  }
  return arrays;
}

std::vector<Values> Stacking::blank(std::size_t count) const {
  std::vector<Values> block;
  for (const Known& variable : known_) {
    if (is_shared_coordinate(variable)) continue;
    const auto given = absent_.find(variable.name);
    block.push_back(blank_values(variable.type, count * entries_of(shape_of(variable)),
                                 given != absent_.end() ? &given->second : nullptr));
  }
  return block;
}

void Stacking::place(const Layout& layout, const Contents& contents, std::size_t at,
                     std::vector<Values>& block) const {
  const Map& map = maps_.at(&layout);
  std::vector<std::size_t> block_of(known_.size());
  for (std::size_t v = 0, next = 0; v < known_.size(); ++v)
    block_of[v] = is_shared_coordinate(known_[v]) ? block.size() : next++;
  for (std::size_t v = 0; v < layout.variables.size(); ++v) {
    const std::size_t target = block_of[map.variables[v]];
    if (target == block.size()) continue;
    std::vector<std::size_t> shape;
    for (const std::size_t d : map.axes[v]) shape.push_back(contents.lengths[d]);
    const std::vector<std::size_t> whole = shape_of(known_[map.variables[v]]);
    const std::size_t offset = at * entries_of(whole);
    std::visit(
        [&](const auto& list) {
          auto& all = std::get<std::decay_t<decltype(list)>>(block[target]);
          place_in_corner(list, shape, all.data() + offset, whole);
        },
        contents.values[v]);
  }
}

Dataset stack(const std::vector<StudyAxis>& axes, const std::vector<const Dataset*>& points,
              const std::map<std::string, std::int64_t>& absent) {
  Stacking stacking(absent);
  std::vector<Layout> layouts;
  layouts.reserve(points.size());
  for (const Dataset* point : points) {
    layouts.push_back(point != nullptr ? layout_of(*point) : Layout{});
    if (point != nullptr) stacking.see(layouts.back(), contents_of(*point));
  }
  Dataset whole = stacking.frame(axes);
  std::size_t count = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) count *= whole.dimensions()[a].length;
  if (points.size() != count)
    throw std::logic_error("stack: " + std::to_string(points.size()) +
                           " points where the axes need " + std::to_string(count));
  std::vector<Values> values = stacking.blank(points.size());
  for (std::size_t k = 0; k < points.size(); ++k)
    if (points[k] != nullptr) stacking.place(layouts[k], contents_of(*points[k]), k, values);
  std::vector<std::string> leading;
  for (const StudyAxis& axis : axes) leading.push_back(axis.name);
  const std::vector<Stacking::Array> arrays = stacking.arrays();
  for (std::size_t v = 0; v < arrays.size(); ++v) {
    std::vector<std::string> dimensions = leading;
    dimensions.insert(dimensions.end(), arrays[v].rest.begin(), arrays[v].rest.end());
    whole.add({arrays[v].name, dimensions, std::move(values[v]), arrays[v].attributes});
  }
  return whole;
}

}  // namespace gradflow
