#pragma once

#include <memory>

#include "numerics/types.hpp"

namespace gradflow {

struct LinearSolution {
  bool feasible = false;
  bool bounded = false;
  double value = 0;
  Vector x;            ///< shape (variables)
  Vector multipliers;  ///< of the rows, >= 0; shape (rows)
};

/// min c.x subject to A x >= b and low <= x <= high, by Clp's simplex method. Objectives may be
/// changed and solved again from the last basis.
class LinearProgram {
 public:
  /// Bounds may be infinite.
  LinearProgram(ConstMatrixRef a, ConstVectorRef b, ConstVectorRef low, ConstVectorRef high);
  ~LinearProgram();
  LinearProgram(LinearProgram&&) noexcept;

  LinearSolution minimise(ConstVectorRef c);

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

}  // namespace gradflow
