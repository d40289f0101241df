#pragma once

#include <functional>
#include <string>
#include <vector>

#include "study/worker.hpp"

namespace gradflow {

/// What a supervisor is to do.
struct Supervision {
  const Config& config;
  const Store& store;
  const PointKeys& keys;
  ByteLocks& claims;
  int jobs = 1;
  bool together = false;  ///< with others, who have the points that cannot be claimed
  std::function<bool()> interrupted;
  /// A point that is on disk for good.
  std::function<void(const PointEnd&)> done;
  /// A point that another process has put on disk.
  std::function<void(std::size_t point)> done_elsewhere;
  /// Now and then.
  std::function<void()> idle;
};

/// Values of a byte of points/claims.
enum Claim : std::uint8_t { claim_open = 0, claim_done = 1, claim_cut = 2 };

/// Has points run by worker processes, in the given order, and sees to it that each comes to an
/// end: a point whose worker dies runs once more in another, and is marked if that one dies too; a
/// worker that overstays its limit threefold is ended. A point is claimed while it is in hand, and
/// counts as done once it is on disk, at most 0.2 s after it was written. Returns when all points
/// are done (by this process or, together, by another), or when `interrupted` says so. \throws
/// FileError; std::runtime_error where workers cannot be had or cannot go on
void supervise(const Supervision& supervision, const std::vector<std::size_t>& points);

}  // namespace gradflow
