#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

namespace gradflow {

/// One line on a terminal: points done, failed, time left; drawn ten times a second at most. Silent
/// when stderr is no terminal.
class Progress {
 public:
  Progress(std::size_t total, bool quiet);
  ~Progress();
  void advance(std::size_t done, std::size_t failed, std::size_t done_before);

 private:
  std::size_t total_;
  bool shown_;
  bool drawn_ = false;
  double drawn_at_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace gradflow
