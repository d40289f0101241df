#pragma once

#include <functional>

#include "continuation/branch_points.hpp"
#include "continuation/stationary_problem.hpp"

namespace gradflow {

/// How a branch is followed, and where it ends.
struct BranchSettings {
  double low = 0, high = 0;  ///< of lambda; the branch ends exactly there
  double step = 0.02, min_step = 1e-7, max_step = 0.25;
  Index max_points = 1000;
  double tolerance = 1e-11;
};

/// Where a branch begins.
struct BranchStart {
  BranchPoint point;
  bool both_ways = true;         ///< or along the tangent alone
  bool at_branch_point = false;  ///< the change of stability there is known
  Index kernel = 0;              ///< of that branch point
};

/// The unit tangent (-A^+ w, 1), normalised.
Plane tangent_through(const PointModes& modes, ConstVectorRef w);

/// Follows the branch of stationary points through `start` by pseudo-arclength (Keller): a step
/// along the tangent, then Newton's iteration in the plane across it, ds^2 = |dw|^2 + dlambda^2.
/// The step is halved where Newton fails or the tangent turns by more than 0.2, and grows to
/// `max_step` where both are easy.
///
/// Located on the way: folds, where lambda' changes sign; branch points, where an eigenvalue that
/// is not flat crosses zero, or where |w|^2 turns with lambda' (a pitchfork, where w is orthogonal
/// to the critical mode: beyond lies the branch's mirror image, and it ends there). \returns points
/// in one order; `start` is the first, or among them where it is left both ways.
Branch follow_branch(StationaryProblem& problem, const BranchSettings& settings,
                     const BranchStart& start, const std::function<bool()>& interrupted = {});

/// A stationary point as one of a branch; the tangent is `tangent_through`'s.
BranchPoint branch_point_at(StationaryProblem& problem, ConstVectorRef w, double lambda);

}  // namespace gradflow
