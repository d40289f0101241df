#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "experiment/journal.hpp"

namespace gradflow {

/// How progress is shown on stderr.
enum class ProgressMode {
  automatic,  ///< on a terminal one line that changes, elsewhere a line a minute
  lines,      ///< a line every 10 seconds
  none
};

/// What is shown of it, no more often than its mode allows.
class ProgressLine {
 public:
  explicit ProgressLine(ProgressMode mode);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Is it time for another? On a terminal the first comes at once where `at_once`.
  bool due(bool at_once);
  void draw(const std::string& text);
  /// Makes room for a message.
  void clear();
  /// Seconds since it was made.
  double elapsed() const;

 private:
  bool shown_, on_terminal_;
  double interval_;  ///< seconds between two of what is shown
  bool drawn_ = false;
  double drawn_at_ = 0;
  std::chrono::steady_clock::time_point began_;
};

/// Points done, failed, time left. Both may be called as often as one likes.
class Progress {
 public:
  /// `what`: of what there are `total`, in the plural.
  Progress(std::size_t total, ProgressMode mode, std::string what = "points")
      : total_(total), what_(std::move(what)), line_(mode) {}
  void advance(std::size_t done, std::size_t failed, std::size_t done_before);

 private:
  std::size_t total_;
  std::string what_;
  ProgressLine line_;
};

/// How far a single run is, and the time left.
class RunProgress {
 public:
  explicit RunProgress(ProgressMode mode) : line_(mode) {}
  bool due() { return line_.due(false); }
  void reach(const RunPlace& place);
  void clear() { line_.clear(); }

 private:
  ProgressLine line_;
  std::string part_;
  double began_at_ = 0, share_before_ = 0;  ///< of this part: when it began, and how far on
};

/// "t = 35 of 1e+06, 1200 steps, 45 % done, 0:00:12 left": what is shown of a run; `before` is the
/// share that `seconds` have not been spent on.
std::string place_text(const RunPlace& place, double seconds, double before);

}  // namespace gradflow
