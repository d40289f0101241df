#include "solve/integration.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/bracketed_zero.hpp"
#include "numerics/short_number.hpp"
#include "solve/saddle.hpp"

namespace gradflow {
namespace {

/// The time in the stepper's last step at which `level` falls to 0, by Illinois's regula falsi on
/// the dense output; its end is below.
double crossing(Stepper& stepper, const std::function<double(double, ConstVectorRef)>& level,
                Vector& y) {
  const double from = stepper.previous_time(), to = stepper.time();
  const auto at = [&](double t) {
    stepper.interpolate(t, y);
    return level(t, y);
  };
  const double at_from = at(from), at_to = at(to);
  if (!(at_from > 0)) return from;
  BracketedZero zero(from, to, at_from, at_to);
  const double epsilon = std::numeric_limits<double>::epsilon();
  for (int k = 0; k < 100 && zero.width() > 4 * epsilon * std::abs(zero.b()); ++k) {
    const double t = zero.next();
    if (!(t > zero.a() && t < zero.b())) break;
    const double value = at(t);
    zero.put(t, value, value > 0);
  }
  return zero.b();
}

/// Is it the state at the end of the very run? What is found out there needs more than the state:
/// such a run is made again.
bool is_at_end(const Archive::Entries& state, std::size_t times) {
  const auto next = state.find("next");
  const auto* count =
      next != state.end() ? std::get_if<std::vector<std::int64_t>>(&next->second) : nullptr;
  return count != nullptr && count->size() == 1 &&
         count->front() >= static_cast<std::int64_t>(times);
}

}  // namespace

Integration::Integration(System& system, Stepper& stepper, const SolverSettings& settings,
                         ConstVectorRef y0, const IntegrationControl& control)
    : system_(system),
      stepper_(stepper),
      settings_(settings),
      y0_(y0),
      control_(control),
      descent_(stepper.grid_step() > 0),
      watch_energy_(system.has_energy() && !descent_),
      watch_saddles_(settings.saddle_guard && watch_energy_ && system.has_saddles()),
      inertial_(descent_ ? nullptr : dynamic_cast<InertialFlow*>(&system)),
      sampled_(system.dimension()),
      slope_(system.dimension()),
      work_(system.dimension()),
      energy_(system, settings, control.times.size() > 1 ? control.times[1] : 1),
      keeper_(
          control.checkpoints, [this](Archive& archive) { take_state(archive); },
          [this](Archive& archive) {
            if (control_.recorded) control_.recorded(archive, next_at_state_);
          }) {
  if (settings.condition && watch_energy_ && system.has_condition())
    condition_.emplace(system, settings);
  outcome_.method = stepper.method();
}

Outcome Integration::run() {
  try {
    begin();
    if (!early_end_) resume();
    while (next_ < control_.times.size() && !early_end_ && may_go_on()) {
      step();
      if (!take_samples()) break;
      land();
    }
    if (is_ok() && !early_end_) keeper_.end();
    if (condition_) condition_->finish(stepper_);
  } catch (const SolverError& error) {
    // Steps that shrink to nothing while the state grows without bound are a blow-up in finite
    // time.
    const bool grown = started_ && error.status() == Status::step_underflow &&
                       stepper_.state().norm() > 1e8 * std::max(1.0, y0_.norm());
    if (grown)
      fail(Status::not_finite, "the state grows without bound", "the flow blows up in finite time");
    else
      fail(error.status(), error.what(), error.advice());
  }
  conclude();
  check_energy();
  if (condition_ && started_) outcome_.amplification = condition_->amplification();
  check_accumulated_errors();
  check_start();
  check_saddle();
  check_rounding_of_inertial_flow();
  check_condition();
  return std::move(outcome_);
}

void Integration::begin() {
  if (!y0_.allFinite())
    throw SolverError(Status::not_finite, "the initial state is not finite", "");
  const double start = control_.times.front();
  // Pieces of a ReLU network and noise keep to no symmetry.
  if (system_.pieces() == nullptr && !system_.stochastic())
    stepper_.keep_to(InvariantSubspace::around(system_, y0_));
  stepper_.start(start, y0_);
  started_ = true;
  if (condition_) condition_->start(start, y0_);
  control_.sample(next_, start, y0_);
  ++next_;
  if (watch_energy_) energy_.start(start, y0_);
  if (watch_saddles_) {
    system_.rhs(start, y0_, slope_);
    const double rate = growth_rate(system_, start, y0_, slope_, work_);
    curvature_ = std::abs(rate);
    if (rate > 0) longest_ = growth_fraction / rate;
  }
  for (const auto& level : control_.level)
    if (!early_end_ && level(start, y0_) <= 0) end_at(start);
}

void Integration::resume() {
  if (control_.checkpoints == nullptr) return;
  auto state = control_.checkpoints->find();
  if (!state || is_at_end(*state, control_.times.size())) return;
  Archive archive(*std::move(state));
  exchange(archive);
  if (control_.recorded) control_.recorded(archive, next_);
  while (has_landed()) ++landed_;
}

bool Integration::may_go_on() {
  if (stepper_.statistics().steps >= settings_.max_steps) {
    fail(Status::step_budget,
         "solver.max_steps = " + std::to_string(settings_.max_steps) + " steps are used up",
         descent_ ? "raise it, or lower time.end" : "raise it, or loosen solver.rtol");
    return false;
  }
  if (settings_.max_wall_seconds > 0 && seconds_of_this_call() > settings_.max_wall_seconds) {
    keeper_.interrupt(can_resume());
    fail(Status::wall_budget, "solver.max_wall_seconds is used up", "raise it");
    return false;
  }
  if (control_.interrupted && control_.interrupted()) {
    keeper_.interrupt(can_resume());
    fail(Status::interrupted, "interrupted", "");
    return false;
  }
  return true;
}

void Integration::step() {
  if (control_.progress) control_.progress(stepper_.time(), stepper_.statistics().steps);
  keeper_.offer(can_resume(), stepper_.resumes_anywhere());
  const bool more_landings = landed_ < control_.landings.size();
  stepper_.step(more_landings ? control_.landings[landed_] : control_.times.back(), longest_);
  if (watch_energy_) {
    stepper_.interpolate_derivative(stepper_.time(), slope_);
    if (watch_saddles_) guard_saddle();
    energy_.accept(stepper_, curvature_, slope_.norm());
  }
  if (condition_) condition_->accept(stepper_);
}

void Integration::guard_saddle() {
  double rate = growth_rate(system_, stepper_.time(), stepper_.state(), slope_, work_);
  if (condition_) rate = condition_->resolved(rate);
  curvature_ = std::max(curvature_, std::abs(rate));
  // A rate beyond the resolution of t is a blow-up, not a saddle: that is the solver's to tell.
  grew_ = grew_ || rate > 0;
  longest_ = rate > 0 ? std::max(growth_fraction / rate, 1e-8 * stepper_.time())
                      : std::numeric_limits<double>::infinity();
}

bool Integration::take_samples() {
  const std::vector<double>& times = control_.times;
  // Where the run ends within this step; an iterate has no states before it.
  std::optional<double> ended;
  for (const auto& level : control_.level)
    if (level(stepper_.time(), stepper_.state()) <= 0) {
      const double t = descent_ ? stepper_.time() : crossing(stepper_, level, sampled_);
      ended = std::min(ended.value_or(t), t);
    }
  // Half a step of slack: an iterate belongs to the sample nearest to it.
  const double slack = 0.5 * stepper_.grid_step();
  const double reached = ended.value_or(stepper_.time() + slack);
  while (next_ < times.size() && times[next_] <= reached) {
    stepper_.interpolate(times[next_], sampled_);
    system_.correct(times[next_], sampled_);
    control_.sample(next_, times[next_], sampled_);
    ++next_;
  }
  if (next_ == times.size()) return true;
  if (system_.at_singular_point()) {
    end_at(stepper_.time());
    warn(singular_point_reached, "a singular point of the manifold of minimisers is reached at " +
                                     short_number(stepper_.time()) +
                                     ": the flow is not defined beyond");
    return false;
  }
  if (ended) {
    end_at(*ended);
    return false;
  }
  if (control_.stop && control_.stop(stepper_.time(), stepper_.state())) {
    end_at(stepper_.time());
    return false;
  }
  return true;
}

void Integration::end_at(double t) {
  if (t == stepper_.time())
    sampled_ = stepper_.state();
  else
    stepper_.interpolate(t, sampled_);
  outcome_.final_state = sampled_;
  system_.correct(t, sampled_);
  // Where a sample was due at this very state it is there already.
  if (next_ == 0 || t - control_.times[next_ - 1] > 0.5 * stepper_.grid_step())
    control_.sample(next_, t, sampled_);
  early_end_ = t;
  outcome_.stopped_early = true;
}

bool Integration::has_landed() const {
  return landed_ < control_.landings.size() &&
         control_.landings[landed_] <= stepper_.time() + 0.5 * stepper_.grid_step();
}

void Integration::land() {
  if (!has_landed()) return;
  ++landed_;
  Archive out;
  exchange(out);
  Archive in(std::move(out).take());
  exchange(in);
}

void Integration::exchange(Archive& archive) {
  const auto seconds = [&] { return seconds_before_ + seconds_of_this_call(); };
  double all = seconds();
  archive("wall_seconds", all);
  if (archive.reading()) seconds_before_ += all - seconds();
  archive("next", next_);
  archive("curvature", curvature_);
  archive("grew", grew_);
  archive("longest", longest_);
  if (auto* remembers = dynamic_cast<Resumable*>(&system_)) archive.part("system", *remembers);
  archive.part("stepper", stepper_);
  if (watch_energy_) archive.part("energy", energy_);
  if (condition_) archive.part("condition", *condition_);
  for (std::size_t k = 0; k < control_.beside.size(); ++k)
    archive.part("beside" + std::to_string(k), *control_.beside[k]);
}

void Integration::take_state(Archive& archive) {
  exchange(archive);
  next_at_state_ = next_;
  // For whoever asks no more than how far it came.
  double reached = stepper_.time();
  Vector state = stepper_.state();
  archive("end_time", reached);
  archive("final_state", state);
}

void Integration::conclude() {
  outcome_.t_end = early_end_ ? *early_end_ : started_ ? stepper_.time() : control_.times.front();
  outcome_.statistics = stepper_.statistics();
  outcome_.method = stepper_.method();
  outcome_.linear = stepper_.linear();
  if (!early_end_) outcome_.final_state = started_ ? stepper_.state() : Vector(y0_);
  if (is_ok()) system_.correct(outcome_.t_end, outcome_.final_state);
  outcome_.wall_seconds = seconds_before_ + seconds_of_this_call();
}

void Integration::fail(Status status, const std::string& reason, const std::string& advice) {
  outcome_.status = status;
  outcome_.message = stepper_.method() + " at t = " + short_number(stepper_.time()) + ": " +
                     reason + (advice.empty() ? "" : "; " + advice);
}

void Integration::warn(std::int32_t warning, const std::string& text) {
  outcome_.warnings |= warning;
  outcome_.message += (outcome_.message.empty() ? "" : "; ") + text;
}

}  // namespace gradflow
