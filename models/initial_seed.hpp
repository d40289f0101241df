#pragma once

#include <cstdint>
#include <optional>

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

}  // namespace gradflow
