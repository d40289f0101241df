#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "continuation/stationary_problem.hpp"

namespace gradflow {

/// How a branch is followed, and where it ends.
struct BranchSettings {
  double low = 0, high = 0;  ///< of lambda; the branch ends exactly there
  double step = 0.02, min_step = 1e-7, max_step = 0.25;
  Index max_points = 1000;
  double tolerance = 1e-11;
};

/// A point of a branch, with the unit tangent (w', lambda') in which it is followed.
struct BranchPoint {
  Vector w;
  double lambda = 0;
  double arclength = 0;
  Plane tangent;
  double loss = 0;  ///< F
  double lowest_eigenvalue = 0;
  Index unstable = 0, flat = 0;

  double norm_squared() const { return w.squaredNorm(); }
  double regularised_loss() const { return loss + 0.5 * lambda * w.squaredNorm(); }
};

/// LP, BP, EP and MX in AUTO's terms.
enum class SpecialKind : std::int32_t { fold = 1, branch_point = 2, end = 3, lost = 4 };

/// A point of a branch at which something happens.
struct SpecialPoint {
  SpecialKind kind;
  std::size_t point;    ///< its place in the branch
  Index kernel = 0;     ///< dimension, flat modes apart
  Matrix kernel_modes;  ///< (p, kernel), orthonormal
  /// Of branch points: w without its part in the kernel, and the tangent of the branch there along
  /// which lambda is a coordinate.
  Vector centre;
  Plane through;
  bool pitchfork = false;  ///< the branch ends there, in its own mirror image
  // Of folds: exponent of -d^2 L* / d lambda^2 in the distance from the fold.
  double response_exponent = std::numeric_limits<double>::quiet_NaN();
  double response_exponent_error = std::numeric_limits<double>::quiet_NaN();
};

struct Branch {
  std::vector<BranchPoint> points;
  std::vector<SpecialPoint> specials;  ///< in the order of their points
  bool cut = false;                    ///< by max_points, or interrupted
  bool closed =
      false;  ///< it comes back to where it began, or to an image of that under a symmetry
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
