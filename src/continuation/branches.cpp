#include "continuation/branches.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "continuation/branch_cubic.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

/// Loss and |w|^2 of one branch agree to this.
constexpr double equal_share = 1e-6;
/// The flow goes on at this share of lambda past the end of a stable branch.
constexpr double past_end = 1e-3;
/// A disturbance that saddles are left by.
constexpr double disturbance = 1e-6;
/// Amplitudes in the kernel at which a branch is looked for.
constexpr double amplitudes[] = {0.05, 0.01};
constexpr int most_kernel_steps = 40;

bool close(double a, double b, double share, double scale) {
  return std::abs(a - b) <= share * std::max({std::abs(a), std::abs(b), scale});
}

/// A branch that is yet to be followed, with a point by which it is recognised.
struct Candidate {
  BranchStart start;
  Vector mark;
  double mark_lambda = 0;
  BranchOrigin origin = BranchOrigin::start;
  Index from = -1;
};

class BranchSearch {
 public:
  BranchSearch(StationaryProblem& problem, const BranchSearchSettings& settings,
               const SettleAt& settle_at, const std::function<bool()>& interrupted)
      : problem_(problem),
        settings_(settings),
        settle_at_(settle_at),
        interrupted_(interrupted),
        random_(settings.seed, "branches") {}

  Branches run(const std::vector<Vector>& starts, double lambda) {
    for (const Vector& w : starts) enqueue(w, lambda, BranchOrigin::start, -1);
    while (!waiting_.empty() && !stopped()) {
      const Candidate candidate = std::move(waiting_.front());
      waiting_.pop_front();
      if (is_known(candidate.mark, candidate.mark_lambda)) continue;
      if (static_cast<Index>(found_.all.size()) >= settings_.max_branches) {
        found_.left = true;
        break;
      }
      follow(candidate);
    }
    if (!stopped()) find_maxwell_points();
    found_.interrupted = stopped();
    return std::move(found_);
  }

 private:
  bool stopped() const { return interrupted_ && interrupted_(); }
  double low() const { return settings_.branch.low; }
  double high() const { return settings_.branch.high; }
  bool in_range(double lambda) const { return lambda >= low() && lambda <= high(); }

  void enqueue(const Vector& w, double lambda, BranchOrigin origin, Index from) {
    const Corrected found = correct_at(problem_, w, lambda, settings_.branch.tolerance);
    if (!found.converged) return;
    Candidate candidate;
    candidate.start.point = branch_point_at(problem_, found.w, lambda);
    candidate.mark = found.w;
    candidate.mark_lambda = lambda;
    candidate.origin = origin;
    candidate.from = from;
    waiting_.push_back(std::move(candidate));
  }

  void follow(const Candidate& candidate) {
    const auto index = static_cast<Index>(found_.all.size());
    Branch branch = follow_branch(problem_, settings_.branch, candidate.start, interrupted_);
    if (candidate.start.at_branch_point) mark_start(branch, candidate);
    if (branch.cut) found_.left = true;
    found_.all.push_back({std::move(branch), candidate.origin, candidate.from});
    // A copy: the list grows.
    const std::vector<SpecialPoint> specials = found_.all.back().branch.specials;
    for (const SpecialPoint& special : specials) {
      if (stopped()) return;
      if (special.kind == SpecialKind::fold && settings_.after_folds) go_on_after(index, special);
      if (special.kind == SpecialKind::branch_point && special.centre.size() > 0) {
        if (settings_.switch_branches) switch_at(index, special);
        if (settings_.after_folds) go_on_after(index, special);
      }
    }
  }

  /// A branch that begins at a branch point has it among its special points.
  static void mark_start(Branch& branch, const Candidate& candidate) {
    for (std::size_t i = 0; i < branch.points.size(); ++i)
      if (branch.points[i].lambda == candidate.start.point.lambda &&
          branch.points[i].w == candidate.start.point.w) {
        SpecialPoint special;
        special.kind = SpecialKind::branch_point;
        special.point = i;
        special.kernel = candidate.start.kernel;
        const auto place = std::find_if(branch.specials.begin(), branch.specials.end(),
                                        [&](const SpecialPoint& other) { return other.point > i; });
        branch.specials.insert(place, special);
        return;
      }
  }

