#include "numerics/memory.hpp"

#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("Memory that no machine has is refused, with its size, and some is given") {
  CHECK_NOTHROW(require_memory(0));
  CHECK_NOTHROW(require_memory(1 << 20));
  try {
    require_memory(1e16);
    FAIL("no error");
  } catch (const OutOfMemory& error) {
    CHECK(error.bytes() == 1e16);
  }
  CHECK_THROWS_AS(require_memory(1e30), std::bad_alloc);
}
