#include "solve/one_step_stepper.hpp"

#include <cmath>
#include <limits>

namespace gradflow {
namespace {

/// A step that ends this close to the end is drawn out to it.
constexpr double end_slack = 1.01;

[[noreturn]] void throw_not_finite() {
  throw SolverError(Status::not_finite, "the right-hand side is not finite",
                    "the flow may blow up in finite time; check data and initial values");
}

}  // namespace

OneStepStepper::OneStepStepper(System& system, const SolverSettings& settings, int order,
                               int embedded_order)
    : system_(system), settings_(settings), order_(order), exponent_(1.0 / (1 + embedded_order)) {
  const Index p = system.dimension();
  for (Vector* v : {&state_, &last_, &slope_, &next_, &error_}) v->resize(p);
}

double OneStepStepper::reach() const {
  return std::numeric_limits<double>::infinity();
}

void OneStepStepper::start(double t0, ConstVectorRef y0) {
  move_to(t0, y0);
  step_ = first_step();
  previous_error_ = previous_step_ = 0;
}

bool OneStepStepper::move_to(double t, ConstVectorRef y) {
  time_ = previous_ = t;
  state_ = last_ = y;
  evaluate(time_, state_, slope_);
  return true;
}

void OneStepStepper::exchange(Archive& archive) {
  std::string name = method();
  archive("method", name);
  if (name != method()) throw ArchiveError("a state of " + name + ", not of " + method());
  archive("time", time_);
  archive("state", state_);
  archive("step", step_);
  archive("previous_error", previous_error_);
  archive("previous_step", previous_step_);
  exchange_own(archive);
  archive.part("statistics", statistics_);
  if (!archive.reading()) return;
  previous_ = time_;
  last_ = state_;
  system_.rhs(time_, state_, slope_);  // the step that led here has counted it
  keep(slope_);
}

void OneStepStepper::step(double t_stop, double longest) {
  prepare();
  bool rejected_before = false;
  int not_finite = 0;
  for (int attempt = 0; attempt < 60; ++attempt) {
    double h = std::min({step_, longest, reach()});
    const bool last = time_ + h >= t_stop || time_ + end_slack * h >= t_stop;
    if (last) h = t_stop - time_;
    if (!(time_ + h > time_) || h < 4 * std::numeric_limits<double>::epsilon() * std::abs(time_)) {
      if (not_finite > 0 || !std::isfinite(h)) throw_not_finite();
      throw SolverError(Status::step_underflow, "t + h = t, h = " + std::to_string(h),
                        "the time scale is below the resolution of t at this horizon");
    }
    const double error = try_step(h);
    if (!(error <= 1)) {  // also NaN
      ++statistics_.rejected_steps;
      if (std::isnan(error)) ++not_finite;
      const double most = rejected_before ? 0.5 : 0.9;
      step_ = h * (std::isfinite(error) ? std::clamp(0.9 * std::pow(error, -exponent_), 0.1, most)
                                        : 0.1);
      rejected_before = true;
      rejected();
      continue;
    }
    ++statistics_.steps;
    // Gustafsson: what the last two errors say together; never grow just after a rejection.
    double factor = 0.9 * std::pow(std::max(error, 1e-10), -exponent_);
    if (previous_error_ > 0) {
      const double predictive = 0.9 * (h / previous_step_) *
                                std::pow(error * error / previous_error_ + 1e-20, -exponent_);
      factor = std::min(factor, predictive);
    }
    factor = std::clamp(factor, 0.2, rejected_before ? 1.0 : 6.0);
    previous_error_ = std::max(error, 1e-2);
    previous_step_ = h;
    // A step cut short by the end or a cap says nothing against the longer one.
    step_ = h < step_ ? std::max(step_, h * factor) : h * factor;
    accepted();
    last_.swap(state_);
    state_.swap(next_);
    previous_ = time_;
    step_used_ = h;
    time_ = last ? t_stop : time_ + h;
    renew_slope();
    return;
  }
  if (not_finite > 30) throw_not_finite();
  throw SolverError(Status::no_convergence, "60 attempts at one step were rejected",
                    "the right-hand side may not be smooth; try a larger rtol and atol");
}

void OneStepStepper::evaluate(double t, ConstVectorRef y, VectorRef out) {
  system_.rhs(t, y, out);
  keep(out);
  ++statistics_.rhs_evaluations;
}

double OneStepStepper::weighted_norm(const Vector& v, const Vector& y0, const Vector& y1) {
  const double sum = long_vectors::sum_of_stretches(v.size(), [&](Index first, Index count) {
    const auto size =
        y0.segment(first, count).array().abs().max(y1.segment(first, count).array().abs());
    return (v.segment(first, count).array() / (settings_.atol + settings_.rtol * size))
        .square()
        .sum();
  });
  return std::sqrt(sum / static_cast<double>(v.size()));
}

/// Hairer, Norsett and Wanner II.4: a step in which explicit Euler moves by a hundredth of y.
double OneStepStepper::first_step() {
  const double size = weighted_norm(state_, state_, state_);
  const double speed = weighted_norm(slope_, state_, state_);
  double h = size < 1e-5 || speed < 1e-5 ? 1e-6 : 0.01 * size / speed;
  next_ = state_ + h * slope_;
  evaluate(time_ + h, next_, error_);
  error_ -= slope_;
  const double bend = weighted_norm(error_, state_, state_) / h;
  const double steepest = std::max(speed, bend);
  if (steepest > 1e-15) h = std::min(100 * h, std::pow(0.01 / steepest, 1.0 / order_));
  return h;
}

}  // namespace gradflow
