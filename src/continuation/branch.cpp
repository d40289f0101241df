// One class follows a branch: step, correction and what is located between two points share the
// points as they were looked at, and would each take all of it as arguments.
#include "continuation/branch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "continuation/branch_cubic.hpp"
#include "numerics/bracketed_zero.hpp"
#include "numerics/fit.hpp"

namespace gradflow {
namespace {

/// The tangent turns by at most this a step (its cosine).
constexpr double least_cosine = 0.98;
/// A step that Newton moves by more than this share of its length is too long.
constexpr double most_correction = 0.2;
/// Loss and |w|^2 of one point agree to this.
constexpr double same_share = 1e-7;
/// |lambda'| at which a fold is located: lambda is then off by its square.
constexpr double fold_slope = 1e-8;
constexpr int most_locating_steps = 40;
/// The same near a pitchfork, which is found from there on another branch.
constexpr double pitchfork_slope = 0.03;
/// Arclengths from a fold at which the response is measured.
constexpr std::array<double, 6> response_distances{1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3};
constexpr double growth = 1.6;
/// Between neighbours dL*/dlambda = |w|^2 / 2 and dF/dlambda hold to this share of L* on the cubic
/// through them: what is read off between the points is as good.
constexpr double cubic_defect = 5e-7;

double dot(const Plane& a, const Plane& b) {
  return a.w.dot(b.w) + a.lambda * b.lambda;
}

Plane opposite(const Plane& plane) {
  return {-plane.w, -plane.lambda};
}

Plane normalised(Vector w, double lambda) {
  const double length = std::hypot(w.norm(), lambda);
  return {w / length, lambda / length};
}

/// A point with its modes, while it is looked at.
struct Looked {
  BranchPoint point;
  PointModes modes;
};

Looked look_at(StationaryProblem& problem, ConstVectorRef w, double lambda,
               const Plane* orientation) {
  Looked looked{{}, point_modes(problem, w, lambda)};
  BranchPoint& point = looked.point;
  const PointModes& modes = looked.modes;
  point.w = w;
  point.lambda = lambda;
  point.loss = problem.loss(w);
  point.lowest_eigenvalue = modes.lowest;
  point.unstable = modes.unstable;
  point.flat = modes.flat;
  point.tangent = tangent_through(modes, w);
  if (orientation != nullptr && dot(point.tangent, *orientation) < 0)
    point.tangent = opposite(point.tangent);
  return looked;
}

/// One direction of a branch.
class Follower {
 public:
  Follower(StationaryProblem& problem, const BranchSettings& settings, Looked start,
           bool at_branch_point, const std::function<bool()>& interrupted)
      : problem_(problem),
        settings_(settings),
        interrupted_(interrupted),
        last_(std::move(start)),
        starts_at_branch_point_(at_branch_point) {
    branch_.points.push_back(last_.point);
    step_ = settings.step;
  }

  Branch run() {
    while (true) {
      if ((interrupted_ && interrupted_()) ||
          static_cast<Index>(branch_.points.size()) >= settings_.max_points) {
        branch_.cut = true;
        break;
      }
      if (!advance()) break;
      if (comes_back()) {
        branch_.closed = true;
        break;
      }
    }
    return std::move(branch_);
  }

 private:
  /// The point a step of length ds from `from`; nothing where it is not to be had.
  std::optional<Looked> stepped(const Looked& from, double ds, double* moved = nullptr) {
    const Plane& tangent = from.point.tangent;
    const Vector w = from.point.w + ds * tangent.w;
    const double lambda = from.point.lambda + ds * tangent.lambda;
    const Corrected found = correct(problem_, w, lambda, tangent, settings_.tolerance);
    if (moved != nullptr) *moved = found.moved;
    if (!found.converged || !(found.moved <= most_correction * std::abs(ds)) || !(found.lambda > 0))
      return std::nullopt;
    Looked next = look_at(problem_, found.w, found.lambda, &tangent);
    return next;
  }

  /// Of both slopes between neighbours, over L*.
  static double defect(const BranchPoint& a, const BranchPoint& b) {
    const SlopeDefects defects = slope_defects(a, b);
    const double scale = std::max(std::abs(a.regularised_loss()), 1e-300);
    return std::max({defects.loss / scale, defects.error / scale, 1e-16});
  }

