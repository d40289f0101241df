#include "continuation/settle.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "continuation/hessian_modes.hpp"
#include "flow/newton_choice.hpp"
#include "numerics/parallel.hpp"
#include "numerics/short_number.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "solve/saddle.hpp"
#include "solve/stepper.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double infinity = std::numeric_limits<double>::infinity();
/// |rhs| / max(1, |w|) of a state at rest.
constexpr double rest_speed = 1e-12;
/// What symmetries leave of the gradient in flat modes: rounding.
constexpr double symmetric_speed = 1e-13;
/// Growth by which any disturbance that there is would have left a saddle.
constexpr double saddle_exponent = 700;
constexpr int most_newton_steps = 12;
constexpr std::int64_t steps_between_looks = 200;
/// A saddle may have been left without coming to rest: its limit on the steps is looked at again.
constexpr std::int64_t steps_between_saddle_looks = 50;

/// The settings with the method that "auto" stands for here.
SolverSettings chosen(const System& system, SolverSettings settings, ConstVectorRef y0) {
  settings = tightened_to_size(std::move(settings), y0);
  if (settings.method != "auto" || settings.linear != LinearKind::automatic) return settings;
  if (system.dimension() > HessianModes::largest_dense) return settings;
  const std::vector<LinearKind> kinds = direct_kinds(system, flops_of_some_seconds);
  if (kinds.empty()) return settings;
  settings.method = "rodas";
  settings.linear = kinds.front();
  return settings;
}

/// One way to the rest of a flow.
class Settling {
 public:
  Settling(System& system, const SettleSettings& settings, ConstVectorRef y0,
           const std::function<bool()>& interrupted)
      : system_(system),
        settings_(settings),
        interrupted_(interrupted),
        stepper_(make_stepper(system, chosen(system, settings.solver, y0))),
        slope_(y0.size()),
        work_(y0.size()) {
    result_.state = y0;
  }

  Settled run() {
    const LoopThreads threads(static_cast<int>(settings_.solver.threads));
    try {
      if (!result_.state.allFinite())
        throw SolverError(Status::not_finite, "the initial state is not finite", "");
      stepper_->start(0, result_.state);
      if (!found_at_rest()) follow();
    } catch (const SolverError& error) {
      fail(error.status(), error.what() + (error.advice().empty() ? "" : "; " + error.advice()));
      result_.state = stepper_->state();
    }
    result_.method = stepper_->method();
    result_.linear = stepper_->linear();
    Statistics counts = stepper_->statistics();
    counts += result_.statistics;
    result_.statistics = counts;
    return std::move(result_);
  }

 private:
  /// A start may be at rest itself (the trivial state).
  bool found_at_rest() {
    system_.rhs(0, result_.state, slope_);
    return slope_.norm() <= rest_speed * size() && test(0);
  }

  void follow() {
    const auto began = Clock::now();
    double longest = infinity, tested_speed = infinity, tested_length = 0;
    while (stepper_->time() < settings_.longest) {
      if (interrupted_ && interrupted_()) return fail(Status::interrupted, "interrupted");
      if (stepper_->statistics().steps >= settings_.solver.max_steps)
        return fail(Status::step_budget, "solver.max_steps is used up");
      if (settings_.solver.max_wall_seconds > 0 &&
          std::chrono::duration<double>(Clock::now() - began).count() >
              settings_.solver.max_wall_seconds)
        return fail(Status::wall_budget, "solver.max_wall_seconds is used up");
      stepper_->step(settings_.longest, std::min(longest, saddle_limit_));
      const double t = stepper_->time(), length = t - stepper_->previous_time();
      result_.state = stepper_->state();
      system_.rhs(t, result_.state, slope_);
      const double speed = slope_.norm();
      const double rate = growth_rate(system_, t, result_.state, slope_, work_);
      longest = rate > 0 ? std::max(growth_fraction / rate, 1e-8 * t) : infinity;
      if (speed > 1e3 * tested_speed) {
        // Away from where it was looked at last.
        saddle_limit_ = tested_speed = infinity;
        tested_length = 0;
        was_marginal_ = false;
      }
      if (system_.pieces() != nullptr && stands_on_kinks(t, speed)) return;
      // Steps that end at kinks at once tell nothing.
      if (length <= 1e-9 * t) continue;
      // What a step of this length moves: the distance to rest, but for modes slower than it.
      const bool near = speed * std::min(length, 1e300) <= settings_.tolerance * size() ||
                        speed <= rest_speed * size();
      const bool anew = length > 4 * tested_length || speed < 0.1 * tested_speed;
      const bool again =
          saddle_limit_ < infinity && stepper_->statistics().steps >= next_saddle_look_;
      if (!(speed == 0 || (near && anew) || again)) continue;
      tested_speed = speed;
      tested_length = length;
      if (test(t)) return;
      if (stays_on_saddle(t)) return;
    }
    fail(Status::ok, "is not at rest by t = " + short_number(settings_.longest));
  }

  /// Is the flow settled at the state? Polishes it where it is.
  bool test(double t) {
    HessianModes modes(system_, t, result_.state);
    ++result_.statistics.linearisations;
    ++result_.statistics.factorisations;
    if (modes.unstable() > 0 && system_.pieces() != nullptr && held_by_kinks(t, modes))
      modes.set_unstable_aside();
    note(modes);
    if (modes.unstable() > 0) {
      saddle_limit_ = growth_fraction / modes.growth();
      next_saddle_look_ = stepper_->statistics().steps + steps_between_saddle_looks;
      if (saddle_since_ < 0) saddle_since_ = t;
      return false;
    }
    saddle_limit_ = infinity;
    saddle_since_ = -1;
    const double flat = modes.flat_part(slope_) / size();
    const bool marginal = flat > symmetric_speed;
    const Vector step = modes.solve(force());
    result_.rest_distance = step.norm() / size();
    if (!(result_.rest_distance <= settings_.tolerance) || flat > rest_speed) {
      was_marginal_ = marginal;
      return false;
    }
    polish(t, modes);
    result_.time = t;
    const bool stays = was_marginal_ && flat > 1e-3 * symmetric_speed;
    result_.rest = marginal || stays ? Rest::marginal : Rest::settled;
    return true;
  }

