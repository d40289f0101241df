#include "io/content_hash.hpp"

#include <algorithm>
#include <type_traits>

namespace gradflow {
namespace {

/// Text that tells where it ends.
std::string framed(const std::string& text) {
  return std::to_string(text.size()) + ":" + text;
}

}  // namespace

void ContentHash::begin(const std::string& name, const std::vector<Dimension>& dimensions,
                        std::size_t type) {
  std::unique_ptr<Checksum>& hash = variables_[name];
  hash = std::make_unique<Checksum>();
  std::string head = framed(name) + std::to_string(type);
  for (const Dimension& dimension : dimensions)
    head += " " + framed(dimension.name) + std::to_string(dimension.length);
  hash->add(framed(head));
}

void ContentHash::add(const std::string& name, const Values& values) {
  Checksum& hash = *variables_.at(name);
  std::visit(
      [&](const auto& list) {
        using T = typename std::decay_t<decltype(list)>::value_type;
        if constexpr (std::is_same_v<T, std::string>)
          for (const std::string& text : list) hash.add(framed(text));
        else
          hash.add({reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T)});
      },
      values);
}

void ContentHash::add(const Dataset& data, const std::vector<std::string>& without) {
  for (const Variable& variable : data.variables()) {
    if (std::find(without.begin(), without.end(), variable.name) != without.end()) continue;
    std::vector<Dimension> dimensions;
    for (const std::string& name : variable.dimensions)
      dimensions.push_back(*data.find_dimension(name));
    begin(variable.name, dimensions, variable.values.index());
    add(variable.name, variable.values);
  }
}

std::string ContentHash::text() const {
  std::string all;
  for (const auto& [name, hash] : variables_) all += hash->digest();
  return hex_checksum(all);
}

}  // namespace gradflow
