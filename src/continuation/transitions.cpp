#include "continuation/transitions.hpp"

#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

/// |w|^2 that changes by this many times its slopes jumps.
constexpr double jump_factor = 2;
/// Changes of |w|^2 below this share of the chain's largest are none.
constexpr double smallest_jump = 1e-6;
/// A slope that changes by this share has a kink, or is steep.
constexpr double kink_share = 0.25;
/// Halvings after which what shrinks has shrunk.
constexpr int halvings_to_tell = 5;
/// The same beside a fold, where |w|^2 shrinks by the root of the width, down to less than a half.
constexpr int halvings_apart = 3;

constexpr double cut_share = 0.47;

using SettleAt = std::function<ChainPoint(double, const Vector&, const std::string&)>;

/// Two neighbours of a chain, before and after in the sweep's sense.
class Bracket {
 public:
  /// `largest`, `steepest`: of the chain's |w|^2 and its slopes.
  Bracket(ChainPoint before, ChainPoint after, double largest, double steepest)
      : before_(std::move(before)),
        after_(std::move(after)),
        largest_(largest),
        steepest_(steepest) {}

  double width() const { return std::abs(after_.value - before_.value); }
  double jump() const { return std::abs(after_.norm_squared - before_.norm_squared); }
  double kink() const { return std::abs(after_.slope - before_.slope); }
  double steepness() const { return std::max(std::abs(before_.slope), std::abs(after_.slope)); }

  bool jumps() const {
    const double slope = std::isfinite(steepness()) ? steepness() : 0;
    return jump() > jump_factor * slope * width() + smallest_jump * largest_;
  }
  bool kinks() const {
    return kink() > kink_share * steepness() && steepness() > smallest_jump * steepest_;
  }
  bool changes_rank() const {
    return std::isfinite(before_.rank) && std::isfinite(after_.rank) && before_.rank != after_.rank;
  }

  /// Is a state in between still the one before the transition?
  bool is_before(const ChainPoint& between) const {
    if (jumps() || !std::isfinite(kink()))
      return std::abs(between.norm_squared - before_.norm_squared) <
             std::abs(between.norm_squared - after_.norm_squared);
    return std::abs(between.slope - before_.slope) < std::abs(between.slope - after_.slope);
  }

  ChainPoint before_, after_;

 private:
  double largest_, steepest_;
};

/// 1/2 integral of |w|^2 between two points of one branch. The trapezoidal rule, with the slopes
/// where they are of one size (at a fold they have no bound).
double half_integral(const ChainPoint& a, const ChainPoint& b) {
  const double h = b.value - a.value;
  double integral = 0.5 * h * (a.norm_squared + b.norm_squared);
  const double ratio = a.slope / b.slope;
  if (ratio > 0.5 && ratio < 2) integral += h * h / 12 * (a.slope - b.slope);
  return 0.5 * integral;
}

class TransitionSearch {
 public:
  TransitionSearch(const std::vector<ChainPoint>& chain, double refine, const SettleAt& settle_at)
      : refine_(refine), settle_at_(settle_at) {
    // A value at a transition belongs to neither side: its neighbours are the pair.
    for (std::size_t i = 0; i < chain.size(); ++i)
      if (!chain[i].marginal || i == 0 || i + 1 == chain.size()) chain_.push_back(chain[i]);
    for (const ChainPoint& point : chain_) {
      largest_ = std::max(largest_, point.norm_squared);
      if (std::isfinite(point.slope)) steepest_ = std::max(steepest_, std::abs(point.slope));
    }
  }

  Way run() {
    for (std::size_t i = 0; i + 1 < chain_.size(); ++i) {
      pair_ = i;
      refinements_ = 0;
      found_.clear();
      look_between(chain_[i], chain_[i + 1], Signs::all);
      for (const Found& found : found_)
        if (!is_part_of_earlier(found)) way_.transitions.push_back(found.transition);
    }
    way_.half_norm_integral = std::abs(way_.half_norm_integral);
    return std::move(way_);
  }

 private:
  /// What makes a pair be looked at. Within a pair that holds a transition already: at a fold
  /// slopes have no bound, and neighbours near it differ by more than a quarter.
  enum class Signs { all, beside_second_order, beside_first_order };

  /// A transition of the pair at hand, and the turn at which it was found.
  struct Found {
    Transition transition;
    std::size_t turn;
  };

  /// A value at a transition has no slope of either side: the bracket beside it may look like
  /// another, and is none.
  bool is_part_of_earlier(const Found& found) const {
    return std::any_of(found_.begin(), found_.end(), [&](const Found& other) {
      return other.turn < found.turn && other.transition.low <= found.transition.high + refine_ &&
             found.transition.low <= other.transition.high + refine_;
    });
  }