  /// False where the branch ends.
  bool advance() {
    while (true) {
      double moved = 0;
      std::optional<Looked> next = stepped(last_, step_, &moved);
      if (next && dot(next->point.tangent, last_.point.tangent) < least_cosine) {
        // Beyond a fold or a pitchfork the tangent turns fast: that is located, not avoided.
        next.reset();
      }
      if (next && step_ > settings_.min_step && defect(last_.point, next->point) > 4 * cubic_defect)
        next.reset();
      if (!next) {
        step_ *= 0.5;
        if (step_ >= settings_.min_step) continue;
        special(SpecialKind::lost, last_);
        return false;
      }
      const double done = step_;
      const double room = std::pow(cubic_defect / defect(last_.point, next->point), 0.2);
      const double most = moved < 0.25 * most_correction * step_ ? growth : 1;
      step_ = std::min(std::clamp(room, 0.5, most) * step_, settings_.max_step);
      return arrive(*std::move(next), done);
    }
  }

  bool arrive(Looked next, double ds) {
    if (next.point.lambda < settings_.low || next.point.lambda > settings_.high) {
      // A fold beyond the bound is none of this branch.
      return end_at_bound(next);
    }
    const bool turns = next.point.tangent.lambda * last_.point.tangent.lambda < 0;
    if (turns && !crossing_is_start()) return turn(std::move(next), ds);
    if (next.point.unstable != last_.point.unstable && !crossing_is_start()) {
      if (const auto crossed = crossing(last_, next, ds)) {
        push(*crossed);
        special(SpecialKind::branch_point, *crossed);
      }
    }
    push(next);
    return true;
  }

  /// Has the last step passed the start again, in its direction and at its loss and norm?
  bool comes_back() {
    const std::vector<BranchPoint>& points = branch_.points;
    if (points.size() < 4 || branch_.specials.empty()) return false;
    const BranchPoint &start = points.front(), &a = points[points.size() - 2], &b = points.back();
    if (!((a.lambda - start.lambda) * (b.lambda - start.lambda) <= 0) || a.lambda == b.lambda ||
        !(b.tangent.lambda * start.tangent.lambda > 0))
      return false;
    const Vector guess = interpolated(a, b, start.lambda);
    const auto near = [](double x, double y, double share) {
      return std::abs(x - y) <= share * std::max(std::abs(y), 1e-3);
    };
    if (!near(guess.squaredNorm(), start.norm_squared(), 0.02)) return false;
    const Corrected there = correct_at(problem_, guess, start.lambda, settings_.tolerance);
    return there.converged && near(there.w.squaredNorm(), start.norm_squared(), same_share) &&
           near(problem_.loss(there.w), start.loss, same_share);
  }

  /// A branch that begins at a branch point has its own crossing behind it, and lambda' = 0 there
  /// but for rounding.
  bool crossing_is_start() const { return branch_.points.size() == 1 && starts_at_branch_point_; }

  bool end_at_bound(const Looked& next) {
    const double bound = next.point.lambda < settings_.low ? settings_.low : settings_.high;
    const Vector w = interpolated(last_.point, next.point, bound);
    const Corrected found = correct_at(problem_, w, bound, settings_.tolerance);
    if (!found.converged) {
      special(SpecialKind::lost, last_);
      return false;
    }
    Looked end = look_at(problem_, found.w, bound, &last_.point.tangent);
    if (end.point.unstable != last_.point.unstable && !crossing_is_start() &&
        end.point.tangent.lambda * last_.point.tangent.lambda > 0) {
      if (const auto crossed = crossing(last_, end, arc(last_.point, end.point))) {
        push(*crossed);
        special(SpecialKind::branch_point, *crossed);
      }
    }
    push(end);
    special(SpecialKind::end, end);
    return false;
  }

  /// lambda' changes sign on the way to `next`: a fold, or a pitchfork at which the branch ends.
  bool turn(Looked next, double ds) {
    const Looked before = last_;
    if (const auto centre = pitchfork(before, next, ds)) {
      push(*centre);
      special(SpecialKind::branch_point, *centre);
      branch_.specials.back().pitchfork = true;
      return false;
    }
    const Looked top = turning_point(before, next, ds, fold_slope);
    // Eigenvalues besides the critical one may cross on either side of it.
    cross_between(before, top);
    push(top);
    special(SpecialKind::fold, top);
    measure_response(branch_.specials.back(), top);
    cross_after_fold(top, next);
    push(next);
    return true;
  }

