#include "flow/max_margin.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/linear_program.hpp"
#include "numerics/power_program.hpp"

namespace gradflow {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Solutions further apart than this, beside their size, count as different.
constexpr double largest_width = 1e-4;

/// The b with |b_j| <= 1 of largest least margin, which is positive for separable data.
Vector separating(ConstMatrixRef z, double& margin) {
  const Index n = z.rows(), d = z.cols();
  Matrix a(n, d + 1);
  a.leftCols(d) = z;
  a.col(d).setConstant(-1);
  Vector low = Vector::Constant(d + 1, -1), high = Vector::Ones(d + 1);
  low[d] = 0;
  high[d] = infinity;
  Vector cost = Vector::Zero(d + 1);
  cost[d] = -1;
  LinearProgram program(a, Vector::Zero(n), low, high);
  const LinearSolution found = program.minimise(cost);
  margin = found.x.size() > 0 ? found.x[d] : 0;
  return found.x.size() > 0 ? Vector(found.x.head(d)) : Vector::Zero(d);
}

/// A feasible point of Z b >= r, if there is one.
bool feasible(ConstMatrixRef z, ConstVectorRef r, Vector& b) {
  const Index d = z.cols();
  LinearProgram program(z, r, Vector::Constant(d, -infinity), Vector::Constant(d, infinity));
  const LinearSolution found = program.minimise(Vector::Zero(d));
  if (found.x.size() == 0) return false;
  b = found.x;
  return (z * b - r).minCoeff() > -1e-8 * (1 + r.lpNorm<Eigen::Infinity>());
}

/// One class to be minimised over free coordinates `columns` of which `own` (positions in them)
/// carry the cost.
struct Stage {
  Matrix z;  ///< (n, columns)
  Vector r;  ///< right-hand side
  std::vector<Index> own;
  std::vector<double> weight;
  GrowthClass part;
};

struct StageSolution {
  Vector b, low, high, multipliers;
  double value = 0, residual = 0;
  bool converged = false;
  std::string method;
};

/// 1-norm: min sum w u with u_j >= |b_j|; max-norm: one u >= w_j |b_j|.
StageSolution solve_polyhedral(const Stage& stage) {
  const Index n = stage.z.rows(), d = stage.z.cols(), m = static_cast<Index>(stage.own.size());
  const bool maximum = stage.part.family == Growth::Family::exponential;
  const Index extra = maximum ? 1 : m;
  // The last row bounds the cost once the optimum is known.
  Matrix a = Matrix::Zero(n + 2 * m + 1, d + extra);
  Vector rhs = Vector::Zero(n + 2 * m + 1);
  a.topLeftCorner(n, d) = stage.z;
  rhs.head(n) = stage.r;
  Vector cost = Vector::Zero(d + extra);
  for (Index k = 0; k < m; ++k) {
    const Index j = stage.own[static_cast<std::size_t>(k)], u = d + (maximum ? 0 : k);
    const double w = stage.weight[static_cast<std::size_t>(k)];
    const double inside = maximum ? w : 1;
    a(n + 2 * k, u) = a(n + 2 * k + 1, u) = 1;
    a(n + 2 * k, j) = -inside;
    a(n + 2 * k + 1, j) = inside;
    cost[u] = maximum ? 1 : w;
  }
  rhs[n + 2 * m] = -infinity;
  const Vector low = Vector::Constant(d + extra, -infinity),
               high = Vector::Constant(d + extra, infinity);
  StageSolution out;
  out.method = "linear program (Clp)";
  LinearProgram program(a, rhs, low, high);
  const LinearSolution best = program.minimise(cost);
  if (best.x.size() == 0) return out;
  out.converged = true;
  out.b = best.x.head(d);
  out.value = best.value;
  out.multipliers = best.multipliers.head(n).cwiseMax(0);
  // Stationarity of the program and its duality gap.
  const Vector dual = best.multipliers;
  out.residual =
      std::max((cost - a.transpose() * dual).lpNorm<Eigen::Infinity>() / cost.maxCoeff(),
               std::abs(best.value - stage.r.dot(dual.head(n))) / std::max(1e-300, best.value));
  out.low = out.high = out.b;
  a.row(n + 2 * m) = -cost.transpose();
  rhs[n + 2 * m] = -best.value * (1 + 1e-10);
  LinearProgram face(a, rhs, low, high);
  for (const Index j : stage.own) {
    Vector direction = Vector::Zero(d + extra);
    direction[j] = 1;
    const LinearSolution least = face.minimise(direction);
    const LinearSolution most = face.minimise(-direction);
    if (least.x.size() > 0) out.low[j] = std::min(out.low[j], least.x[j]);
    if (most.x.size() > 0) out.high[j] = std::max(out.high[j], most.x[j]);
  }
  return out;
}

StageSolution solve_power(const Stage& stage, ConstVectorRef start) {
  Vector weight = Vector::Zero(stage.z.cols());
  for (std::size_t k = 0; k < stage.own.size(); ++k) weight[stage.own[k]] = stage.weight[k];
  const PowerSolution found = minimise_power(weight, stage.part.exponent, stage.z, stage.r, start);
  StageSolution out;
  out.method = "convex program (NLopt SLSQP, then Newton)";
  out.converged = found.converged;
  out.residual = found.residual;
  out.b = out.low = out.high = found.x;
  out.multipliers = found.multipliers;
  return out;
}

}  // namespace

