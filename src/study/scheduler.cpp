#include "study/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <thread>

namespace gradflow {
namespace {

/// Of each job: computed, and on their way to the disk.
constexpr std::size_t on_the_way = 8;

}  // namespace

void schedule(const std::vector<std::size_t>& items, int jobs,
              const std::function<bool()>& interrupted,
              const std::function<std::function<void()>(std::size_t item)>& compute) {
  std::mutex mutex;
  std::exception_ptr error;
  std::atomic<bool> given_up{false};  // after an error, no other item is worth its time
  std::atomic<std::size_t> next{0};
  /// To be called where an exception is caught.
  const auto give_up = [&] {
    const std::lock_guard guard(mutex);
    if (!error) error = std::current_exception();
    given_up = true;
  };
  const auto guarded = [&](const std::function<void()>& put) {
    try {
      put();
    } catch (...) {
      give_up();
    }
  };
  const auto work = [&] {
    try {
      // Left unasked, a future waits all the same.
      std::deque<std::future<void>> kept;
      while (!given_up && !interrupted()) {
        const std::size_t turn = next.fetch_add(1);
        if (turn >= items.size()) return;
        const std::function<void()> put = compute(items[turn]);
        if (kept.size() == on_the_way) kept.pop_front();
        try {
          kept.push_back(std::async(std::launch::async, [&guarded, put] { guarded(put); }));
        } catch (const std::exception&) {  // no thread to be had: nothing computed is lost
          guarded(put);
        }
      }
    } catch (...) {
      give_up();
    }
  };
  const std::size_t workers =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(1, jobs)), items.size());
  std::vector<std::thread> threads;
  try {
    for (std::size_t j = 1; j < workers; ++j) threads.emplace_back(work);
  } catch (const std::exception&) {  // no thread or no memory: those there are do the work
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace gradflow