  /// Where a branch turns into its own mirror image: |w|^2 turns with lambda there (at a fold it
  /// does not). Near it the branch is ill conditioned, since its kernel has all the directions that
  /// the mirror images have; so it is found on the branch through it on which lambda is a
  /// coordinate, where the critical eigenvalue is linear in lambda.
  std::optional<Looked> pitchfork(const Looked& from, const Looked& to, double ds) {
    const auto growth_of_norm = [](const Looked& at) { return at.point.tangent.w.dot(at.point.w); };
    if (!(growth_of_norm(from) * growth_of_norm(to) < 0)) return std::nullopt;
    const Looked near = turning_point(from, to, ds, pitchfork_slope);
    const Vector critical = near.point.tangent.w.normalized();
    // w is orthogonal to the kernel at the centre. On the side of lambda to which this branch does
    // not go there is no other solution beside the one that is looked for.
    Vector w = near.point.w - critical * critical.dot(near.point.w);
    const double beyond =
        std::copysign(1e-2, near.point.lambda - from.point.lambda) * near.point.lambda;
    double lambda = near.point.lambda + beyond, last_lambda = 0, last_value = 0;
    for (int k = 0; k < most_locating_steps; ++k) {
      const Corrected found = correct_at(problem_, w, lambda, settings_.tolerance);
      if (!found.converged || (found.w - near.point.w).norm() > std::abs(ds)) return std::nullopt;
      Looked centre = look_at(problem_, found.w, lambda, nullptr);
      const double value = eigenvalue_along(centre.modes, critical);
      if (k > 0 && (std::abs(lambda - last_lambda) <= 1e-13 * lambda ||
                    std::abs(value) <= 1e-14 * centre.modes.largest)) {
        centre.point.tangent = {critical, 0};
        return centre;
      }
      const double next = k == 0 ? near.point.lambda + 0.2 * beyond
                                 : lambda - value * (lambda - last_lambda) / (value - last_value);
      last_lambda = lambda;
      last_value = value;
      if (!(std::abs(next - near.point.lambda) < std::abs(ds)) || !(next > 0)) return std::nullopt;
      lambda = next;
      w = found.w;
    }
    return std::nullopt;
  }

  /// The eigenvalue nearest to the Rayleigh quotient of `mode`.
  static double eigenvalue_along(const PointModes& modes, const Vector& mode) {
    const Vector parts = modes.vectors().transpose() * mode;
    const double quotient = parts.cwiseAbs2().dot(modes.values);
    Index nearest = 0;
    (modes.values.array() - quotient).abs().minCoeff(&nearest);
    return modes.values[nearest];
  }

  void cross_between(const Looked& before, const Looked& top) {
    const Index own = top.point.unstable;
    // At the fold its own mode is flat; before it, it may have been a growing one.
    if (before.point.unstable == own || before.point.unstable == own + 1) return;
    const double ds = arc(before.point, top.point);
    if (const auto near = stepped(before, 0.98 * ds))
      if (near->point.unstable != before.point.unstable)
        if (const auto crossed = crossing(before, *near, 0.98 * ds)) {
          push(*crossed);
          special(SpecialKind::branch_point, *crossed);
        }
  }

  void cross_after_fold(const Looked& top, const Looked& next) {
    const Index own = top.point.unstable;
    if (next.point.unstable == own || next.point.unstable == own + 1) return;
    const double ds = arc(top.point, next.point);
    if (const auto near = stepped(top, 0.02 * ds))
      if (near->point.unstable != next.point.unstable)
        if (const auto crossed = crossing(*near, next, 0.98 * ds)) {
          push(*crossed);
          special(SpecialKind::branch_point, *crossed);
        }
  }

  /// Where lambda' = 0 between two points: Illinois's regula falsi in the arclength.
  Looked turning_point(const Looked& from, const Looked& to, double ds, double enough) {
    return located(
        from, to, ds, [](const Looked& at) { return at.point.tangent.lambda; }, enough);
  }

