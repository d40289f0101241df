#include "numerics/parallel.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace gradflow {
namespace {
void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

/// Threads that sleep between loops and take a loop's parts one by one. Each begins with a stretch
/// of its own, the same in every loop of as many parts, whose data its core still has, and goes on
/// with what others have left. Nothing waits for a thread to wake: where the machine does not let
/// one run, the others take its parts, and a loop ends with the parts that were begun.
/// (With OpenMP's barriers a loop waits for each thread: on a machine busy with other work the
/// whole of a run took seven times as long with two threads as with one.)
class ThreadPool {
 public:
  explicit ThreadPool(int helpers) : stretches_(static_cast<std::size_t>(helpers) + 1) {
    // Where the system gives no more threads, those there are do the work, to the same bits.
    try {
      for (int k = 0; k < helpers; ++k) threads_.emplace_back([this, k] { help(k + 1); });
    } catch (const std::system_error&) {
    }
  }
  ~ThreadPool() {
    ending_ = true;
    ++generation_;
    generation_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(threads_.size()) + 1; }

  void run(Index count, void (*call)(void*, Index), void* context) {
    call_ = call;
    context_ = context;
    const Index parties = threads();
    for (Index k = 0; k < parties; ++k) {
      Stretch& stretch = stretches_[static_cast<std::size_t>(k)];
      stretch.next = k * count / parties;
      stretch.end = (k + 1) * count / parties;
    }
    open_ = true;
    ++generation_;
    generation_.notify_all();
    take_parts(0);
    // A helper enters before it looks whether the loop is open: either it sees that it is not, or
    // it is waited for here.
    open_ = false;
    for (int inside = inside_; inside != 0; inside = inside_) inside_.wait(inside);
    failed_ = false;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  /// The parts from `next` on are to be taken. In a cache line of its own.
  struct alignas(64) Stretch {
    std::atomic<Index> next = 0;
    Index end = 0;
  };

  void take_parts(int own) {
    const int parties = threads();
    try {
      for (int k = 0; k < parties; ++k) {
        Stretch& stretch = stretches_[static_cast<std::size_t>((own + k) % parties)];
        for (Index i = stretch.next++; i < stretch.end; i = stretch.next++) call_(context_, i);
      }
    } catch (...) {
      // The first is for the caller, when no thread is at work on its memory any more.
      if (!failed_.exchange(true)) failure_ = std::current_exception();
      for (Stretch& stretch : stretches_) stretch.next = stretch.end;
    }
  }
  void help(int own) {
    unsigned seen = 0;
    while (true) {
      // Loops follow one another within microseconds: a short look before going to sleep.
      for (int turn = 0; turn < 2000 && generation_ == seen; ++turn) pause();
      generation_.wait(seen);
      // In this order: the end's generation is not taken for one that was seen.
      seen = generation_;
      if (ending_) return;
      ++inside_;
      if (open_) take_parts(own);
      if (--inside_ == 0) inside_.notify_all();
    }
  }

  std::atomic<unsigned> generation_ = 0;
  std::atomic<bool> open_ = false, ending_ = false, failed_ = false;
  std::exception_ptr failure_;
  std::atomic<int> inside_ = 0;
  std::vector<Stretch> stretches_;  ///< of the caller, of helper 1, 2, ...
  void (*call_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  std::vector<std::thread> threads_;
};

namespace {
thread_local ThreadPool* pool = nullptr;
}

LoopThreads::LoopThreads(int count) : outer_(pool) {
  if (count > 1) own_ = std::make_unique<ThreadPool>(count - 1);
  pool = own_.get();
}
LoopThreads::~LoopThreads() {
  pool = outer_;
}

int loop_threads() {
  return pool == nullptr ? 1 : pool->threads();
}

void detail::run_parallel(Index count, void (*call)(void*, Index), void* context) {
  // A loop within a part runs in its thread alone: helpers have no pool, this thread lends its own.
  struct Loan {
    ThreadPool* const lent = std::exchange(pool, nullptr);
    ~Loan() { pool = lent; }
  };
  const Loan loan;
  loan.lent->run(count, call, context);
}

}  // namespace gradflow
