#pragma once

#include <cstddef>
#include <functional>
#include <numeric>
#include <vector>

namespace gradflow {

/// Of an array with dimensions of these lengths; 1 without any.
inline std::size_t entries_of(const std::vector<std::size_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

}  // namespace gradflow
