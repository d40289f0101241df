#include <cmath>

#include "solve/stepper.hpp"

namespace gradflow {
namespace {

/// The system's discrete dynamics with a fixed step: gradient descent on a gradient flow, SGD or
/// Langevin dynamics where the system brings noise. The states between iterates do not exist:
/// `interpolate` gives the iterate nearest in time.
class DescentStepper final : public Stepper {
 public:
  DescentStepper(System& system, double step, std::string method)
      : system_(system),
        step_(step),
        method_(std::move(method)),
        state_(system.dimension()),
        last_(system.dimension()) {}

  void start(double t0, ConstVectorRef y0) override {
    start_ = t0;
    count_ = 0;
    state_ = last_ = y0;
  }

  void step(double, double) override {
    last_ = state_;
    system_.discrete_step(time(), step_, state_);
    keep(state_);
    ++count_;
    // One reduction finds every NaN and infinity without a branch for each entry.
    if (!std::isfinite(state_.squaredNorm()))
      throw SolverError(Status::not_finite, "the iterates are not finite",
                        "the step is too large: lower flow.step below 2 / (largest curvature)");
    statistics_.steps = statistics_.rhs_evaluations = count_;
  }

  void exchange(Archive& archive) override {
    archive("count", count_);
    archive("state", state_);
    archive("last", last_);
    archive.part("statistics", statistics_);
  }

  double time() const override { return start_ + static_cast<double>(count_) * step_; }
  double previous_time() const override {
    return start_ + static_cast<double>(count_ > 0 ? count_ - 1 : 0) * step_;
  }
  const Vector& state() const override { return state_; }
  void interpolate(double t, VectorRef y) override {
    y = t - previous_time() < time() - t ? last_ : state_;
  }
  void interpolate_derivative(double, VectorRef ydot) override { ydot = (state_ - last_) / step_; }
  const Statistics& statistics() override { return statistics_; }
  std::string method() const override { return method_; }
  double grid_step() const override { return step_; }

 private:
  System& system_;
  double step_, start_ = 0;
  std::string method_;
  std::int64_t count_ = 0;
  Vector state_, last_;
  Statistics statistics_;
};

}  // namespace

std::unique_ptr<Stepper> make_descent_stepper(System& system, double step, std::string method) {
  return std::make_unique<DescentStepper>(system, step, std::move(method));
}

}  // namespace gradflow
