#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "flow/parameters.hpp"

namespace gradflow {

/// What the start is drawn from where it is not to follow the model's seed, as its data do.
inline ParameterInfo initial_seed_parameter() {
  return integer_parameter("init_seed", std::nullopt,
                           "seed of the start, in place of seed: other starts on the same data", 0,
                           9.2e18);
}

inline std::uint64_t initial_seed(const Parameters& p, std::uint64_t seed) {
  return p.has("init_seed") ? static_cast<std::uint64_t>(p.integer("init_seed")) : seed;
}

/// The vector of file `initial`, which must have `size` entries, that is `formula`; `order`: what
/// they are.
inline Vector read_initial(const Parameters& p, Index size, const std::string& formula,
                           const std::string& order = "") {
  Vector initial = p.file_vector("initial");
  if (initial.size() != size)
    throw ParameterError("initial", "has " + std::to_string(initial.size()) +
                                        " entries, expected " + formula + " = " +
                                        std::to_string(size) + order);
  return initial;
}

/// How often the file `initial` has `each` entries; `expected` says what it should have.
inline Index initial_sets(const Parameters& p, Index each, const std::string& expected) {
  const Index entries = p.file_vector("initial").size();
  if (entries % each != 0)
    throw ParameterError("initial",
                         "has " + std::to_string(entries) + " entries, expected " + expected);
  return entries / each;
}

}  // namespace gradflow
