#pragma once

#include <algorithm>
#include <string>

#include "numerics/random.hpp"

namespace gradflow::testing {

/// What disks, transfers and editors do to a file: bytes flipped, a stretch zeroed, moved or cut
/// out, the end cut off. The bytes are a function of the stream's state alone.
inline std::string damaged(const std::string& whole, RandomStream& draws) {
  std::string bytes = whole;
  if (bytes.empty()) return bytes;
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(draws.below(n)); };
  const std::size_t at = below(bytes.size());
  const std::size_t longest = draws.below(2) == 0 ? 2 : 64;
  const std::size_t length = 1 + below(std::min(bytes.size() - at, longest));
  switch (draws.below(5)) {
    case 0:
      for (std::size_t flips = 1 + below(3); flips > 0; --flips) {
        char& byte = bytes[below(bytes.size())];
        byte = static_cast<char>(byte ^ (1 << draws.below(8)));
      }
      break;
    case 1:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, '\0');
      break;
    case 2: {
      const std::string stretch = bytes.substr(at, length);
      bytes.erase(at, length);
      bytes.insert(below(bytes.size() + 1), stretch);
      break;
    }
    case 3:
      bytes.erase(at, length);
      break;
    default:
      bytes.resize(at);
  }
  return bytes;
}

}  // namespace gradflow::testing
