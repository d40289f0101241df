#include "study/progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

// A terminal may be slow, and the points wait for it.
constexpr double terminal_interval = 0.1, lines_interval = 10, log_interval = 60;

/// "0:01:12"
std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

}  // namespace

ProgressLine::ProgressLine(ProgressMode mode)
    : shown_(mode != ProgressMode::none),
      on_terminal_(mode == ProgressMode::automatic && isatty(STDERR_FILENO) != 0),
      interval_(on_terminal_                  ? terminal_interval
                : mode == ProgressMode::lines ? lines_interval
                                              : log_interval),
      began_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  clear();
}

double ProgressLine::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

bool ProgressLine::due(bool at_once) {
  if (!shown_) return false;
  if (at_once && on_terminal_ && !drawn_) return true;
  return elapsed() >= drawn_at_ + interval_;
}

void ProgressLine::draw(const std::string& text) {
  drawn_at_ = elapsed();
  std::fprintf(stderr, "%s%s%s", on_terminal_ ? "\r\033[K" : "", text.c_str(),
               on_terminal_ ? "" : "\n");
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressLine::clear() {
  if (drawn_ && on_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::size_t done, std::size_t failed, std::size_t done_before) {
  if (!line_.due(true)) return;
  std::string left = "?";
  if (done > done_before)
    left = clock_text(line_.elapsed() * static_cast<double>(total_ - done) /
                      static_cast<double>(done - done_before));
  line_.draw(std::to_string(done) + " of " + std::to_string(total_) + " " + what_ + " done, " +
             std::to_string(failed) + " failed, " + left + " left");
}

std::string place_text(const RunPlace& place, double seconds, double before) {
  // The run itself goes without a name.
  std::string text = place.part == "run" ? "" : place.part + ": ";
  if (std::isnan(place.t)) return text + clock_text(seconds);
  text += "t = " + short_number(place.t, 3);
  if (std::isnan(place.share))
    return text + ", " + std::to_string(place.steps) + " steps, " + clock_text(seconds);
  text += " of " + short_number(place.end, 3) + ", " + std::to_string(place.steps) + " steps, " +
          std::to_string(static_cast<int>(100 * place.share)) + " % done";
  if (place.share > before)
    text += ", " + clock_text(seconds * (1 - place.share) / (place.share - before)) + " left";
  return text;
}

void RunProgress::reach(const RunPlace& place) {
  if (place.part != part_) {
    part_ = place.part;
    began_at_ = line_.elapsed();
    // What an earlier call has done took none of this one's time.
    share_before_ = std::isnan(place.share) ? 0 : place.share;
  }
  if (line_.due(false)) line_.draw(place_text(place, line_.elapsed() - began_at_, share_before_));
}

}  // namespace gradflow