  /// Where a stable branch ends the flow goes on.
  void go_on_after(Index index, const SpecialPoint& special) {
    const std::vector<BranchPoint>& points =
        found_.all[static_cast<std::size_t>(index)].branch.points;
    const std::size_t i = special.point;
    const BranchPoint& at = points[i];
    const BranchPoint* stable = nullptr;
    const BranchPoint* unstable = nullptr;
    for (const std::size_t j : {i - 1, i + 1})
      if (j < points.size()) (points[j].unstable == 0 ? stable : unstable) = &points[j];
    if (stable == nullptr ||
        (special.kind == SpecialKind::branch_point && unstable == nullptr && !special.pitchfork))
      return;
    double lambda = at.lambda + std::copysign(past_end * at.lambda, at.lambda - stable->lambda);
    Vector from = at.w;
    if (special.kind == SpecialKind::branch_point && unstable != nullptr) {
      lambda = unstable->lambda;
      from = unstable->w;
    }
    if (!in_range(lambda)) return;
    Vector noise(from.size());
    random_.fill_normal(noise, disturbance);
    if (const std::optional<Vector> settled = settle_at_(lambda, from + noise))
      enqueue(*settled, lambda, BranchOrigin::after_fold, index);
  }

  void switch_at(Index index, const SpecialPoint& special) {
    const double lambda =
        found_.all[static_cast<std::size_t>(index)].branch.points[special.point].lambda;
    if (special.pitchfork) pass_through(index, special, lambda);
    const Index kernel = special.kernel;
    std::size_t classes = 0, failed = 0;
    const Index tries = kernel == 1 ? 2 : settings_.switch_directions;
    for (Index k = 0; k < tries && !stopped(); ++k) {
      Vector direction = special.kernel_modes.col(0) * (k == 0 ? 1 : -1);
      if (kernel > 1) {
        Vector parts(kernel);
        random_.fill_normal(parts);
        direction = special.kernel_modes * parts.normalized();
      }
      if (!branch_along(index, special, lambda, direction, classes)) ++failed;
    }
    if (kernel > 1 && (classes > 1 || failed > 0 || tries == 0)) found_.left = true;
  }

  /// The branch through a pitchfork on which lambda is a coordinate.
  void pass_through(Index index, const SpecialPoint& special, double lambda) {
    const double beside = lambda * (1 - 1e-3);
    const Vector w =
        special.centre + (beside - lambda) / special.through.lambda * special.through.w;
    const Corrected mark = correct_at(problem_, w, beside, settings_.branch.tolerance);
    const Corrected centre =
        correct_at(problem_, special.centre, lambda, settings_.branch.tolerance);
    if (!mark.converged || !centre.converged) return;
    Candidate candidate;
    candidate.start.point = branch_point_at(problem_, centre.w, lambda);
    candidate.start.point.tangent = special.through;
    candidate.start.at_branch_point = true;
    candidate.start.kernel = special.kernel;
    candidate.mark = mark.w;
    candidate.mark_lambda = beside;
    candidate.origin = BranchOrigin::switched;
    candidate.from = index;
    waiting_.push_back(std::move(candidate));
  }

  /// A branch that leaves a branch point near a direction of the kernel; false where none is found.
  bool branch_along(Index index, const SpecialPoint& special, double lambda,
                    const Vector& direction, std::size_t& classes) {
    for (const double amplitude : amplitudes) {
      const Corrected found = in_kernel(special, lambda, direction, amplitude);
      if (!found.converged || !in_range(found.lambda)) continue;
      if (is_known(found.w, found.lambda) || is_waiting(found.w, found.lambda)) return true;
      ++classes;
      Candidate candidate;
      BranchPoint& point = candidate.start.point;
      point = branch_point_at(problem_, special.centre, lambda);
      point.tangent = tangent_at(special, lambda, found, amplitude);
      candidate.start.both_ways = false;
      candidate.start.at_branch_point = true;
      candidate.start.kernel = special.kernel;
      candidate.mark = found.w;
      candidate.mark_lambda = found.lambda;
      candidate.origin = BranchOrigin::switched;
      candidate.from = index;
      waiting_.push_back(std::move(candidate));
      return true;
    }
    return false;
  }

