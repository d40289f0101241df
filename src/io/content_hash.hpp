#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/checksum.hpp"
#include "io/dataset.hpp"

namespace gradflow {

/// A 128-bit hash of variables: names, dimensions with their lengths, types and values, whatever
/// order the variables come in. Values may come in pieces.
class ContentHash {
 public:
  /// A variable; its values follow in row-major order, by `add`.
  void begin(const std::string& name, const std::vector<Dimension>& dimensions, std::size_t type);
  void add(const std::string& name, const Values& values);
  /// All variables of a dataset but those in `without`.
  void add(const Dataset& data, const std::vector<std::string>& without);
  /// In hexadecimal digits.
  std::string text() const;

 private:
  std::map<std::string, std::unique_ptr<Checksum>> variables_;
};

}  // namespace gradflow