MaxMargin solve_max_margin(ConstMatrixRef margins, const Horizon& horizon) {
  const Index n = margins.rows(), d = margins.cols();
  MaxMargin out;
  double best_margin = 0;
  const Vector first = separating(margins, best_margin);
  out.separable = best_margin > 1e-10 * margins.cwiseAbs().maxCoeff();
  if (!out.separable) return out;

  Vector b = Vector::Zero(d), low = Vector::Zero(d), high = Vector::Zero(d);
  Vector r = Vector::Ones(n);
  std::vector<Index> columns(static_cast<std::size_t>(d));
  for (Index j = 0; j < d; ++j) columns[static_cast<std::size_t>(j)] = j;
  Vector start = first / best_margin;  // over `columns`
  out.unique = out.converged = true;

  const auto& classes = horizon.classes();
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const GrowthClass& part = classes[c];
    std::vector<Index> rest;
    for (const Index j : columns)
      if (std::find(part.index.begin(), part.index.end(), j) == part.index.end()) rest.push_back(j);
    const bool last = c + 1 == classes.size();
    Vector without;
    if (!last && feasible(margins(Eigen::all, rest), r, without)) {
      columns = rest;  // this class's coordinates are 0
      start = without;
      continue;
    }
    Stage stage{margins(Eigen::all, columns), r, {}, part.weight, part};
    for (const Index j : part.index)
      stage.own.push_back(std::find(columns.begin(), columns.end(), j) - columns.begin());
    const StageSolution found =
        part.family == Growth::Family::power ? solve_power(stage, start) : solve_polyhedral(stage);
    if (found.b.size() == 0) {
      out.converged = false;
      out.unique = false;
      return out;
    }
    out.converged = out.converged && found.converged;
    out.residual = std::max(out.residual, found.residual);
    out.method = found.method;
    const double total = found.multipliers.sum();
    if (total > 0) out.multipliers = found.multipliers / total;
    const double size = found.b.lpNorm<Eigen::Infinity>();
    bool unique = true;
    for (std::size_t k = 0; k < stage.own.size(); ++k) {
      const Index own = stage.own[k], j = part.index[k];
      b[j] = found.b[own];
      low[j] = found.low[own];
      high[j] = found.high[own];
      unique = unique && high[j] - low[j] <= largest_width * size;
    }
    if (!unique) {
      // With several solutions in one class the next ones have no well-defined problem.
      out.unique = false;
      for (std::size_t k = 0; k < columns.size(); ++k)
        b[columns[k]] = found.b[static_cast<Index>(k)];
      break;
    }
    if (!last) {
      for (const Index j : part.index) r -= margins.col(j) * b[j];
      columns = rest;
      if (!feasible(margins(Eigen::all, rest), r - Vector::Constant(n, 1e-9), start)) {
        out.converged = false;
        break;
      }
    }
  }
  out.solution = b;
  out.direction = b.stableNormalized();
  out.lowest = low;
  out.highest = high;
  out.horizon = Horizon::term(classes.back(), b);
  if (out.multipliers.size() == n) {
    const double most = out.multipliers.maxCoeff();
    for (Index i = 0; i < n; ++i)
      if (out.multipliers[i] > 1e-7 * most) out.support.push_back(i);
  }
  return out;
}

}  // namespace gradflow