  /// The tangent at a branch point of a branch that leaves it through `found`, by Richardson's
  /// extrapolation from there and from half the amplitude.
  Plane tangent_at(const SpecialPoint& special, double lambda, const Corrected& found,
                   double amplitude) {
    const Vector along = found.w - special.centre;
    const Corrected half = in_kernel(special, lambda, along / amplitude, 0.5 * amplitude);
    Vector w = along;
    double slope = found.lambda - lambda;
    if (half.converged) {
      w = 4 * (half.w - special.centre) - along;
      slope = 4 * (half.lambda - lambda) - slope;
    }
    const double length = std::hypot(w.norm(), slope);
    return {w / length, slope / length};
  }

  /// A stationary point whose part in the kernel has the length `amplitude`: Newton's iteration in
  /// planes that turn with it.
  Corrected in_kernel(const SpecialPoint& special, double lambda, const Vector& direction,
                      double amplitude) {
    const Matrix& kernel = special.kernel_modes;
    Corrected found{special.centre + amplitude * direction, lambda};
    Vector residual(found.w.size()), column(found.w.size());
    for (int k = 0; k < most_kernel_steps; ++k) {
      problem_.gradient(found.w, found.lambda, residual);
      Vector part = kernel * (kernel.transpose() * (found.w - special.centre));
      const double length = part.norm();
      if (!(length > 0.2 * amplitude && length < 5 * amplitude)) return found;
      part /= length;
      const double size = residual.norm() / std::max(1.0, found.w.norm());
      if (size <= settings_.branch.tolerance && std::abs(length - amplitude) < 1e-9) {
        found.converged = true;
        return found;
      }
      if (!std::isfinite(size) || !problem_.factorise(found.w, found.lambda)) return found;
      column = found.w;
      problem_.solve(column);
      problem_.solve(residual);
      const double step = (part.dot(residual) - (length - amplitude)) / -part.dot(column);
      found.w -= residual + step * column;
      found.lambda += step;
      ++found.iterations;
    }
    return found;
  }

  /// Is a point one of a branch that is there, or of its image under a symmetry?
  bool is_known(const Vector& w, double lambda) {
    const double norm = w.squaredNorm(), loss = problem_.loss(w);
    for (const FoundBranch& known : found_.all) {
      const std::vector<BranchPoint>& points = known.branch.points;
      for (std::size_t i = 0; i + 1 < points.size(); ++i) {
        if (!between(points[i], points[i + 1], lambda)) continue;
        const Vector guess = interpolated(points[i], points[i + 1], lambda);
        if (!close(guess.squaredNorm(), norm, 0.1, 0.1) ||
            !close(problem_.loss(guess), loss, 0.1, 0.1))
          continue;
        const Corrected there = correct_at(problem_, guess, lambda, settings_.branch.tolerance);
        if (there.converged && equal(there.w, norm, loss)) return true;
      }
    }
    return false;
  }

