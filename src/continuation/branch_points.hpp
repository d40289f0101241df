#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "continuation/stationary_problem.hpp"

/// A branch as a list of points, however it was followed (continuation/branch.hpp).
namespace gradflow {

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

}  // namespace gradflow
