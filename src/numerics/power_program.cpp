#include "numerics/power_program.hpp"

#include <nlopt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

struct Problem {
  Vector weight;
  double p;
  Matrix a;  ///< rows of the working set
  Vector b;

  double value(ConstVectorRef x, VectorRef gradient) const {
    double sum = 0;
    for (Index j = 0; j < x.size(); ++j) {
      const double power = weight[j] * std::pow(std::abs(x[j]), p - 1);
      sum += power * std::abs(x[j]) / p;
      gradient[j] = x[j] < 0 ? -power : power;
    }
    return sum;
  }
};

double objective(unsigned n, const double* x, double* gradient, void* data) {
  const auto& problem = *static_cast<const Problem*>(data);
  const Eigen::Map<const Vector> point(x, n);
  Vector g(n);
  const double value = problem.value(point, g);
  if (gradient != nullptr) Eigen::Map<Vector>(gradient, n) = g;
  return value;
}

void constraints(unsigned m, double* result, unsigned n, const double* x, double* gradient,
                 void* data) {
  const auto& problem = *static_cast<const Problem*>(data);
  const Eigen::Map<const Vector> point(x, n);
  Eigen::Map<Vector>(result, m) = problem.b - problem.a * point;
  if (gradient != nullptr) Eigen::Map<RowMatrix>(gradient, m, n) = -problem.a;
}

Vector slsqp(Problem& problem, Vector x) {
  const auto n = static_cast<unsigned>(x.size()), m = static_cast<unsigned>(problem.a.rows());
  nlopt_opt solver = nlopt_create(NLOPT_LD_SLSQP, n);
  nlopt_set_min_objective(solver, objective, &problem);
  const std::vector<double> tolerance(m, 1e-12);
  nlopt_add_inequality_mconstraint(solver, m, constraints, &problem, tolerance.data());
  nlopt_set_xtol_rel(solver, 1e-13);
  nlopt_set_maxeval(solver, 2000);
  double value = 0;
  Vector best = x;
  // A limit by rounding leaves the best point in x: what it is worth, the residual tells.
  nlopt_optimize(solver, x.data(), &value);
  nlopt_destroy(solver);
  return x.allFinite() ? x : best;
}

/// Relative defect of stationarity and feasibility.
double defect(const Problem& problem, ConstVectorRef x, ConstVectorRef mu, ConstMatrixRef a,
              ConstVectorRef b) {
  Vector g(x.size());
  problem.value(x, g);
  const double size = std::max(g.lpNorm<Eigen::Infinity>(), 1e-300);
  const double stationary = (g - a.transpose() * mu).lpNorm<Eigen::Infinity>() / size;
  const double infeasible = (b - a * x).cwiseMax(0).maxCoeff();
  const double complementary =
      mu.size() == 0 ? 0 : (mu.array() * (a * x - b).array()).abs().maxCoeff() / size;
  return std::max({stationary, infeasible, complementary});
}

}  // namespace

Vector nonnegative_least_squares(ConstMatrixRef m, ConstVectorRef y) {
  const Index n = m.cols();
  Vector x = Vector::Zero(n);
  std::vector<char> passive(static_cast<std::size_t>(n), 0);
  const double tolerance = 1e-13 * m.norm() * y.norm();
  for (Index round = 0; round < 3 * n + 10; ++round) {
    const Vector w = m.transpose() * (y - m * x);
    Index enter = -1;
    for (Index j = 0; j < n; ++j)
      if (passive[static_cast<std::size_t>(j)] == 0 && w[j] > tolerance &&
          (enter < 0 || w[j] > w[enter]))
        enter = j;
    if (enter < 0) break;
    passive[static_cast<std::size_t>(enter)] = 1;
    for (;;) {
      std::vector<Index> set;
      for (Index j = 0; j < n; ++j)
        if (passive[static_cast<std::size_t>(j)] != 0) set.push_back(j);
      const Vector z = least_squares(m(Eigen::all, set), y);
      double step = 1;
      for (std::size_t k = 0; k < set.size(); ++k)
        if (z[static_cast<Index>(k)] <= 0) {
          const double from = x[set[k]];
          step = std::min(step, from / (from - z[static_cast<Index>(k)]));
        }
      for (std::size_t k = 0; k < set.size(); ++k) {
        double& entry = x[set[k]];
        entry += step * (z[static_cast<Index>(k)] - entry);
        if (step < 1 && entry <= 1e-15 * std::max(1.0, x.maxCoeff())) {
          entry = 0;
          passive[static_cast<std::size_t>(set[k])] = 0;
        }
      }
      if (step >= 1) break;
    }
  }
  return x;
}

