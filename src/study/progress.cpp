#include "study/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace gradflow {

Progress::Progress(std::size_t total, bool quiet)
    : total_(total),
      shown_(!quiet && isatty(STDERR_FILENO) != 0),
      began_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::size_t done, std::size_t failed, std::size_t done_before) {
  if (!shown_) return;
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  // A terminal may be slow, and the points wait for it.
  if (drawn_ && elapsed < drawn_at_ + 0.1) return;
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
  std::fprintf(stderr, "\r\033[K%zu of %zu points done, %zu failed, %s left", done, total_, failed,
               left.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace gradflow