  /// Where several kinks meet, the flow may come to rest although it moves in every piece around:
  /// it goes to and fro between them. At rest is what has stayed within the tolerance while the
  /// speed of its pieces would have taken it a thousand times as far.
  bool stands_on_kinks(double t, double speed) {
    if (stepper_->statistics().steps < next_look_) return false;
    next_look_ = stepper_->statistics().steps + steps_between_looks;
    const double allowed = settings_.tolerance * size();
    const bool stands = looked_state_.size() > 0 &&
                        (result_.state - looked_state_).norm() <= allowed &&
                        (t - looked_time_) * speed >= 1e3 * allowed;
    if (stands) {
      result_.time = t;
      result_.rest = Rest::settled;
      result_.rest_distance = (result_.state - looked_state_).norm() / size();
      HessianModes modes(system_, t, result_.state);
      modes.set_unstable_aside();
      note(modes);
    }
    looked_state_ = result_.state;
    looked_time_ = t;
    return stands;
  }

  /// A mode that grows in the smooth piece at rest need not grow in the flow: it may lead over a
  /// kink at once, beyond which the flow comes back (a dead neuron at 0 grows only within the cone
  /// of its own activations). Looks at the flow a little way along each mode, to both sides, in the
  /// piece that is there.
  bool held_by_kinks(double t, const HessianModes& modes) {
    const double reach = 1e-7 * size();
    Vector moved(slope_.size()), slope(slope_.size());
    bool held = true;
    for (Index k = 0; k < modes.unstable() && held; ++k)
      for (const double side : {1.0, -1.0}) {
        const Vector mode = side * modes.unstable_mode(k);
        moved = result_.state + reach * mode;
        system_.pieces()->enter(t, moved, true);
        system_.rhs(t, moved, slope);
        if (mode.dot(slope) > 0.1 * modes.growth() * reach) held = false;
      }
    // Back into the piece of the state.
    stepper_->start(t, result_.state);
    result_.state = stepper_->state();
    system_.rhs(t, result_.state, slope_);
    return held;
  }

  /// Newton steps with the modes at hand, as long as they bring the state nearer to rest.
  void polish(double t, HessianModes& modes) {
    const Vector origin = result_.state;
    Vector best = origin;
    double least = slope_.norm();
    for (int k = 0; k < most_newton_steps && least > 0; ++k) {
      const Vector step = modes.solve(force());
      ++result_.statistics.solves;
      result_.state += step;
      if (!((result_.state - origin).norm() <= 2 * settings_.tolerance * size())) break;
      system_.rhs(t, result_.state, slope_);
      const double speed = slope_.norm();
      if (!(speed < least)) break;
      const bool slow = speed > 0.5 * least;
      least = speed;
      best = result_.state;
      result_.rest_distance = step.norm() / size();
      if (slow) break;
    }
    result_.state = best;
    system_.rhs(t, result_.state, slope_);
    result_.rest_distance = modes.solve(force()).norm() / size();
    if (result_.state != origin) {
      HessianModes there(system_, t, result_.state);
      ++result_.statistics.linearisations;
      ++result_.statistics.factorisations;
      note(there);
    }
  }

  void note(HessianModes& modes) {
    result_.lowest_eigenvalue = modes.lowest();
    result_.unstable_modes = modes.unstable();
    result_.flat_modes = modes.flat();
    result_.inverse_form = modes.inverse_form(result_.state);
  }

  /// A saddle that is not left although any disturbance would have grown by all that a double can.
  bool stays_on_saddle(double t) {
    if (saddle_since_ < 0 || result_.unstable_modes == 0) return false;
    if ((t - saddle_since_) * -result_.lowest_eigenvalue < saddle_exponent) return false;
    fail(Status::saddle_unresolved,
         "stays at a saddle of whose growing mode the state holds nothing; a larger "
         "sweep.perturbation leaves it");
    return true;
  }

  /// -grad E, where slope_ is G^{-1} of it.
  Vector force() {
    if (metric_.size() == 0) metric_ = metric_diagonal(system_, result_.state);
    return metric_.cwiseProduct(slope_);
  }

  double size() const { return std::max(1.0, result_.state.norm()); }

  void fail(Status status, const std::string& message) {
    result_.failure = status;
    result_.message = message;
    result_.time = stepper_->time();
  }

  System& system_;
  const SettleSettings& settings_;
  const std::function<bool()>& interrupted_;
  std::unique_ptr<Stepper> stepper_;
  Vector slope_, work_, metric_;
  Settled result_;
  double saddle_limit_ = infinity;  ///< longest step while a saddle is being left
  std::int64_t next_saddle_look_ = 0;
  double saddle_since_ = -1;
  bool was_marginal_ = false;  ///< at the last test
  // Of flows with kinks: the state some steps ago.
  std::int64_t next_look_ = 0;
  Vector looked_state_;
  double looked_time_ = 0;
};

}  // namespace

Settled settle(System& system, const SettleSettings& settings, ConstVectorRef y0,
               const std::function<bool()>& interrupted) {
  return Settling(system, settings, y0, interrupted).run();
}

}  // namespace gradflow