namespace {

/// By SLSQP on a working set of rows, to which those join that its point violates.
Vector on_working_set(Problem& problem, ConstMatrixRef a, ConstVectorRef b, Vector x) {
  const Index rows = a.rows(), n = a.cols();
  std::vector<Index> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), Index{0});
  const Vector slack = a * x - b;
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return slack[i] < slack[j]; });
  std::vector<Index> working(order.begin(),
                             order.begin() + std::min(rows, std::max<Index>(2 * n, 20)));
  for (int round = 0; round < 100; ++round) {
    problem.a = a(working, Eigen::all);
    problem.b = b(working);
    x = slsqp(problem, x);
    const Vector gap = a * x - b;
    bool grown = false;
    for (Index i = 0; i < rows; ++i)
      if (gap[i] < -1e-10 && std::find(working.begin(), working.end(), i) == working.end()) {
        working.push_back(i);
        grown = true;
      }
    if (!grown) break;
  }
  return x;
}

/// Which rows are active at x: those that carry the gradient, among the near ones. `mu`: their
/// multipliers, 0 for all others.
std::vector<Index> active_rows_at(const Problem& problem, ConstVectorRef x, ConstMatrixRef a,
                                  ConstVectorRef b, Vector& mu) {
  const Index rows = a.rows();
  Vector g(x.size());
  problem.value(x, g);
  std::vector<Index> near;
  const Vector gap = a * x - b;
  for (Index i = 0; i < rows; ++i)
    if (gap[i] < 1e-4 * (1 + std::abs(b[i]))) near.push_back(i);
  std::vector<Index> active;
  mu = Vector::Zero(rows);
  if (near.empty()) return active;
  const Vector carried = nonnegative_least_squares(a(near, Eigen::all).transpose(), g);
  for (std::size_t k = 0; k < near.size(); ++k)
    if (carried[static_cast<Index>(k)] > 1e-9 * std::max(1e-300, carried.maxCoeff())) {
      active.push_back(near[k]);
      mu[near[k]] = carried[static_cast<Index>(k)];
    }
  return active;
}

/// Newton's iteration on the conditions of optimality with the active rows as equations; the best
/// point on the way, from (x, mu) itself.
PowerSolution polished(const Problem& problem, Vector x, Vector mu,
                       const std::vector<Index>& active, ConstMatrixRef a, ConstVectorRef b) {
  const Index n = a.cols();
  PowerSolution best;
  best.residual = std::numeric_limits<double>::infinity();
  const auto keep = [&] {
    const double residual = defect(problem, x, mu, a, b);
    if (residual < best.residual && mu.minCoeff() >= 0) {
      best.residual = residual;
      best.x = x;
      best.multipliers = mu;
    }
  };
  keep();
  const auto k = static_cast<Index>(active.size());
  const Matrix active_rows = a(active, Eigen::all);
  Matrix kkt = Matrix::Zero(n + k, n + k);
  Vector g(n), residual(n + k);
  for (int iteration = 0; iteration < 30 && k > 0; ++iteration) {
    problem.value(x, g);
    kkt.topLeftCorner(n, n).setZero();
    for (Index j = 0; j < n; ++j)
      kkt(j, j) = problem.weight[j] * (problem.p - 1) *
                  std::pow(std::max(std::abs(x[j]), 1e-12), problem.p - 2);
    kkt.topRightCorner(n, k) = -active_rows.transpose();
    kkt.bottomLeftCorner(k, n) = active_rows;
    const Vector multipliers = mu(active);
    residual.head(n) = g - active_rows.transpose() * multipliers;
    residual.tail(k) = active_rows * x - Vector(b(active));
    const Vector step = minimum_norm_solution(kkt, residual);
    x -= step.head(n);
    for (Index i = 0; i < k; ++i) mu[active[static_cast<std::size_t>(i)]] -= step[n + i];
    keep();
    if (step.lpNorm<Eigen::Infinity>() < 1e-16) break;
  }
  if (best.x.size() == 0) best.x = x, best.multipliers = mu;
  return best;
}

}  // namespace

PowerSolution minimise_power(ConstVectorRef weight, double p, ConstMatrixRef a, ConstVectorRef b,
                             ConstVectorRef x0) {
  // Unit size, so that powers neither overflow nor vanish.
  const double unit = std::max(x0.lpNorm<Eigen::Infinity>(), 1e-300);
  const Vector scaled_b = b / unit;
  Problem problem{weight, p, {}, {}};
  const Vector x = on_working_set(problem, a, scaled_b, x0 / unit);
  Vector mu;
  const std::vector<Index> active = active_rows_at(problem, x, a, scaled_b, mu);
  PowerSolution best = polished(problem, x, mu, active, a, scaled_b);
  best.x *= unit;
  best.converged = best.residual < 1e-7;
  return best;
}

}  // namespace gradflow