  bool is_waiting(const Vector& w, double lambda) {
    const double norm = w.squaredNorm(), loss = problem_.loss(w);
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const Candidate& other) {
      if (!close(other.mark.squaredNorm(), norm, 0.2, 0.05)) return false;
      const Corrected there = correct_at(problem_, other.mark, lambda, settings_.branch.tolerance);
      return there.converged && equal(there.w, norm, loss);
    });
  }

  bool equal(const Vector& w, double norm, double loss) {
    return close(w.squaredNorm(), norm, equal_share, 1e-3) &&
           close(problem_.loss(w), loss, equal_share, 1e-3);
  }

  static bool between(const BranchPoint& a, const BranchPoint& b, double lambda) {
    return (a.lambda - lambda) * (b.lambda - lambda) <= 0 && a.lambda != b.lambda;
  }

  /// The stable state of a branch at lambda with the least loss; none where there is none.
  struct StableState {
    Index branch = -1;
    std::size_t left = 0;
    Vector w;
    double regularised_loss = std::numeric_limits<double>::infinity();
  };

  StableState on_branch(Index index, std::size_t left, double lambda) {
    const std::vector<BranchPoint>& points =
        found_.all[static_cast<std::size_t>(index)].branch.points;
    StableState state{index, left, interpolated(points[left], points[left + 1], lambda)};
    const Corrected found = correct_at(problem_, state.w, lambda, settings_.branch.tolerance);
    if (found.converged) state.w = found.w;
    state.regularised_loss = problem_.loss(state.w) + 0.5 * lambda * state.w.squaredNorm();
    return state;
  }

  /// The loss at lambda on the cubic of losses and slopes between two points.
  static double estimated_loss(const BranchPoint& a, const BranchPoint& b, double lambda) {
    const double h = b.lambda - a.lambda, s = (lambda - a.lambda) / h, r = 1 - s;
    return (1 + 2 * s) * r * r * a.regularised_loss() + s * r * r * h * 0.5 * a.norm_squared() +
           s * s * (3 - 2 * s) * b.regularised_loss() - s * s * r * h * 0.5 * b.norm_squared();
  }

  StableState lowest_at(double lambda) {
    StableState lowest;
    for (std::size_t k = 0; k < found_.all.size(); ++k) {
      const std::vector<BranchPoint>& points = found_.all[k].branch.points;
      for (std::size_t i = 0; i + 1 < points.size(); ++i) {
        if (points[i].unstable > 0 || points[i + 1].unstable > 0 ||
            !between(points[i], points[i + 1], lambda))
          continue;
        const double loss = estimated_loss(points[i], points[i + 1], lambda);
        if (loss < lowest.regularised_loss - 1e-12) lowest = {static_cast<Index>(k), i, {}, loss};
      }
    }
    return lowest;
  }

  void find_maxwell_points() {
    std::vector<double> lambdas;
    for (const FoundBranch& found : found_.all)
      for (const BranchPoint& point : found.branch.points)
        if (in_range(point.lambda)) lambdas.push_back(point.lambda);
    std::sort(lambdas.begin(), lambdas.end());
    StableState last;
    double last_lambda = 0;
    for (std::size_t i = 0; i + 1 < lambdas.size(); ++i) {
      // Between points, where each branch is on one of its pieces.
      const double lambda = 0.5 * (lambdas[i] + lambdas[i + 1]);
      if (lambda == lambdas[i]) continue;
      StableState here = lowest_at(lambda);
      if (here.branch < 0) continue;
      if (last.branch >= 0 && last.branch != here.branch)
        add_maxwell(last, last_lambda, here, lambda);
      last = here;
      last_lambda = lambda;
    }
  }

  /// Newton's iteration on the difference of two branches' losses; dL/dlambda = |w|^2 / 2.
  void add_maxwell(const StableState& below, double low, const StableState& above, double high) {
    double lambda = 0.5 * (low + high);
    for (int k = 0; k < 30; ++k) {
      const std::optional<std::size_t> a = piece(below.branch, lambda),
                                       b = piece(above.branch, lambda);
      if (!a || !b) return;
      const StableState left = on_branch(below.branch, *a, lambda),
                        right = on_branch(above.branch, *b, lambda);
      const double slope = 0.5 * (left.w.squaredNorm() - right.w.squaredNorm());
      const double step = (left.regularised_loss - right.regularised_loss) / slope;
      // Branches that meet (at a branch point) have no jump between them.
      if (!std::isfinite(step) || std::abs(slope) < 1e-6) return;
      lambda -= step;
      if (!in_range(lambda)) return;
      if (std::abs(step) <= 1e-13 * lambda) {
        found_.maxwells.push_back({lambda, left.regularised_loss, below.branch, above.branch});
        return;
      }
    }
  }

  /// The stable piece of a branch over lambda.
  std::optional<std::size_t> piece(Index index, double lambda) const {
    const std::vector<BranchPoint>& points =
        found_.all[static_cast<std::size_t>(index)].branch.points;
    for (std::size_t i = 0; i + 1 < points.size(); ++i)
      if (points[i].unstable == 0 && points[i + 1].unstable == 0 &&
          between(points[i], points[i + 1], lambda))
        return i;
    return std::nullopt;
  }

  StationaryProblem& problem_;
  const BranchSearchSettings& settings_;
  const SettleAt& settle_at_;
  const std::function<bool()>& interrupted_;
  RandomStream random_;
  std::deque<Candidate> waiting_;
  Branches found_;
};

}  // namespace

Branches find_branches(StationaryProblem& problem, const BranchSearchSettings& settings,
                       const std::vector<Vector>& starts, double start_lambda,
                       const SettleAt& settle_at, const std::function<bool()>& interrupted) {
  return BranchSearch(problem, settings, settle_at, interrupted).run(starts, start_lambda);
}

}  // namespace gradflow
