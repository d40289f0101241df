#include "models/single_index_risk.hpp"

#include <cmath>

namespace gradflow {
namespace {

/// The share of its terms above which eight digits and more of the risk are left.
constexpr double cancelled = 1e-8;

/// [P(r) - P(x)] / (r - x) of P(r) = sum_k c_k r^k: Horner's rule at x for P divided by (. - r).
double divided_difference(const Vector& c, double r, double x) {
  double power = 0, quotient = 0;
  for (Index k = c.size() - 1; k > 0; --k) {
    power = power * r + c[k];
    quotient = quotient * x + power;
  }
  return quotient;
}

}  // namespace

double population_risk(const SingleIndexProblem& problem, ConstVectorRef a, ConstVectorRef s,
                       double target, double drive, double self,
                       const std::function<void(Matrix&)>& across) {
  const double risk = target - drive + self;
  const bool series = !problem.activation || problem.activation_tail == 0;
  if (!series || std::abs(risk) > cancelled * (target + std::abs(drive) + self)) return risk;
  const Index m = a.size();
  Vector moments(problem.phi.size());
  power_moments(a, s, moments);
  const double along =
      0.5 * (problem.phi.array() - problem.sigma.array() * moments.array()).square().sum();
  Matrix q(m, m);
  across(q);
  const Vector squares = problem.sigma.array().square();
  double sum = 0;
  for (Index j = 0; j < m; ++j)
    for (Index i = j; i < m; ++i) {
      const double x = s[i] * s[j];
      sum += (i == j ? 1 : 2) * a[i] * a[j] * q(i, j) * divided_difference(squares, x + q(i, j), x);
    }
  return along + 0.5 * sum / (static_cast<double>(m) * static_cast<double>(m));
}

}  // namespace gradflow
