#pragma once

#include <algorithm>
#include <memory>

#include "numerics/types.hpp"

namespace gradflow {

class ThreadPool;

/// Threads that the loops of this thread's run may use; 1 outside of any LoopThreads.
int loop_threads();

/// Lets the loops of this thread use `count` threads while it lives (solver.threads).
class LoopThreads {
 public:
  explicit LoopThreads(int count);
  ~LoopThreads();
  LoopThreads(const LoopThreads&) = delete;
  LoopThreads& operator=(const LoopThreads&) = delete;

 private:
  std::unique_ptr<ThreadPool> own_;
  ThreadPool* outer_;
};

namespace detail {
void run_parallel(Index count, void (*call)(void*, Index), void* context);
}

/// f(i) for i = 0..count-1, shared out among the threads one by one. The f(i) must not touch the
/// same memory; the first exception of one is thrown here, and parts not begun are left. Where what
/// a part is does not depend on the threads, and sums of parts are joined in their order, results
/// have the same bits at any number of threads. A part should take ten microseconds or more: waking
/// a thread takes as long.
template <class F>
void parallel_for(Index count, F f) {
  if (count <= 1 || loop_threads() == 1) {
    for (Index i = 0; i < count; ++i) f(i);
    return;
  }
  detail::run_parallel(
      count, [](void* context, Index i) { (*static_cast<F*>(context))(i); }, &f);
}

/// visit(k, first, count) for the k-th stretch of 0..n-1, `length` long, the last one shorter; in
/// parallel.
template <class Visit>
void for_each_stretch(Index n, Index length, const Visit& visit) {
  parallel_for((n + length - 1) / length,
               [&](Index k) { visit(k, k * length, std::min(length, n - k * length)); });
}

}  // namespace gradflow
