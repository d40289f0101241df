#include "numerics/parallel.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("A parallel loop does each part once, loop after loop") {
  CHECK(loop_threads() == 1);
  const LoopThreads threads(4);
  CHECK(loop_threads() == 4);
  for (const Index count : {0, 1, 2, 3, 1000})
    for (int repeat = 0; repeat < 300; ++repeat) {
      std::vector<int> done(static_cast<std::size_t>(count), 0);
      parallel_for(count, [&](Index i) { ++done[static_cast<std::size_t>(i)]; });
      REQUIRE(done == std::vector<int>(static_cast<std::size_t>(count), 1));
    }
}

TEST_CASE("Several threads work on one loop, and a loop within a part stays in its thread") {
  const LoopThreads threads(3);
  std::atomic<int> waiting = 0;
  std::atomic<bool> inner_stays = true;
  // Each part waits for the others: only threads at the same time can end this.
  parallel_for(3, [&](Index) {
    ++waiting;
    while (waiting < 3) std::this_thread::yield();
    const auto outer = std::this_thread::get_id();
    parallel_for(100, [&](Index) {
      if (std::this_thread::get_id() != outer) inner_stays = false;
    });
  });
  CHECK(inner_stays);
  CHECK(loop_threads() == 3);
}

TEST_CASE("Threads are those of the innermost scope") {
  const LoopThreads outer(2);
  {
    const LoopThreads inner(1);
    CHECK(loop_threads() == 1);
  }
  CHECK(loop_threads() == 2);
}

TEST_CASE("A part's exception comes out of the loop, and the next loop runs as ever") {
  const LoopThreads threads(3);
  for (int repeat = 0; repeat < 100; ++repeat) {
    CHECK_THROWS_AS(parallel_for(64,
                                 [](Index i) {
                                   if (i % 7 == 3) throw std::runtime_error("part");
                                 }),
                    std::runtime_error);
    CHECK(loop_threads() == 3);
    std::atomic<int> done = 0;
    parallel_for(64, [&](Index) { ++done; });
    CHECK(done == 64);
  }
}

TEST_CASE("Threads end wherever they are when their scope does") {
  // A helper may be about to sleep, asleep, or late for a loop that is over.
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const LoopThreads threads(3);
    std::atomic<int> done = 0;
    for (int loop = 0; loop < repeat % 3; ++loop) parallel_for(4, [&](Index) { ++done; });
    REQUIRE(done == 4 * (repeat % 3));
  }
}
