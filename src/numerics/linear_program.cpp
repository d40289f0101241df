#include "numerics/linear_program.hpp"

#include <coin/ClpSimplex.hpp>
#include <coin/CoinPackedMatrix.hpp>
#include <limits>
#include <vector>

namespace gradflow {

struct LinearProgram::Model {
  ClpSimplex simplex;
};

LinearProgram::LinearProgram(ConstMatrixRef a, ConstVectorRef b, ConstVectorRef low,
                             ConstVectorRef high)
    : model_(std::make_unique<Model>()) {
  const Matrix dense = a;  // columns one after another
  const auto rows = static_cast<int>(a.rows()), columns = static_cast<int>(a.cols());
  const auto bound = [](double v) {
    return v == std::numeric_limits<double>::infinity()    ? COIN_DBL_MAX
           : v == -std::numeric_limits<double>::infinity() ? -COIN_DBL_MAX
                                                           : v;
  };
  std::vector<double> lower(static_cast<std::size_t>(columns)), upper(lower.size()),
      cost(lower.size(), 0.0), row_lower(b.begin(), b.end()),
      row_upper(static_cast<std::size_t>(rows), COIN_DBL_MAX);
  for (Index j = 0; j < a.cols(); ++j) {
    lower[static_cast<std::size_t>(j)] = bound(low[j]);
    upper[static_cast<std::size_t>(j)] = bound(high[j]);
  }
  CoinPackedMatrix matrix(true, 0, 0);
  matrix.setDimensions(rows, 0);
  std::vector<int> index;
  std::vector<double> value;
  for (Index j = 0; j < a.cols(); ++j) {
    index.clear();
    value.clear();
    for (Index i = 0; i < a.rows(); ++i)
      if (dense(i, j) != 0) {
        index.push_back(static_cast<int>(i));
        value.push_back(dense(i, j));
      }
    matrix.appendCol(static_cast<int>(index.size()), index.data(), value.data());
  }
  ClpSimplex& clp = model_->simplex;
  clp.setLogLevel(0);
  clp.loadProblem(matrix, lower.data(), upper.data(), cost.data(), row_lower.data(),
                  row_upper.data());
  clp.setPrimalTolerance(1e-10);
  clp.setDualTolerance(1e-10);
}

LinearProgram::~LinearProgram() = default;
LinearProgram::LinearProgram(LinearProgram&&) noexcept = default;

LinearSolution LinearProgram::minimise(ConstVectorRef c) {
  ClpSimplex& clp = model_->simplex;
  for (Index j = 0; j < c.size(); ++j) clp.setObjectiveCoefficient(static_cast<int>(j), c[j]);
  clp.primal();
  LinearSolution out;
  out.feasible = !clp.isProvenPrimalInfeasible();
  out.bounded = !clp.isProvenDualInfeasible();
  if (!clp.isProvenOptimal()) {
    out.feasible = out.feasible && !out.bounded;
    return out;
  }
  out.value = clp.objectiveValue();
  out.x = Eigen::Map<const Vector>(clp.primalColumnSolution(), clp.numberColumns());
  out.multipliers = Eigen::Map<const Vector>(clp.dualRowSolution(), clp.numberRows());
  return out;
}

}  // namespace gradflow
