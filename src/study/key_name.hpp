#pragma once

#include <string>

namespace gradflow {

/// The whole name of a key in its parts: "flow.weight_decay"; what stands before the first section,
/// the seed, has none.
struct KeyName {
  std::string section, name;

  static KeyName of(const std::string& key) {
    const std::size_t dot = key.find('.');
    if (dot == std::string::npos) return {"", key};
    return {key.substr(0, dot), key.substr(dot + 1)};
  }
  std::string whole() const { return section.empty() ? name : section + "." + name; }
};

}  // namespace gradflow
