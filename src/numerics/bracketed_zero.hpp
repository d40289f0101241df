#pragma once

namespace gradflow {

/// A zero between two points of which it is known on which side of it they lie, by Illinois's
/// regula falsi: where one end stays twice, its value counts half. Every eighth place is the
/// middle.
class BracketedZero {
 public:
  BracketedZero(double a, double b, double at_a, double at_b)
      : a_(a), b_(b), at_a_(at_a), at_b_(at_b) {}

  double a() const { return a_; }
  double b() const { return b_; }
  double width() const { return b_ - a_; }

  /// Where to look next, between the ends; the middle where rounding puts the other beyond them.
  double next() {
    const double t = b_ - at_b_ * width() / (at_b_ - at_a_);
    const bool inside = (t > a_ && t < b_) || (t < a_ && t > b_);
    return looks_++ % 8 == 7 || !inside ? 0.5 * (a_ + b_) : t;
  }
  /// The value that was found there, and which end it takes the place of.
  void put(double t, double value, bool for_a) {
    if (for_a) {
      if (last_ > 0) at_b_ *= 0.5;
      a_ = t, at_a_ = value, last_ = 1;
    } else {
      if (last_ < 0) at_a_ *= 0.5;
      b_ = t, at_b_ = value, last_ = -1;
    }
  }

 private:
  double a_, b_, at_a_, at_b_;
  int last_ = 0, looks_ = 0;
};

}  // namespace gradflow
