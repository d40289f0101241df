#include "study/scheduler.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

std::vector<std::size_t> first(std::size_t n) {
  std::vector<std::size_t> items(n);
  for (std::size_t k = 0; k < n; ++k) items[k] = k;
  return items;
}

bool never() {
  return false;
}

}  // namespace

TEST_CASE("Each item is computed once and kept once, by any number of jobs") {
  for (const int jobs : {0, 1, 2, 7, 100}) {
    CAPTURE(jobs);
    std::mutex mutex;
    std::multiset<std::size_t> computed, kept;
    schedule(first(40), jobs, never, [&](std::size_t k) {
      const std::lock_guard guard(mutex);
      computed.insert(k);
      return [&, k] {
        const std::lock_guard inner(mutex);
        kept.insert(k);
      };
    });
    CHECK(computed == kept);
    CHECK(computed.size() == 40);
    CHECK(std::set<std::size_t>(computed.begin(), computed.end()).size() == 40);
  }
  schedule({}, 2, never, [](std::size_t) -> std::function<void()> { throw std::logic_error(""); });
}

TEST_CASE("What is computed is kept after an interruption, and nothing more is begun") {
  std::atomic<int> computed{0}, kept{0};
  schedule(
      first(1000), 2, [&] { return computed >= 10; },
      [&](std::size_t) {
        ++computed;
        return [&] { ++kept; };
      });
  CHECK(computed >= 10);
  CHECK(computed <= 11);
  CHECK(kept == computed);
}

TEST_CASE("An exception of either kind comes out once all threads rest, with what was begun kept") {
  for (const bool in_keeping : {false, true}) {
    CAPTURE(in_keeping);
    std::atomic<int> computed{0}, kept{0};
    CHECK_THROWS_AS(schedule(first(1000), 2, never,
                             [&](std::size_t k) -> std::function<void()> {
                               if (k == 20 && !in_keeping) throw std::runtime_error("computing");
                               ++computed;
                               return [&, k] {
                                 if (k == 20 && in_keeping) throw std::runtime_error("keeping");
                                 ++kept;
                               };
                             }),
                    std::runtime_error);
    CHECK(kept == computed - (in_keeping ? 1 : 0));
    CHECK(computed < 1000);
  }
}