  /// Finds the transitions between two neighbours of a chain, and adds what lies between them to
  /// the integral: along each branch, and across the brackets.
  void look_between(const ChainPoint& before, const ChainPoint& after, Signs signs) {
    Bracket bracket(before, after, largest_, steepest_);
    const bool settled = before.settled && after.settled;
    const bool inner = signs != Signs::all;
    bool found = settled && (bracket.changes_rank() ||
                             (bracket.jumps() && (!inner || std::isfinite(bracket.kink()))));
    const bool kinks = settled && signs != Signs::beside_first_order && bracket.kinks();
    int order = 0;
    // From the pair's ends to the bracket.
    std::vector<ChainPoint> extras_before{before}, extras_after{after};
    if (refine_ > 0 && (found || kinks)) {
      order = refined(bracket, inner, extras_before, extras_after);
      found = order > 0 || (order == 0 && found);
    }
    // What is left on either side of a transition may hold another.
    const bool again = found && refine_ > 0;
    const Signs left = order == 2 ? Signs::beside_second_order : Signs::beside_first_order;
    const std::size_t turn = found ? turns_++ : 0;
    const auto add = [&](const ChainPoint& a, const ChainPoint& b) {
      if (again)
        look_between(a, b, left);
      else
        way_.half_norm_integral += half_integral(a, b);
    };
    for (std::size_t k = 0; k + 1 < extras_before.size(); ++k)
      add(extras_before[k], extras_before[k + 1]);
    if (found) found_.push_back({transition_of(bracket, order), turn});
    way_.half_norm_integral += half_integral(extras_before.back(), extras_after.back());
    for (std::size_t k = extras_after.size(); k-- > 1;) add(extras_after[k], extras_after[k - 1]);
  }

  /// Bisects. The order; 0 where it cannot be told; -1 where there is no transition.
  int refined(Bracket& bracket, bool inner, std::vector<ChainPoint>& extras_before,
              std::vector<ChainPoint>& extras_after) {
    std::vector<double> jumps{bracket.jump()}, kinks{bracket.kink()};
    for (int k = 0; bracket.width() > refine_ && k < 60; ++k) {
      // Not the very middle, at which transitions of round numbers lie.
      const double middle =
          bracket.before_.value + cut_share * (bracket.after_.value - bracket.before_.value);
      if (middle == bracket.before_.value || middle == bracket.after_.value) break;
      ChainPoint between =
          settle_at_(middle, bracket.before_.state,
                     "refined_" + std::to_string(pair_) + "_" + std::to_string(refinements_++));
      if (!between.settled) return 0;
      if (bracket.is_before(between)) {
        extras_before.push_back(between);
        bracket.before_ = std::move(between);
      } else {
        extras_after.push_back(between);
        bracket.after_ = std::move(between);
      }
      jumps.push_back(bracket.jump());
      kinks.push_back(bracket.kink());
      // A smooth stretch need not be bisected to the end.
      if (k + 1 == halvings_to_tell && verdict(bracket, jumps, kinks, inner) < 0) return -1;
    }
    return verdict(bracket, jumps, kinks, inner);
  }

  int verdict(const Bracket& bracket, const std::vector<double>& jumps,
              const std::vector<double>& kinks, bool inner) const {
    const std::size_t last = jumps.size() - 1;
    if (last < halvings_to_tell) {
      if (!inner) return 0;
      // Between two transitions there may be little room; that a second is there is known.
      if (bracket.jumps() && std::isfinite(bracket.kink())) return 1;
      return last > 0 && bracket.kinks() && kinks[last] > 0.5 * kinks[0] ? 2 : -1;
    }
    const std::size_t earlier = last - halvings_to_tell;
    if (jumps[last] > 0.5 * jumps[earlier] && jumps[last] > smallest_jump * largest_) return 1;
    // A second transition may have been in the bracket until lately.
    if (jumps[last] > 0.5 * jumps[last - halvings_apart] && bracket.jumps()) return 1;
    if (kinks[last] > 0.5 * kinks[earlier] && kinks[last] > kink_share * bracket.steepness())
      return 2;
    return -1;
  }

  static Transition transition_of(const Bracket& bracket, int order) {
    const ChainPoint &before = bracket.before_, &after = bracket.after_;
    Transition transition;
    transition.low = std::min(before.value, after.value);
    transition.high = std::max(before.value, after.value);
    transition.order = order;
    transition.norm_squared_jump = after.norm_squared - before.norm_squared;
    transition.train_loss_jump = after.train_loss - before.train_loss;
    transition.scalar_curvature_jump = after.scalar_curvature - before.scalar_curvature;
    transition.rank_before = before.rank;
    transition.rank_after = after.rank;
    // Both losses carried to the middle, dL/d lambda = |w|^2 / 2.
    const double half = 0.5 * (after.value - before.value);
    transition.shed = (before.regularised_loss + 0.5 * before.norm_squared * half) -
                      (after.regularised_loss - 0.5 * after.norm_squared * half);
    return transition;
  }

  std::vector<ChainPoint> chain_;
  double refine_;
  const SettleAt& settle_at_;
  double largest_ = 0, steepest_ = 0;
  std::size_t pair_ = 0, refinements_ = 0;  ///< of the chain, and the values settled within it
  std::vector<Found> found_;                ///< in the pair, in the order of the sweep
  std::size_t turns_ = 0;
  Way way_;
};

}  // namespace

Way find_transitions(const std::vector<ChainPoint>& chain, double refine,
                     const SettleAt& settle_at) {
  return TransitionSearch(chain, refine, settle_at).run();
}

}  // namespace gradflow
