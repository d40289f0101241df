#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "numerics/archive.hpp"

namespace gradflow {

/// Where the states of one run are kept, for another call that goes on from the last of them.
class Checkpoints {
 public:
  virtual ~Checkpoints() = default;
  /// The last state; none where there is nothing to go on from.
  virtual std::optional<Archive::Entries> find() = 0;
  /// Safe when it returns.
  virtual void keep(Archive::Entries state) = 0;
  /// Of wall time from one to the next.
  virtual double seconds() const = 0;
  /// Is the state at the run's end wanted too, for who prolongs the run?
  virtual bool wants_end() const { return false; }
  virtual void keep_end(Archive::Entries /*state*/) {}
};

/// When the state of a run is taken, and when it is kept. A method that can be cut after each step
/// is asked when it is time; of others the state of the last place where they could is held ready.
class CheckpointKeeper {
 public:
  /// `take` writes the state of the run after a step; `finish` adds to a state what has been
  /// recorded up to it. Nothing is kept without `where`.
  CheckpointKeeper(Checkpoints* where, std::function<void(Archive&)> take,
                   std::function<void(Archive&)> finish)
      : where_(where), take_(std::move(take)), finish_(std::move(finish)), kept_at_(Clock::now()) {}

  /// After a step: `here`: it can be cut here; `anywhere`: after each step.
  void offer(bool here, bool anywhere);
  /// The run is interrupted after a step.
  void interrupt(bool here);
  /// The run has come to its end.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  double since(Clock::time_point then) const {
    return std::chrono::duration<double>(Clock::now() - then).count();
  }

  Checkpoints* where_;
  std::function<void(Archive&)> take_, finish_;
  std::optional<Archive> held_;  ///< the last place where it could be cut, not kept yet
  Clock::time_point kept_at_;
  std::optional<Clock::time_point> held_at_;
};

}  // namespace gradflow
