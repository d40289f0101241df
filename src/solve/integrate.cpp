#include "solve/integrate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "numerics/bracketed_zero.hpp"
#include "numerics/parallel.hpp"
#include "numerics/short_number.hpp"
#include "solve/condition.hpp"
#include "solve/energy_identity.hpp"
#include "solve/saddle.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {
namespace {

using Clock = std::chrono::steady_clock;

/// Steps are capped at this fraction of the growth time while the flow moves away from a saddle: an
/// L-stable method damps a growing mode once h times its rate is large, without its error estimate
/// noticing.
constexpr double growth_fraction = 0.25;

/// Of a state's size, what it may hold of a growing mode by rounding alone.
constexpr double rounding = 1e-14;

/// A decade's defect above this is reported. Quadrature and interpolation leave less than 1e-2 of
/// it at rtol = 1e-4 on the smooth models.
constexpr double reported_defect = 0.05;

/// In units of the tolerances, what the estimated errors of all steps may add up to.
constexpr double most_accumulated = 1000;

/// An error of this share of the state is one that the result shows.
constexpr double spoiled = 0.1;

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

SolverSettings tightened(SolverSettings settings, ConstVectorRef y0) {
  settings = tightened_to_size(std::move(settings), y0);
  const double rms = root_mean_square(y0);
  // Below the rounding of the others there is no step to be had.
  const double hidden = hidden_deviation(y0);
  if (hidden > 0) settings.atol = std::min(settings.atol, std::max(1e-3 * hidden, 1e-16 * rms));
  return settings;
}

SolverSettings tightened(System& system, SolverSettings settings, ConstVectorRef y0) {
  settings = tightened(std::move(settings), y0);
  if (!settings.saddle_guard || !knows_saddles(system)) return settings;
  const GrowingMode mode = fastest_growing_mode(system, 0, y0);
  if (!(mode.rate > resolved_growth * mode.fastest)) return settings;
  // The mode has length one in the system's metric; tolerances are of entries.
  const double deviation = mode.amplitude * mode.mode.cwiseAbs().maxCoeff();
  if (deviation > rounding * y0.cwiseAbs().maxCoeff())
    settings.atol = std::min(settings.atol, 1e-3 * deviation);
  return settings;
}

Outcome integrate(System& system, Stepper& stepper, const SolverSettings& settings,
                  ConstVectorRef y0, const IntegrationControl& control) {
  const auto began = Clock::now();
  const LoopThreads threads(static_cast<int>(settings.threads));
  Outcome outcome;
  const std::vector<double>& times = control.times;
  const double end = times.back();
  Vector sampled(system.dimension()), slope(system.dimension()), work(system.dimension());
  std::size_t next = 0;
  const bool descent = stepper.grid_step() > 0;
  const bool watch_energy = system.has_energy() && !descent;
  EnergyIdentity energy(system, settings, times.size() > 1 ? times[1] : 1);
  const bool watch_saddles = settings.saddle_guard && watch_energy && system.has_saddles();
  double curvature = 0;
  double longest = std::numeric_limits<double>::infinity();
  bool grew = false;
  std::optional<Condition> condition;
  if (settings.condition && watch_energy && system.has_condition())
    condition.emplace(system, settings);

  outcome.method = stepper.method();
  const auto fail = [&](Status status, const std::string& reason, const std::string& advice) {
    outcome.status = status;
    outcome.message = stepper.method() + " at t = " + short_number(stepper.time()) + ": " + reason +
                      (advice.empty() ? "" : "; " + advice);
  };
  const auto warn = [&](auto warning, const std::string& text) {
    outcome.warnings |= warning;
    outcome.message += (outcome.message.empty() ? "" : "; ") + text;
  };
  bool started = false;
  std::optional<double> early_end;
  double seconds_before = 0;  // of earlier calls
  const auto seconds = [&] {
    return seconds_before + std::chrono::duration<double>(Clock::now() - began).count();
  };
  const auto exchange = [&](Archive& archive) {
    double all = seconds();
    archive("wall_seconds", all);
    if (archive.reading()) seconds_before += all - seconds();
    archive("next", next);
    archive("curvature", curvature);
    archive("grew", grew);
    archive("longest", longest);
    if (auto* remembers = dynamic_cast<Resumable*>(&system)) archive.part("system", *remembers);
    archive.part("stepper", stepper);
    if (watch_energy) archive.part("energy", energy);
    if (condition) archive.part("condition", *condition);
    for (std::size_t k = 0; k < control.beside.size(); ++k)
      archive.part("beside" + std::to_string(k), *control.beside[k]);
  };
  std::size_t next_at_state = 0;
  CheckpointKeeper keeper(
      control.checkpoints,
      [&](Archive& archive) {
        exchange(archive);
        next_at_state = next;
        // For whoever asks no more than how far it came.
        double reached = stepper.time();
        Vector state = stepper.state();
        archive("end_time", reached);
        archive("final_state", state);
      },
      [&](Archive& archive) {
        if (control.recorded) control.recorded(archive, next_at_state);
      });
  /// A run that is at its start has no state worth keeping.
  const auto can_resume = [&] { return stepper.can_resume() && stepper.statistics().steps > 0; };
  std::size_t landed = 0;  // on so many of the landings
  const auto has_landed = [&] {
    return landed < control.landings.size() &&
           control.landings[landed] <= stepper.time() + 0.5 * stepper.grid_step();
  };
  const auto land = [&] {
    if (!has_landed()) return;
    ++landed;
    Archive out;
    exchange(out);
    Archive in(std::move(out).take());
    exchange(in);
  };
  /// A last sample where no more are to come.
  const auto end_at = [&](double t) {
    if (t == stepper.time())
      sampled = stepper.state();
    else
      stepper.interpolate(t, sampled);
    outcome.final_state = sampled;
    system.correct(t, sampled);
    // Where a sample was due at this very state it is there already.
    if (next == 0 || t - times[next - 1] > 0.5 * stepper.grid_step())
      control.sample(next, t, sampled);
    early_end = t;
    outcome.stopped_early = true;
  };

  try {
    if (!y0.allFinite())
      throw SolverError(Status::not_finite, "the initial state is not finite", "");
    // Pieces of a ReLU network and noise keep to no symmetry.
    if (system.pieces() == nullptr && !system.stochastic())
      stepper.keep_to(InvariantSubspace::around(system, y0));
    stepper.start(times.front(), y0);
    started = true;
    if (condition) condition->start(times.front(), y0);
    control.sample(next, times[next], y0);
    ++next;
    if (watch_energy) energy.start(times.front(), y0);
    if (watch_saddles) {
      system.rhs(times.front(), y0, slope);
      const double rate = growth_rate(system, times.front(), y0, slope, work);
      curvature = std::abs(rate);
      if (rate > 0) longest = growth_fraction / rate;
    }

    for (const auto& level : control.level)
      if (!early_end && level(times.front(), y0) <= 0) end_at(times.front());
    if (control.checkpoints != nullptr && !early_end)
      if (auto state = control.checkpoints->find(); state && !is_at_end(*state, times.size())) {
        Archive archive(*std::move(state));
        exchange(archive);
        if (control.recorded) control.recorded(archive, next);
        while (has_landed()) ++landed;
      }
    while (next < times.size() && !early_end) {
      if (stepper.statistics().steps >= settings.max_steps) {
        fail(Status::step_budget,
             "solver.max_steps = " + std::to_string(settings.max_steps) + " steps are used up",
             descent ? "raise it, or lower time.end" : "raise it, or loosen solver.rtol");
        break;
      }
      if (settings.max_wall_seconds > 0 &&
          std::chrono::duration<double>(Clock::now() - began).count() > settings.max_wall_seconds) {
        keeper.interrupt(can_resume());
        fail(Status::wall_budget, "solver.max_wall_seconds is used up", "raise it");
        break;
      }
      if (control.interrupted && control.interrupted()) {
        keeper.interrupt(can_resume());
        fail(Status::interrupted, "interrupted", "");
        break;
      }
      if (control.progress) control.progress(stepper.time(), stepper.statistics().steps);
      keeper.offer(can_resume(), stepper.resumes_anywhere());
      stepper.step(landed < control.landings.size() ? control.landings[landed] : end, longest);

      if (watch_energy) {
        stepper.interpolate_derivative(stepper.time(), slope);
        if (watch_saddles) {
          double rate = growth_rate(system, stepper.time(), stepper.state(), slope, work);
          if (condition) rate = condition->resolved(rate);
          curvature = std::max(curvature, std::abs(rate));
          // A rate beyond the resolution of t is a blow-up, not a saddle: that is the solver's to
          // tell.
          grew = grew || rate > 0;
          longest = rate > 0 ? std::max(growth_fraction / rate, 1e-8 * stepper.time())
                             : std::numeric_limits<double>::infinity();
        }
        energy.accept(stepper, curvature, slope.norm());
      }
      if (condition) condition->accept(stepper);

      // Where the run ends within this step; an iterate has no states before it.
      std::optional<double> ended;
      for (const auto& level : control.level)
        if (level(stepper.time(), stepper.state()) <= 0) {
          const double t = descent ? stepper.time() : crossing(stepper, level, sampled);
          ended = std::min(ended.value_or(t), t);
        }
      // Half a step of slack: an iterate belongs to the sample nearest to it.
      const double slack = 0.5 * stepper.grid_step();
      const double reached = ended.value_or(stepper.time() + slack);
      while (next < times.size() && times[next] <= reached) {
        stepper.interpolate(times[next], sampled);
        system.correct(times[next], sampled);
        control.sample(next, times[next], sampled);
        ++next;
      }
      if (next < times.size() && system.at_singular_point()) {
        end_at(stepper.time());
        warn(singular_point_reached,
             "a singular point of the manifold of minimisers is reached at " +
                 short_number(stepper.time()) + ": the flow is not defined beyond");
        break;
      }
      if (ended && next < times.size()) {
        end_at(*ended);
        break;
      }
      if (next < times.size() && control.stop && control.stop(stepper.time(), stepper.state())) {
        end_at(stepper.time());
        break;
      }
      land();
    }
    if (outcome.status == Status::ok && !early_end) keeper.end();
    if (condition) condition->finish(stepper);
  } catch (const SolverError& error) {
    // Steps that shrink to nothing while the state grows without bound are a blow-up in finite
    // time.
    const bool grown = started && error.status() == Status::step_underflow &&
                       stepper.state().norm() > 1e8 * std::max(1.0, y0.norm());
    if (grown)
      fail(Status::not_finite, "the state grows without bound", "the flow blows up in finite time");
    else
      fail(error.status(), error.what(), error.advice());
  }

  outcome.t_end = early_end ? *early_end : started ? stepper.time() : times.front();
  outcome.statistics = stepper.statistics();
  outcome.method = stepper.method();
  outcome.linear = stepper.linear();
  if (!early_end) outcome.final_state = started ? stepper.state() : Vector(y0);
  if (outcome.status == Status::ok) system.correct(outcome.t_end, outcome.final_state);
  outcome.wall_seconds = seconds();
  if (watch_energy && outcome.t_end > times.front()) {
    energy.finish();
    outcome.energy = energy.decades();
    outcome.worst_energy_defect = energy.worst_defect();
    if (energy.rise() > 0 && outcome.status == Status::ok)
      fail(Status::energy_rise,
           "the energy rose by " + short_number(energy.rise()) + " of its range at t = " +
               short_number(energy.rise_time()) + ", which no gradient flow does",
           "lower solver.rtol and solver.atol");
    else if (outcome.status == Status::ok && outcome.worst_energy_defect > reported_defect) {
      warn(energy_defect_high,
           "the energy identity is off by " + short_number(outcome.worst_energy_defect) +
               " of the drop in one decade of t; lower solver.rtol and solver.atol");
    }
  }
  if (condition && started) outcome.amplification = condition->amplification();
  auto* const inertial = descent ? nullptr : dynamic_cast<InertialFlow*>(&system);
  // What the flow itself makes of an error is not the method's. An inertial flow is not watched on
  // its way: what it leaves a saddle by at its start is an estimate from above.
  const double accumulated = started ? stepper.accumulated_error() : 0;
  double amplified = outcome.amplification ? outcome.amplification->largest : 1;
  if (inertial != nullptr && accumulated > most_accumulated)
    amplified = std::exp(fastest_growing_mode(system, times.front(), y0).rate *
                         (outcome.t_end - times.front()));
  if (outcome.status == Status::ok && accumulated > most_accumulated * amplified) {
    const std::string text =
        "the estimated errors of its steps, each within the tolerance, add up to " +
        short_number(accumulated * settings.rtol) +
        " of the state: the slow flow is beyond this method's range";
    if (accumulated * settings.rtol > spoiled)
      fail(Status::no_convergence, text, "take solver.method = \"cvode\"");
    else
      warn(sensitive, text + "; take solver.method = \"cvode\"");
  }
  const double hidden = hidden_deviation(y0);
  const bool unresolved = hidden > 0 && hidden < 100 * settings.atol;
  if (unresolved && inertial != nullptr)
    grew = fastest_growing_mode(system, times.front(), y0).rate > 0;
  if (outcome.status == Status::ok && grew && unresolved)
    warn(tolerance_coarse_for_saddle,
         "the start has entries of " + short_number(hidden) +
             ", which atol = " + short_number(settings.atol) +
             " does not resolve: a saddle that they leave is left late, early, or to the wrong "
             "side; start from larger ones");
  if (outcome.status == Status::ok && knows_saddles(system) && !descent &&
      outcome.t_end > times.front()) {
    // At rest although a mode would have grown by many orders within the run: a saddle. Of a mode
    // of which the state holds no more than rounding, the exact flow has none either, and stays;
    // one below the tolerance, or without the guard, may have been damped.
    const GrowingMode mode = fastest_growing_mode(system, outcome.t_end, outcome.final_state);
    const double elapsed = outcome.t_end - times.front();
    const bool holds_nothing = settings.saddle_guard && !unresolved &&
                               mode.amplitude <= rounding * outcome.final_state.norm();
    // From rounding to the size of the state; where the growth is not known, and a symmetry keeps
    // the run where it is, within the run's own time.
    const bool kept = holds_nothing && inertial != nullptr && stepper.subspace();
    const bool grown =
        mode.rate * elapsed > (kept ? 1 : -std::log(rounding)) ||
        (mode.rate > 0 && outcome.amplification && outcome.amplification->to_end > 1 / rounding);
    if (grown && mode.rate > resolved_growth * mode.fastest &&
        mode.amplitude <= std::max(settings.atol, rounding * outcome.final_state.norm())) {
      const std::string where =
          "the run ends at a saddle with a growth rate of " + short_number(mode.rate);
      if (holds_nothing) {
        warn(stays_on_saddle,
             where +
                 ", of whose mode the state holds nothing: the exact flow stays there too; "
                 "other initial values leave it");
      } else {
        fail(Status::saddle_unresolved,
             where + (settings.saddle_guard
                          ? ", of whose mode the state holds " + short_number(mode.amplitude) +
                                ", less than the tolerance"
                          : " and solver.saddle_guard is off"),
             settings.saddle_guard ? "lower solver.atol" : "switch it on, or lower solver.atol");
      }
    }
  }
  // An inertial flow has no condition; of one whose start rests on a saddle this is known.
  if (outcome.status == Status::ok && inertial != nullptr && settings.condition &&
      (outcome.warnings & stays_on_saddle) == 0 &&
      rounding_leaves(*inertial, y0, outcome.t_end - times.front(), rounding))
    fail(Status::rounding_decides,
         "the start rests on a saddle, up to rounding: rounding errors decide when and to which "
         "side it is left",
         "other initial values do not leave it to rounding");
  if (condition && started) {
    const GrownError& rounded = condition->rounding();
    const GrownError &relative = condition->relative_tolerance(),
                     &absolute = condition->absolute_tolerance();
    const GrownError& tolerated = absolute.size > relative.size ? absolute : relative;
    // On a saddle of whose mode the state holds nothing rounding has decided nothing.
    const bool stays = (outcome.warnings & stays_on_saddle) != 0;
    if (outcome.status == Status::ok && !stays && rounded.size > spoiled)
      fail(Status::rounding_decides,
           "at t = " + short_number(rounded.time) +
               " rounding errors have grown to the size of the state (the flow amplifies "
               "disturbances by " +
               short_number(outcome.amplification->largest) + "): they decide where the run ends",
           "other initial values, farther from what the flow leaves there, do not leave it to "
           "rounding");
    else if (outcome.status == Status::ok && !stays && tolerated.size > spoiled)
      warn(sensitive,
           "errors of the tolerances may have grown to " + short_number(tolerated.size) +
               " of the state at t = " + short_number(tolerated.time) +
               " (the flow amplifies disturbances by " +
               short_number(outcome.amplification->largest) + "); lower " +
               (&tolerated == &absolute ? "solver.atol" : "solver.rtol and solver.atol"));
  }
  return outcome;
}

Outcome integrate(System& system, const SolverSettings& settings, ConstVectorRef y0,
                  const IntegrationControl& control) {
  const SolverSettings used = tightened(system, settings, y0);
  const std::unique_ptr<Stepper> stepper = make_stepper(system, used);
  return integrate(system, *stepper, used, y0, control);
}

}  // namespace gradflow