  /// The point nearest to where a value of points changes its sign, within `enough` of 0.
  template <class Value>
  Looked located(const Looked& from, const Looked& to, double ds, const Value& value,
                 double enough) {
    const double at_from = value(from);
    BracketedZero zero(0, ds, at_from, value(to));
    Looked best = std::abs(at_from) < std::abs(value(to)) ? from : to;
    for (int k = 0; k < most_locating_steps && std::abs(value(best)) > enough; ++k) {
      if (std::abs(zero.width()) <= 1e-14 * std::max(1.0, std::abs(ds))) break;
      const double s = zero.next();
      const std::optional<Looked> middle = stepped(from, s);
      if (!middle) break;
      const double found = value(*middle);
      if (std::abs(found) < std::abs(value(best))) best = *middle;
      zero.put(s, found, found * at_from > 0);
    }
    return best;
  }

  /// The eigenvalue that crosses zero between two points with different numbers of growing modes,
  /// seen from the side with `fewer` of them.
  static double crossing_value(const PointModes& modes, Index fewer, Index flat) {
    if (modes.unstable > fewer) return modes.values[modes.unstable - 1];
    if (modes.flat > flat) {
      // In the window of flat modes: what stands out of it.
      const double low = modes.values[modes.unstable],
                   high = modes.values[modes.unstable + modes.flat - 1];
      return -low > high ? low : high;
    }
    const Index next = modes.unstable + modes.flat;
    return next < modes.values.size() ? modes.values[next] : modes.largest;
  }

  std::optional<Looked> crossing(const Looked& from, const Looked& to, double ds) {
    const Index fewer = std::min(from.point.unstable, to.point.unstable);
    const Index flat = std::min(from.point.flat, to.point.flat);
    const auto value = [&](const Looked& at) { return crossing_value(at.modes, fewer, flat); };
    if (!(value(from) * value(to) < 0)) return std::nullopt;
    return located(from, to, ds, value, 1e-13 * from.modes.largest);
  }

  /// -d^2 L* / d lambda^2 = w A^+ w on the way to a fold, as a power of the distance in lambda.
  void measure_response(SpecialPoint& fold, const Looked& top) {
    std::vector<double> distances, responses;
    Looked back = top;
    back.point.tangent = opposite(back.point.tangent);
    for (const double distance : response_distances) {
      const std::optional<Looked> near = stepped(back, distance);
      if (!near) continue;
      const double response = std::abs(near->modes.inverse_form(near->point.w));
      const double off = std::abs(top.point.lambda - near->point.lambda);
      if (!(response > 0) || !(off > 0)) continue;
      distances.push_back(off);
      responses.push_back(response);
    }
    if (distances.size() < 3) return;
    const auto vector = [](const std::vector<double>& values) {
      return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
    };
    const PowerLaw law = fit_power_law(vector(distances), vector(responses));
    fold.response_exponent = law.exponent;
    fold.response_exponent_error = law.line.slope_error;
  }

  void push(const Looked& looked) {
    const BranchPoint& before = branch_.points.back();
    last_ = looked;
    last_.point.arclength = before.arclength + arc(before, looked.point);
    branch_.points.push_back(last_.point);
  }

  void special(SpecialKind kind, const Looked& at) {
    SpecialPoint special;
    special.kind = kind;
    special.point = branch_.points.size() - 1;
    if (kind == SpecialKind::fold || kind == SpecialKind::branch_point) {
      Index symmetric = branch_.points[branch_.points.size() - 2].flat;
      if (kind == SpecialKind::branch_point) {
        open_branch_point(special, at);
        symmetric = symmetric_modes(special, at, symmetric);
      }
      special.kernel = std::max<Index>(1, at.modes.flat - symmetric);
      special.kernel_modes = kernel_of(at.modes, special.kernel);
    }
    branch_.specials.push_back(std::move(special));
  }

