#include "models/matrix_factors.hpp"

#include <algorithm>

#include "numerics/factorisations.hpp"

namespace gradflow {

std::vector<ParameterGroup> MatrixFactors::groups() const {
  const Index first = rows * rank;
  if (symmetric) return {{"U", 0, first}};
  return {{"U", 0, first}, {"V", first, columns * rank}};
}

Matrix MatrixFactors::product(const State& state) const {
  const auto U = u(state.y.data()), V = v(state.y.data());
  return U * V.transpose();
}

void MatrixFactors::add_observables(std::vector<Observable>& all,
                                    const std::string& singular_values_name) const {
  const Index modes = std::min({rows, columns, rank});
  all.push_back({"singular_values",
                 singular_values_name,
                 {counting_axis("mode", modes, "mode, by size", 1)},
                 true,
                 [factors = *this, modes](const State& s, double* out) {
                   Eigen::Map<Vector>(out, modes) = singular_values(factors.product(s)).head(modes);
                 }});
  all.push_back({"matrix",
                 "the matrix U V^T",
                 {counting_axis("row", rows, "row"), counting_axis("column", columns, "column")},
                 false,
                 [factors = *this](const State& s, double* out) {
                   Eigen::Map<RowMatrix>(out, factors.rows, factors.columns) = factors.product(s);
                 }});
  if (symmetric) return;
  all.push_back({"invariant",
                 "U^T U - V^T V, which decays as exp(-2 lambda t) along the gradient flow",
                 {counting_axis("factor_row", rank, "row of U^T U - V^T V"),
                  counting_axis("factor_column", rank, "column of U^T U - V^T V")},
                 false,
                 [factors = *this](const State& s, double* out) {
                   const auto U = factors.u(s.y.data()), V = factors.v(s.y.data());
                   Eigen::Map<RowMatrix>(out, factors.rank, factors.rank) =
                       U.transpose() * U - V.transpose() * V;
                 }});
}

Matrix draw_low_rank(const Parameters& p, RandomStream& stream, Index rows, Index columns,
                     bool symmetric) {
  const Index true_rank = p.integer("true_rank");
  if (true_rank > std::min(rows, columns))
    throw ParameterError("true_rank", "is " + std::to_string(true_rank) +
                                          ", expected at most the smaller of rows and columns, " +
                                          std::to_string(std::min(rows, columns)));
  Matrix a(rows, true_rank), b(columns, true_rank);
  stream.fill_normal(a);
  stream.fill_normal(b);
  return a * (symmetric ? a : b).transpose();
}

Measurement singular_values_of_target(const Matrix& target) {
  const Vector sigma = singular_values(target);
  return {"target_singular_values",
          "singular values of the target",
          {counting_axis("target_mode", sigma.size(), "mode of the target, by size", 1)},
          {sigma.begin(), sigma.end()}};
}

}  // namespace gradflow
