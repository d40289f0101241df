#include "tests/fuzz/coverage.hpp"

#include <array>
#include <cstdint>

namespace {

constexpr std::size_t cells = 1 << 16;
std::array<std::uint8_t, cells> reached{};
std::array<std::uint8_t, cells> known{};
std::uintptr_t before = 0;

/// 1, 2, 3, 4 to 7, 8 to 15, ...: more turns of a loop count as new, one more does not.
std::uint8_t magnitude(std::uint8_t count) {
  return static_cast<std::uint8_t>(count <= 2    ? count
                                   : count == 3  ? 4
                                   : count < 8   ? 8
                                   : count < 16  ? 16
                                   : count < 32  ? 32
                                   : count < 128 ? 64
                                                 : 128);
}

}  // namespace

/// The compiler calls this in each block of what is built with -fsanitize-coverage=trace-pc. A cell
/// stands for a passage from one block to another.
extern "C" void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::uint8_t& count = reached[((here >> 1U) ^ (before >> 2U) ^ (here >> 17U)) % cells];
  if (count < 255) ++count;
  before = here;
}

namespace gradflow::testing::coverage {

bool take_new() {
  bool any = false;
  for (std::size_t i = 0; i < cells; ++i) {
    const std::uint8_t now = magnitude(reached[i]);
    any = any || (now & ~known[i]) != 0;
    known[i] |= now;
    reached[i] = 0;
  }
  before = 0;
  return any;
}

}  // namespace gradflow::testing::coverage
