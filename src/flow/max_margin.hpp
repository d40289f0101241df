#pragma once

#include <string>
#include <vector>

#include "flow/horizon.hpp"

namespace gradflow {

/// The solution of min phi_inf(b) subject to min_i <z_i, b> >= 1, z_i = y_i x_i.
struct MaxMargin {
  bool separable = false;
  bool unique = false;         ///< within `largest_width` of it there is no other solution
  bool converged = false;      ///< the solver's conditions hold to rounding
  Vector solution;             ///< b; empty where the data are not separable
  Vector direction;            ///< b/|b|
  Vector lowest, highest;      ///< range of each coordinate over all solutions
  double horizon = 0;          ///< phi_inf(b) (of the last class where the shape is degenerate)
  Vector multipliers;          ///< of the samples, with sum 1; >= 0
  std::vector<Index> support;  ///< samples with a multiplier
  double residual = 0;         ///< defect of the optimality conditions
  std::string method;
};

/// Linear programs (Clp) for the 1-norm and the max-norm, NLopt for powers. Uniqueness: powers are
/// strictly convex; for linear programs each coordinate is minimised and maximised over the set of
/// solutions.
///
/// A degenerate limit shape (potentials that grow differently) is outside the theorem. What is
/// computed then is the limit of argmin phi(b) subject to <z_i, b> >= m as m -> infinity: first the
/// fastest growing potentials are minimised, then, with their coordinates fixed, the next.
MaxMargin solve_max_margin(ConstMatrixRef margins, const Horizon& horizon);

}  // namespace gradflow
