#pragma once

#include <optional>
#include <vector>

#include "flow/system.hpp"

namespace gradflow {

/// The linear subspace in which a flow keeps entries of its state equal, opposite, or zero: y_i =
/// sign_i Y_class(i) ("polydiagonal" or synchrony subspace; Golubitsky and Stewart 2006). Equal
/// neurons, zero coordinates and equal factors U = V are of this kind. The exact flow never leaves
/// it; rounding does, and where the flow across it grows, rounding would then decide where the run
/// ends. A solver that projects right-hand sides and Newton's corrections on it stays in it to the
/// bit, for its own sums of vectors treat equal entries alike.
class InvariantSubspace {
 public:
  /// The smallest such subspace that holds y0, found by refinement: entries equal in size at y0 are
  /// told apart by the right-hand side at random points of the subspace found so far, until three
  /// points in a row tell no more apart (a false symmetry would have to hold there by chance).
  /// Nothing where no two entries of y0 are equal in size and none is 0, at no evaluation, and
  /// where none of them stay so.
  static std::optional<InvariantSubspace> around(System& system, ConstVectorRef y0);

  /// Orthogonal projection, in place: signed means over the classes.
  void project(VectorRef v) const;
  /// Entries of v that the projection changes are the only ones it touches: how many.
  Index constrained() const { return static_cast<Index>(member_.size()) + zeros(); }
  Index zeros() const { return static_cast<Index>(zero_.size()); }

 private:
  InvariantSubspace() = default;

  std::vector<Index> zero_;    ///< entries that stay 0
  std::vector<Index> start_;   ///< of each class of two or more, in `member_`, and its end
  std::vector<Index> member_;  ///< entries
  std::vector<double> sign_;   ///< of each member
};

}  // namespace gradflow
