#pragma once

#include <functional>
#include <vector>

#include "study/worker.hpp"

namespace gradflow {

/// What a supervisor is to do.
struct Supervision {
  const Config& config;
  const Store& store;
  const PointKeys& keys;
  Chains& chains;
  ByteLocks& claims;
  int jobs = 1;
  bool together = false;  ///< with others, who have the chains that cannot be claimed
  std::function<bool()> interrupted;
  /// A run that is on disk for good.
  std::function<void(const PointEnd&)> done;
  /// A chain that another process has put on disk, or the rest of it.
  std::function<void(std::size_t chain)> done_elsewhere;
  /// Is to have the chain followed as far as a process has put it on disk that has left it.
  std::function<void(std::size_t chain)> left_by_another;
  /// A run that has not the number that the bisection is by. Is to throw.
  std::function<void(std::size_t run)> not_measured;
  /// Now and then.
  std::function<void()> idle;
};

/// Values of a byte of points/claims, of which there is one a chain.
enum Claim : std::uint8_t { claim_open = 0, claim_done = 1, claim_cut = 2 };

/// Has chains of runs made by worker processes, begun in the given order, and sees to it that each
/// comes to an end: a run whose worker dies is made once more in another, and is marked if that one
/// dies too; a worker that overstays its limit threefold is ended. A chain goes on with its next
/// run once the last is written. It is claimed until it is over, and a run counts as done once it
/// is on disk, at most 0.2 s after it was written. Returns when all chains are done (by this
/// process or, together, by another), or when `interrupted` says so. \throws FileError;
/// std::runtime_error where workers cannot be had or cannot go on
void supervise(const Supervision& supervision, const std::vector<std::size_t>& chains);

}  // namespace gradflow
