#include "solve/checkpoint.hpp"

#include <algorithm>

namespace gradflow {
namespace {

/// What holding a state ready may cost of the time: a copy of a few vectors in so many seconds.
constexpr double seconds_between_copies = 1;

}  // namespace

void CheckpointKeeper::offer(bool here, bool anywhere) {
  if (where_ == nullptr) return;
  const bool due = since(kept_at_) >= where_->seconds();
  if (anywhere) {
    if (here && due) interrupt(here);
    return;
  }
  if (here &&
      (!held_at_ || since(*held_at_) >= std::min(seconds_between_copies, where_->seconds()))) {
    held_.emplace();
    take_(*held_);
    held_at_ = Clock::now();
  }
  if (due) interrupt(false);
}

void CheckpointKeeper::end() {
  if (where_ == nullptr || !where_->wants_end()) return;
  Archive last;
  take_(last);
  finish_(last);
  where_->keep_end(std::move(last).take());
}

void CheckpointKeeper::interrupt(bool here) {
  if (where_ == nullptr) return;
  if (here) {
    held_.emplace();
    take_(*held_);
  }
  kept_at_ = Clock::now();
  if (!held_) return;
  finish_(*held_);
  where_->keep(std::move(*held_).take());
  held_.reset();
}

}  // namespace gradflow
