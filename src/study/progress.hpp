#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace gradflow {

/// How progress is shown on stderr.
enum class ProgressMode {
  automatic,  ///< on a terminal one line that changes, elsewhere a line a minute
  lines,      ///< a line every 10 seconds
  none
};

/// Points done, failed, time left.
class Progress {
 public:
  Progress(std::size_t total, ProgressMode mode);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// To be called as often as one likes.
  void advance(std::size_t done, std::size_t failed, std::size_t done_before);

 private:
  std::size_t total_;
  bool shown_, on_terminal_;
  double interval_;  ///< seconds between two of what is shown
  bool drawn_ = false;
  double drawn_at_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace gradflow
