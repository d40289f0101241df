#include "io/byte_locks.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;

TEST_CASE("A byte is locked by one holder at a time, and free again when it drops it or ends") {
  const testing::Scratch scratch;
  const auto file = scratch / "claims";
  ByteLocks first(file, 10);
  {
    ByteLocks second(file, 10);
    CHECK(first.work());
    CHECK(first.take(3));
    CHECK(first.take(3));  // what one has, one may take again
    CHECK_FALSE(second.take(3));
    CHECK(second.take(4));
    CHECK_FALSE(first.take(4));
    first.drop(3);
    CHECK(second.take(3));
    CHECK_FALSE(first.take_when_free(3, [] { return false; }));
  }
  CHECK(first.take(3));
  CHECK(first.take(4));
}

TEST_CASE("Others see which bytes are locked, without a lock of their own") {
  const testing::Scratch scratch;
  const auto file = scratch / "claims";
  CHECK(locked_bytes(file, 5).empty());
  ByteLocks locks(file, 5);
  for (const std::size_t byte : {0U, 1U, 4U}) locks.take(byte);
  CHECK(locked_bytes(file, 5) == std::vector<bool>{true, true, false, false, true});
  CHECK(locked_bytes(file, 4) == std::vector<bool>{true, true, false, false});
}

TEST_CASE("Bytes are 0 at first, keep their values, and are shared") {
  const testing::Scratch scratch;
  ByteLocks one(scratch / "claims", 4), other(scratch / "claims", 4);
  CHECK(one.values(4) == std::vector<std::uint8_t>{0, 0, 0, 0});
  one.set(2, 1);
  CHECK(other.value(2) == 1);
  other.set_all({1, 1, 0, 2});
  CHECK(one.values(4) == std::vector<std::uint8_t>{1, 1, 0, 2});
  CHECK_THROWS_AS(ByteLocks(scratch.path, 1), FileError);
}

TEST_CASE("A lock goes with the process that holds it, but not with one that only inherited it") {
  const testing::Scratch scratch;
  ByteLocks locks(scratch / "claims", 2);
  REQUIRE(locks.take(0));
  int status = 0;
  pid_t child = ::fork();
  if (child == 0) {
    locks.close();  // its parent's
    ByteLocks own(scratch / "claims", 2);
    ::_exit(!own.take(0) && own.take(1) ? 0 : 1);
  }
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(locks.take(1));
  ByteLocks other(scratch / "claims", 2);
  CHECK_FALSE(other.take(0));
}
