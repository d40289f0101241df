#include "io/dataset.hpp"

#include <utility>

#include "io/shape.hpp"

namespace gradflow {

namespace {

template <class Range>
auto find_named(Range& range, std::string_view name) -> decltype(range.data()) {
  for (auto& entry : range) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string in_quotes(std::string_view name) {
  return "'" + std::string(name) + "'";
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
    throw std::logic_error("dataset: dimension " + in_quotes(name) + " is there already");
  }
  if (find(name)) {
    throw std::logic_error("dataset: dimension " + in_quotes(name) + " has the name of a variable");
  }
  dimensions_.push_back({std::move(name), length});
}

void Dataset::add(Variable variable) {
  if (variable.name.empty()) throw std::logic_error("dataset: a variable has no name");
  if (find(variable.name)) {
    throw std::logic_error("dataset: variable " + in_quotes(variable.name) + " is there already");
  }
  if (find_dimension(variable.name) && !variable.is_coordinate()) {
    throw std::logic_error("dataset: variable " + in_quotes(variable.name) +
                           " has the name of a dimension and is not its coordinate");
  }
  for (std::size_t i = 0; i < variable.dimensions.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (variable.dimensions[i] == variable.dimensions[j]) {
        throw std::logic_error("dataset: variable " + in_quotes(variable.name) + " has dimension " +
                               in_quotes(variable.dimensions[i]) + " twice");
      }
    }
  }
  const std::size_t expected = entries_of(shape(variable));
  if (size(variable.values) != expected) {
    throw std::logic_error("dataset: variable " + in_quotes(variable.name) + " has " +
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
      throw std::logic_error("dataset: variable " + in_quotes(variable.name) +
                             " has the unknown dimension " + in_quotes(name));
    }
    lengths.push_back(dimension->length);
  }
  return lengths;
}

std::string text_attribute(const Dataset& data, std::string_view name) {
  const Attribute* attribute = find_attribute(data.attributes(), name);
  const auto* text = attribute != nullptr ? std::get_if<std::string>(&attribute->value) : nullptr;
  return text != nullptr ? *text : "";
}

}  // namespace gradflow
