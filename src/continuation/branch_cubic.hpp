#pragma once

#include "continuation/branch_points.hpp"

/// A branch between neighbours, on the cubic that their states and tangents make.
namespace gradflow {

/// Length of the branch between two neighbours: the tangent's turn tells the arc over its chord.
double arc(const BranchPoint& a, const BranchPoint& b);

/// The state of a branch between neighbours at `lambda`; the first of several.
Vector interpolated(const BranchPoint& a, const BranchPoint& b, double lambda);

/// By how much what a branch's slopes come to between points differs from what changes:
/// dL*/dlambda = 1/2 |w|^2, dF/dlambda = lambda w A^+ w (that is dF = -lambda w . dw).
struct SlopeDefects {
  double loss = 0;   ///< of the regularised loss L*
  double error = 0;  ///< of F
};
SlopeDefects slope_defects(const BranchPoint& a, const BranchPoint& b);
/// The largest between neighbours, over the branch's range of each; 0 where that is a point.
SlopeDefects slope_defects(const Branch& branch);

}  // namespace gradflow
