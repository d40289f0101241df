#pragma once

#include <string>
#include <vector>

#include "flow/model.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// A matrix U V^T, or U U^T, by its factors: U (rows, rank) and V (columns, rank) one after the
/// other in the parameter vector, each row by row.
struct MatrixFactors {
  Index rows, columns, rank;
  bool symmetric = false;  ///< V = U

  Index parameters() const { return (rows + (symmetric ? 0 : columns)) * rank; }
  std::vector<ParameterGroup> groups() const;
  Eigen::Map<const RowMatrix> u(const double* w) const { return {w, rows, rank}; }
  Eigen::Map<const RowMatrix> v(const double* w) const {
    return {w + (symmetric ? 0 : rows * rank), columns, rank};
  }
  Matrix product(const State& state) const;  ///< shape (rows, columns)

  /// The matrix, its singular values with the name given, and what the flow of two factors keeps.
  void add_observables(std::vector<Observable>& all, const std::string& singular_values_name) const;
};

/// A product of Gaussian factors of rank model.true_rank, shape (rows, columns). \throws
/// ParameterError
Matrix draw_low_rank(const Parameters& p, RandomStream& stream, Index rows, Index columns,
                     bool symmetric);

Measurement singular_values_of_target(const Matrix& target);

}  // namespace gradflow
