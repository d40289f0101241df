#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/bracketed_zero.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

/// Steps of another method within smooth pieces. A step that ends beyond the boundary of its piece
/// is shortened to where its dense output meets it; the state there is what the smooth flow of the
/// piece gives, so that the order of the method is kept. The next step begins in the next piece: a
/// one-step method with its step size, others from a start.
class PiecewiseStepper final : public Stepper {
 public:
  PiecewiseStepper(FlowPieces& pieces, Index dimension, std::unique_ptr<Stepper> inner)
      : pieces_(pieces), inner_(std::move(inner)), state_(dimension) {}

  void start(double t0, ConstVectorRef y0) override {
    time_ = previous_ = t0;
    state_ = y0;
    pieces_.enter(t0, state_, true);
    inner_->start(t0, state_);
    time_before_ = t0;
    at_boundary_ = false;
  }

  void step(double t_stop, double longest) override {
    if (at_boundary_) cross();
    inner_->step(t_stop, longest);
    previous_ = inner_->previous_time();
    time_ = inner_->time();
    state_ = inner_->state();
    double beyond = 0;
    if (!leaves_piece(beyond)) {
      stuck_ = 0;
      return;
    }
    const double end = time_;
    time_ = boundary(beyond);
    inner_->interpolate(time_, state_);
    at_boundary_ = true;
    ++events_;
    stuck_ = time_ - previous_ > 1e-12 * (end - previous_) ? 0 : stuck_ + 1;
    watch_progress();
  }

  void exchange(Archive& archive) override {
    archive("time", time_);
    archive("previous", previous_);
    archive("state", state_);
    archive("at_boundary", at_boundary_);
    archive("stuck", stuck_);
    archive("events", events_);
    archive("events_before", events_before_);
    archive("time_before", time_before_);
    archive.part("inner", *inner_);
  }
  /// At a boundary whatever needs a start begins anew.
  bool can_resume() const override { return at_boundary_ || inner_->can_resume(); }
  bool resumes_anywhere() const override { return inner_->resumes_anywhere(); }

  double time() const override { return time_; }
  double previous_time() const override { return previous_; }
  const Vector& state() const override { return state_; }
  void interpolate(double t, VectorRef y) override { inner_->interpolate(std::min(t, time_), y); }
  void interpolate_derivative(double t, VectorRef ydot) override {
    inner_->interpolate_derivative(std::min(t, time_), ydot);
  }
  const Statistics& statistics() override {
    statistics_ = inner_->statistics();
    statistics_.events = events_;
    return statistics_;
  }
  double smooth(VectorRef v) override { return inner_->smooth(v); }
  SmoothingMatrix smoothing_matrix() const override { return inner_->smoothing_matrix(); }
  std::string method() const override { return inner_->method() + ", piece by piece"; }
  std::string linear() const override { return inner_->linear(); }

 private:
  void cross() {
    pieces_.enter(time_, state_, false);
    if (!inner_->move_to(time_, state_)) inner_->start(time_, state_);
    at_boundary_ = false;
  }

  double margin(double t) {
    inner_->interpolate(t, state_);
    return pieces_.margin(t, state_);
  }

  /// Looks at the step's end and within it, for a way out and back; `beyond` is the first time
  /// found outside.
  bool leaves_piece(double& beyond) {
    const double length = time_ - previous_;
    for (const double part : {0.25, 0.5, 0.75}) {
      beyond = previous_ + part * length;
      if (margin(beyond) < 0) return true;
    }
    beyond = time_;
    state_ = inner_->state();
    return pieces_.margin(time_, state_) < 0;
  }

  /// The first time in the last step before `beyond`, just outside: Illinois's regula falsi.
  double boundary(double beyond) {
    const double at_previous = margin(previous_), at_beyond = margin(beyond);
    if (at_previous < 0) return previous_;
    BracketedZero zero(previous_, beyond, at_previous, at_beyond);
    for (int k = 0; k < 100; ++k) {
      if (zero.width() <= 1e-13 * (time_ - previous_) ||
          zero.width() <= 2 * std::numeric_limits<double>::epsilon() * std::abs(zero.b()))
        break;
      const double t = zero.next(), value = margin(t);
      zero.put(t, value, !(value < 0));
    }
    return zero.b();
  }

  /// A flow may meet more boundaries than can be followed one by one.
  void watch_progress() {
    if (stuck_ > 100)
      throw SolverError(Status::no_convergence,
                        "the flow does not leave the point where smooth pieces meet",
                        "try another seed, or a smooth activation");
    if (events_ - events_before_ < 10'000 + 10 * state_.size()) return;
    if (time_ < 1.01 * time_before_)
      throw SolverError(
          Status::step_budget,
          std::to_string(events_ - events_before_) +
              " activation changes while t grew by less than a hundredth: too many to follow",
          "lower solver.rtol and solver.atol, or take flow.kind = \"gradient_descent\" with a "
          "small step");
    events_before_ = events_;
    time_before_ = time_;
  }

  FlowPieces& pieces_;
  std::unique_ptr<Stepper> inner_;
  double time_ = 0, previous_ = 0;
  Vector state_;
  bool at_boundary_ = false;
  int stuck_ = 0;
  std::int64_t events_ = 0, events_before_ = 0;
  double time_before_ = 0;
  Statistics statistics_;
};

}  // namespace

std::unique_ptr<Stepper> make_piecewise_stepper(FlowPieces& pieces, Index dimension,
                                                std::unique_ptr<Stepper> inner) {
  return std::make_unique<PiecewiseStepper>(pieces, dimension, std::move(inner));
}

}  // namespace gradflow
