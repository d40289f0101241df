#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "continuation/settle.hpp"

namespace gradflow {

/// A settled value of a chain, as transitions are told from it.
struct ChainPoint {
  double value = 0;
  bool settled = false;
  bool marginal = false;  ///< at a transition within the tolerance
  double norm_squared = 0;
  double regularised_loss = 0;  ///< F + lambda/2 |w|^2
  double train_loss = 0;        ///< F
  /// d|w|^2 / d value along the branch; NaN where it is not known (another key than the weight
  /// decay).
  double slope = std::numeric_limits<double>::quiet_NaN();
  double rank = std::numeric_limits<double>::quiet_NaN();
  double scalar_curvature = std::numeric_limits<double>::quiet_NaN();
  Vector state;
};

/// Where a chain changes its branch.
struct Transition {
  double low = 0, high = 0;  ///< the bracket
  int order = 0;             ///< 1, 2; 0: the bracket is too wide to tell
  // Over the bracket, in the sweep's sense.
  double norm_squared_jump = 0, train_loss_jump = 0, scalar_curvature_jump = 0;
  double rank_before = 0, rank_after = 0;
  double shed = 0;  ///< regularised loss that falls at the transition
};

/// One way of a sweep, with what was found along it.
struct Way {
  std::vector<Transition> transitions;
  /// 1/2 integral of |w|^2 over the value, from the lowest to the highest.
  double half_norm_integral = 0;
};

/// Transitions of a chain, whose points stand in the order of the sweep.
///
/// A pair of neighbours holds one where |w|^2 changes by more than its slopes account for, where
/// its slope changes by more than a quarter, or where the rank does. With `refine` > 0 the pair is
/// bisected to that width, each state settled from the one before the transition: where the change
/// of |w|^2 stays, the transition is of first order; where it shrinks with the width while the
/// slope jumps, of second; where neither does there is none. What is left of the pair on either
/// side of a transition is looked at again, and so on: several within a pair are each found, where
/// they are further apart than `refine`. Without, the first and the last of these signs count, and
/// the order is 0.
///
/// `settle_at(value, from, name)` settles from a state at a value; `name` tells each call from all
/// others.
Way find_transitions(
    const std::vector<ChainPoint>& chain, double refine,
    const std::function<ChainPoint(double, const Vector&, const std::string&)>& settle_at);

}  // namespace gradflow
