#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "flow/inertial_flow.hpp"
#include "solve/condition.hpp"
#include "solve/energy_identity.hpp"
#include "solve/integration_control.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

/// One call of `integrate`: the run, and what is to be said of it afterwards.
class Integration {
 public:
  /// All of these are there until the run has ended.
  Integration(System& system, Stepper& stepper, const SolverSettings& settings, ConstVectorRef y0,
              const IntegrationControl& control);
  /// Once.
  Outcome run();

 private:
  using Clock = std::chrono::steady_clock;

  // The run.
  void begin();
  /// Goes on from the state that is kept of this run, where there is one.
  void resume();
  /// False, with the reason in the outcome, where a budget is used up or the run is interrupted.
  bool may_go_on();
  void step();
  /// The longest next step, by the growth at the present state (whose derivative is `slope_`).
  void guard_saddle();
  /// Samples within the last step. False where the run ends early there.
  bool take_samples();
  /// A last sample where no more are to come.
  void end_at(double t);
  bool has_landed() const;
  /// Goes on as a run would that was cut here, where this is asked for.
  void land();
  /// The state of the run after a step.
  void exchange(Archive& archive);
  void take_state(Archive& archive);
  /// A run that is at its start has no state worth keeping.
  bool can_resume() const { return stepper_.can_resume() && stepper_.statistics().steps > 0; }
  void conclude();

  // What is found out at its end: each sets a status or warns.
  void check_energy();
  void check_accumulated_errors();
  void check_start();
  void check_saddle();
  void check_rounding_of_inertial_flow();
  void check_condition();

  bool is_ok() const { return outcome_.status == Status::ok; }
  void fail(Status status, const std::string& reason, const std::string& advice);
  void warn(std::int32_t warning, const std::string& text);
  double seconds_of_this_call() const {
    return std::chrono::duration<double>(Clock::now() - began_).count();
  }
  double elapsed() const { return outcome_.t_end - control_.times.front(); }

  const Clock::time_point began_ = Clock::now();
  System& system_;
  Stepper& stepper_;
  const SolverSettings& settings_;
  ConstVectorRef y0_;
  const IntegrationControl& control_;
  const bool descent_, watch_energy_, watch_saddles_;
  InertialFlow* const inertial_;  ///< the system, where it has inertia and is not iterated
  Outcome outcome_;
  Vector sampled_, slope_, work_;
  EnergyIdentity energy_;
  std::optional<Condition> condition_;
  CheckpointKeeper keeper_;

  std::size_t next_ = 0;           ///< of the times
  std::size_t next_at_state_ = 0;  ///< the same at the last state that was taken
  std::size_t landed_ = 0;         ///< on so many of the landings
  double curvature_ = 0;           ///< largest |growth rate|
  double longest_ = std::numeric_limits<double>::infinity();  ///< of the next step
  bool grew_ = false;
  bool started_ = false;
  std::optional<double> early_end_;
  double seconds_before_ = 0;  ///< of earlier calls
  double hidden_ = 0;          ///< `hidden_deviation` of the start
  bool unresolved_ = false;    ///< it is below what the tolerances resolve
};

}  // namespace gradflow
