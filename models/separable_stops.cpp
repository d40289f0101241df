#include "models/separable_stops.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/direction_run.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

class ArithmeticEnds : public StopCondition {
 public:
  explicit ArithmeticEnds(AcceleratedMirrorFlow flow) : flow_(std::move(flow)) {}
  bool met(double, ConstVectorRef y) override { return flow_.arithmetic_ends(y); }

 protected:
  const AcceleratedMirrorFlow::Reading& read(ConstVectorRef y) {
    flow_.read(y, reading_);
    return reading_;
  }

 private:
  AcceleratedMirrorFlow flow_;
  AcceleratedMirrorFlow::Reading reading_;
};

class LossSettled final : public ArithmeticEnds {
 public:
  using ArithmeticEnds::ArithmeticEnds;
  bool met(double t, ConstVectorRef y) override {
    const double decay = read(y).decay;
    return ArithmeticEnds::met(t, y) || (y[y.size() - 1] > 1 && decay < 1e-12);
  }
};

class DirectionSettled final : public ArithmeticEnds {
 public:
  DirectionSettled(AcceleratedMirrorFlow flow, std::function<double(ConstVectorRef)> angle)
      : ArithmeticEnds(std::move(flow)), angle_(std::move(angle)) {}

  bool met(double t, ConstVectorRef y) override {
    if (ArithmeticEnds::met(t, y)) return true;
    const AcceleratedMirrorFlow::Reading& now = read(y);
    beta_.insert(beta_.end(), now.beta.begin(), now.beta.end());
    size_.push_back(now.beta.stableNorm());
    std::size_t half = size_.size() - 1;
    while (half > 0 && size_[half] > 0.5 * size_.back()) --half;
    const Index d = now.beta.size();
    const Vector gain =
        now.beta - Eigen::Map<const Vector>(beta_.data() + half * static_cast<std::size_t>(d), d);
    if (angle_(now.beta.stableNormalized()) > settled_angle ||
        angle_(gain.stableNormalized()) > settled_angle) {
      since_ = nan;
      return false;
    }
    if (std::isnan(since_)) since_ = std::max(1.0, now.log_time);
    return now.log_time >= 1.1 * since_;
  }

  void exchange(Archive& archive) override {
    archive("beta", beta_);
    archive("size", size_);
    archive("since", since_);
  }

 private:
  std::function<double(ConstVectorRef)> angle_;
  std::vector<double> beta_, size_;  ///< after each step; beta a row each
  double since_ = nan;               ///< log t since when it is within the angle
};

}  // namespace

std::unique_ptr<StopCondition> stop_before_arithmetic_ends(AcceleratedMirrorFlow flow) {
  return std::make_unique<ArithmeticEnds>(std::move(flow));
}

std::unique_ptr<StopCondition> stop_with_settled_loss(AcceleratedMirrorFlow flow) {
  return std::make_unique<LossSettled>(std::move(flow));
}

std::unique_ptr<StopCondition> stop_with_settled_direction(
    AcceleratedMirrorFlow flow, std::function<double(ConstVectorRef)> angle) {
  return std::make_unique<DirectionSettled>(std::move(flow), std::move(angle));
}

}  // namespace gradflow
