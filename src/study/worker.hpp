#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "io/byte_locks.hpp"
#include "study/chains.hpp"
#include "study/config.hpp"
#include "study/point_files.hpp"
#include "study/point_keys.hpp"
#include "study/store.hpp"

namespace gradflow {

/// How a run went.
struct PointEnd {
  std::size_t point = 0;  ///< the run's number
  Status status = Status::ok;
  std::int32_t warnings = 0;
  double seconds = 0;
  std::optional<double> measured = {};  ///< of a bisection
  std::string message;
};

/// What a worker says of a run, or of itself.
struct WorkerReport {
  enum class Kind : std::int32_t {
    begun,     ///< a run; `end.seconds`: its solver.max_wall_seconds, 0 where it has none
    written,   ///< a run is in the worker's file, not yet on disk
    given_up,  ///< a run, on the way, for the worker was told to end
    failed     ///< the worker cannot go on: `end.message`
  };
  Kind kind = Kind::begun;
  PointEnd end = {};
};

/// All that a worker needs of the study. It is a copy of the process that began it, as it was then.
struct WorkerStudy {
  const Config& config;
  const Store& store;
  const PointKeys& keys;
  int jobs = 1;
  ByteLocks& claims;  ///< which stay its parent's
};

/// A process that makes runs, one after the other, and writes them into a file of its own. It is
/// forked, without another program: a user's own models are in it. It ends with its parent, however
/// that ends; its memory is limited, so that a run that asks for too much fails by itself.
class Worker {
 public:
  /// Starts one. \throws std::runtime_error where the system gives no process; FileError.
  explicit Worker(const WorkerStudy& study);
  /// Ends it, if need be by force.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Another run to make after those in hand.
  void give(const StudyRun& run);
  /// What it has said; nothing while it says nothing more, or has ended.
  std::optional<WorkerReport> hear();
  /// Becomes readable when there is something to hear, or it has ended.
  int descriptor() const { return socket_; }
  /// The runs that it was given, begun or not, in order.
  std::deque<StudyRun>& in_hand() { return in_hand_; }
  const std::deque<StudyRun>& in_hand() const { return in_hand_; }
  /// No further runs, and what is on its way is given up.
  void stop() const;
  void kill() const;
  /// Has it ended? Then by which signal (0: by itself).
  std::optional<int> ended();
  PointWriter& file() { return *file_; }

 private:
  std::unique_ptr<PointWriter> file_;
  int socket_ = -1;
  pid_t process_ = -1;
  std::deque<StudyRun> in_hand_;
  std::optional<int> end_signal_;
};

}  // namespace gradflow
