#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "continuation/branch.hpp"

namespace gradflow {

/// How a branch was come to.
enum class BranchOrigin : std::int32_t { start = 0, after_fold = 1, switched = 2 };

struct FoundBranch {
  Branch branch;
  BranchOrigin origin = BranchOrigin::start;
  Index from = -1;  ///< the branch that led to it
};

/// Two stable branches of equal regularised loss, the lowest there.
struct MaxwellPoint {
  double lambda = 0, regularised_loss = 0;
  Index below = 0, above = 0;  ///< the lowest branch below and above lambda
};

struct BranchSearchSettings {
  BranchSettings branch;
  bool after_folds = true, switch_branches = true;
  Index switch_directions = 12, max_branches = 20;
  std::uint64_t seed = 0;
};

struct Branches {
  std::vector<FoundBranch> all;
  std::vector<MaxwellPoint> maxwells;
  bool left = false;  ///< max_branches, max_points, or directions of a large kernel
  bool interrupted = false;
};

/// Where the flow at lambda settles from a state; none where it does not.
using SettleAt = std::function<std::optional<Vector>(double lambda, const Vector& from)>;

/// All branches that can be reached from `starts` at `start_lambda`: through their folds, from
/// where a stable branch ends by the flow to where that settles, and through branch points: along
/// the branch on which lambda is a coordinate, and along the kernel, of which one dimension has two
/// directions and more are tried at random. Branches that a symmetry maps onto each other (equal
/// loss and norm at one lambda) count once.
Branches find_branches(StationaryProblem& problem, const BranchSearchSettings& settings,
                       const std::vector<Vector>& starts, double start_lambda,
                       const SettleAt& settle_at, const std::function<bool()>& interrupted = {});

}  // namespace gradflow
