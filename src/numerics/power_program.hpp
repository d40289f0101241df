#pragma once

#include "numerics/types.hpp"

namespace gradflow {

struct PowerSolution {
  bool converged = false;
  Vector x;             ///< shape (variables)
  Vector multipliers;   ///< of the rows, >= 0; shape (rows)
  double residual = 0;  ///< largest defect of the optimality conditions, relative
};

/// min sum_j weight_j |x_j|^p subject to A x >= b, weight >= 0, p > 1, from a feasible x0. NLopt's
/// SLSQP on a growing set of rows, then Newton's method on the conditions of the active rows, which
/// brings x to rounding.
PowerSolution minimise_power(ConstVectorRef weight, double p, ConstMatrixRef a, ConstVectorRef b,
                             ConstVectorRef x0);

/// min |M x - y| subject to x >= 0 (Lawson and Hanson, "Solving least squares problems", ch. 23).
Vector nonnegative_least_squares(ConstMatrixRef m, ConstVectorRef y);

}  // namespace gradflow