  /// The branch through it on which lambda is a coordinate.
  static void open_branch_point(SpecialPoint& special, const Looked& at) {
    const PointModes& modes = at.modes;
    const auto flat = modes.vectors().middleCols(modes.unstable, modes.flat);
    special.centre = at.point.w - flat * (flat.transpose() * at.point.w);
    Vector parts = modes.vectors().transpose() * special.centre;
    for (Index i = 0; i < parts.size(); ++i)
      parts[i] =
          i >= modes.unstable && i < modes.unstable + modes.flat ? 0 : parts[i] / modes.values[i];
    special.through = normalised(-(modes.vectors() * parts), 1);
  }

  /// Flat modes of symmetries at a branch point: those that the branch through it has beside it.
  Index symmetric_modes(const SpecialPoint& special, const Looked& at, Index otherwise) {
    const double lambda = at.point.lambda, beside = lambda * (1 - 1e-3);
    const Vector w =
        special.centre + (beside - lambda) / special.through.lambda * special.through.w;
    const Corrected found = correct_at(problem_, w, beside, settings_.tolerance);
    return found.converged ? point_modes(problem_, found.w, beside).flat : otherwise;
  }

  /// The modes nearest to zero that are not symmetries': those of the largest |eigenvalues| in the
  /// window of flat modes, where any stand out of rounding.
  static Matrix kernel_of(const PointModes& modes, Index count) {
    std::vector<Index> order(static_cast<std::size_t>(modes.values.size()));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      return std::abs(modes.values[a]) < std::abs(modes.values[b]);
    });
    const Index window = std::max(modes.flat, count);
    Matrix kernel(modes.vectors().rows(), count);
    for (Index k = 0; k < count; ++k)
      kernel.col(k) = modes.vectors().col(order[static_cast<std::size_t>(window - count + k)]);
    return kernel;
  }

  StationaryProblem& problem_;
  const BranchSettings& settings_;
  const std::function<bool()>& interrupted_;
  Looked last_;
  Branch branch_;
  double step_ = 0;
  bool starts_at_branch_point_;
};

}  // namespace

Plane tangent_through(const PointModes& modes, ConstVectorRef w) {
  return normalised(-modes.solve(w), 1);
}

BranchPoint branch_point_at(StationaryProblem& problem, ConstVectorRef w, double lambda) {
  return look_at(problem, w, lambda, nullptr).point;
}

Branch follow_branch(StationaryProblem& problem, const BranchSettings& settings,
                     const BranchStart& start, const std::function<bool()>& interrupted) {
  Looked first{start.point, point_modes(problem, start.point.w, start.point.lambda)};
  const auto from = [&](const Looked& looked) {
    return Follower(problem, settings, looked, start.at_branch_point, interrupted).run();
  };
  if (!start.both_ways) return from(first);
  const auto leaves_range = [&](const Looked& looked) {
    const double lambda = looked.point.lambda, slope = looked.point.tangent.lambda;
    return (lambda <= settings.low && slope < 0) || (lambda >= settings.high && slope > 0);
  };
  const auto end_at = [](std::size_t point) {
    SpecialPoint end;
    end.kind = SpecialKind::end;
    end.point = point;
    return end;
  };
  Looked back = first;
  back.point.tangent = opposite(back.point.tangent);
  Branch whole;
  if (leaves_range(back)) {
    whole.points.push_back(first.point);
    whole.specials.push_back(end_at(0));
  } else {
    whole = from(back);
    // In the order of the way ahead.
    std::reverse(whole.points.begin(), whole.points.end());
    std::reverse(whole.specials.begin(), whole.specials.end());
    for (SpecialPoint& special : whole.specials)
      special.point = whole.points.size() - 1 - special.point;
    for (BranchPoint& point : whole.points) {
      point.tangent = opposite(point.tangent);
      point.arclength *= -1;
    }
  }
  if (leaves_range(first)) {
    whole.specials.push_back(end_at(whole.points.size() - 1));
  } else if (!whole.closed) {
    const Branch ahead = from(first);
    const std::size_t offset = whole.points.size() - 1;
    whole.points.insert(whole.points.end(), ahead.points.begin() + 1, ahead.points.end());
    for (SpecialPoint special : ahead.specials) {
      special.point += offset;
      whole.specials.push_back(std::move(special));
    }
    whole.cut = whole.cut || ahead.cut;
  }
  const double origin = whole.points.front().arclength;
  for (BranchPoint& point : whole.points) point.arclength -= origin;
  return whole;
}

}  // namespace gradflow
