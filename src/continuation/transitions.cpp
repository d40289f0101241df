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

class Search {
 public:
  Search(const std::vector<ChainPoint>& chain, double refine, const SettleAt& settle_at)
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
    for (std::size_t i = 0; i + 1 < chain_.size(); ++i) look_at(i);
    way_.half_norm_integral = std::abs(way_.half_norm_integral);
    return std::move(way_);
  }

 private:
  void look_at(std::size_t i) {
    Bracket bracket(chain_[i], chain_[i + 1], largest_, steepest_);
    extras_before_ = {chain_[i]};
    extras_after_ = {chain_[i + 1]};
    const bool settled = chain_[i].settled && chain_[i + 1].settled;
    int order = 0;
    bool found = settled && (bracket.jumps() || bracket.changes_rank());
    if (settled && refine_ > 0 && (found || bracket.kinks())) {
      order = refined(bracket, i);
      found = order > 0 || (order == 0 && found);
    }
    if (found) {
      const Transition transition = transition_of(bracket, order);
      way_.transitions.push_back(transition);
    }
    integrate();
  }

  /// Bisects. The order; 0 where it cannot be told; -1 where there is no transition.
  int refined(Bracket& bracket, std::size_t i) {
    std::vector<double> jumps{bracket.jump()}, kinks{bracket.kink()};
    for (int k = 0; bracket.width() > refine_ && k < 60; ++k) {
      // Not the very middle, at which transitions of round numbers lie.
      const double middle =
          bracket.before_.value + cut_share * (bracket.after_.value - bracket.before_.value);
      if (middle == bracket.before_.value || middle == bracket.after_.value) break;
      ChainPoint between = settle_at_(middle, bracket.before_.state,
                                      "refined_" + std::to_string(i) + "_" + std::to_string(k));
      if (!between.settled) return 0;
      if (bracket.is_before(between)) {
        extras_before_.push_back(between);
        bracket.before_ = std::move(between);
      } else {
        extras_after_.push_back(between);
        bracket.after_ = std::move(between);
      }
      jumps.push_back(bracket.jump());
      kinks.push_back(bracket.kink());
      // A smooth stretch need not be bisected to the end.
      if (k + 1 == halvings_to_tell && verdict(bracket, jumps, kinks) < 0) return -1;
    }
    return verdict(bracket, jumps, kinks);
  }

  int verdict(const Bracket& bracket, const std::vector<double>& jumps,
              const std::vector<double>& kinks) const {
    const std::size_t last = jumps.size() - 1;
    if (last < halvings_to_tell) return 0;
    const std::size_t earlier = last - halvings_to_tell;
    if (jumps[last] > 0.5 * jumps[earlier] && jumps[last] > smallest_jump * largest_) return 1;
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

  /// Adds the pair looked at last: along each branch, and across the bracket.
  void integrate() {
    for (std::size_t k = 0; k + 1 < extras_before_.size(); ++k)
      way_.half_norm_integral += half_integral(extras_before_[k], extras_before_[k + 1]);
    for (std::size_t k = 0; k + 1 < extras_after_.size(); ++k)
      way_.half_norm_integral += half_integral(extras_after_[k + 1], extras_after_[k]);
    way_.half_norm_integral += half_integral(extras_before_.back(), extras_after_.back());
  }

  std::vector<ChainPoint> chain_;
  double refine_;
  const SettleAt& settle_at_;
  double largest_ = 0, steepest_ = 0;
  /// The pair's points on either side, from its ends inwards.
  std::vector<ChainPoint> extras_before_, extras_after_;
  Way way_;
};

}  // namespace

Way find_transitions(const std::vector<ChainPoint>& chain, double refine,
                     const SettleAt& settle_at) {
  return Search(chain, refine, settle_at).run();
}

}  // namespace gradflow
