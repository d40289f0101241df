#include "study/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace gradflow {
namespace {

// A terminal may be slow, and the points wait for it.
constexpr double terminal_interval = 0.1, lines_interval = 10, log_interval = 60;

}  // namespace

Progress::Progress(std::size_t total, ProgressMode mode)
    : total_(total),
      shown_(mode != ProgressMode::none),
      on_terminal_(mode == ProgressMode::automatic && isatty(STDERR_FILENO) != 0),
      interval_(on_terminal_                  ? terminal_interval
                : mode == ProgressMode::lines ? lines_interval
                                              : log_interval),
      began_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_ && on_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::size_t done, std::size_t failed, std::size_t done_before) {
  if (!shown_) return;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  // The first line on a terminal comes at once, in a log after its time.
  if ((drawn_ || !on_terminal_) && elapsed < drawn_at_ + interval_) return;
  drawn_at_ = elapsed;
  std::string left = "?";
  if (done > done_before) {
    const auto seconds = static_cast<long>(elapsed * static_cast<double>(total_ - done) /
                                           static_cast<double>(done - done_before));
    char text[32];
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60,
                  seconds % 60);
    left = text;
  }
  std::fprintf(stderr, "%s%zu of %zu points done, %zu failed, %s left%s",
               on_terminal_ ? "\r\033[K" : "", done, total_, failed, left.c_str(),
               on_terminal_ ? "" : "\n");
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace gradflow
