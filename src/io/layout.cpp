#include "io/layout.hpp"

#include <stdexcept>
#include <utility>

#include "io/packing.hpp"

namespace gradflow {

// Found by cereal through their arguments, so not in a namespace without a name.
template <class Archive>
void serialize(Archive& archive, Layout::Array& variable) {
  std::uint64_t type = variable.type;
  archive(variable.name, variable.dimensions, type, variable.attributes);
  variable.type = static_cast<std::size_t>(type);
}

template <class Archive>
void serialize(Archive& archive, Layout& layout) {
  archive(layout.dimensions, layout.variables, layout.attributes);
}

/// Contents written without copying them out of their dataset.
struct ContentsOf {
  const Dataset& data;
};

template <class Archive>
void save(Archive& archive, const ContentsOf& contents) {
  std::vector<std::uint64_t> lengths;
  for (const Dimension& dimension : contents.data.dimensions()) lengths.push_back(dimension.length);
  archive(lengths);
  const std::vector<Variable>& variables = contents.data.variables();
  archive(cereal::make_size_tag(static_cast<cereal::size_type>(variables.size())));
  for (const Variable& variable : variables) archive(variable.values);
}

template <class Archive>
void load(Archive& archive, Contents& contents) {
  std::vector<std::uint64_t> lengths;
  archive(lengths, contents.values);
  contents.lengths.assign(lengths.begin(), lengths.end());
}

Layout layout_of(const Dataset& data) {
  Layout layout;
  for (const Dimension& dimension : data.dimensions()) layout.dimensions.push_back(dimension.name);
  for (const Variable& variable : data.variables())
    layout.variables.push_back(
        {variable.name, variable.dimensions, variable.values.index(), variable.attributes});
  layout.attributes = data.attributes();
  return layout;
}

Contents contents_of(const Dataset& data) {
  Contents contents;
  for (const Dimension& dimension : data.dimensions()) contents.lengths.push_back(dimension.length);
  for (const Variable& variable : data.variables()) contents.values.push_back(variable.values);
  return contents;
}

Dataset joined(const Layout& layout, Contents contents) {
  if (contents.lengths.size() != layout.dimensions.size() ||
      contents.values.size() != layout.variables.size())
    throw std::logic_error("dataset: layout and contents do not fit");
  Dataset data;
  for (std::size_t d = 0; d < layout.dimensions.size(); ++d)
    data.add_dimension(layout.dimensions[d], contents.lengths[d]);
  for (std::size_t v = 0; v < layout.variables.size(); ++v) {
    const Layout::Array& variable = layout.variables[v];
    if (contents.values[v].index() != variable.type)
      throw std::logic_error("dataset: variable '" + variable.name + "' is of another type");
    data.add(
        {variable.name, variable.dimensions, std::move(contents.values[v]), variable.attributes});
  }
  for (const Attribute& attribute : layout.attributes) data.set_attribute(attribute);
  return data;
}

std::string encoded(const Layout& layout) {
  return packed(layout);
}

std::string encoded_contents(const Dataset& data) {
  return packed(ContentsOf{data});
}

Layout decoded_layout(std::string_view bytes) {
  return unpacked<Layout>(bytes);
}

Contents decoded_contents(std::string_view bytes) {
  return unpacked<Contents>(bytes);
}

}  // namespace gradflow
