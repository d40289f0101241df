#pragma once

#include "numerics/long_vectors.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

/// What our one-step methods share: the control of the step, the states of its two ends, and
/// arithmetic by stretches that stay in the cache. A method gives its stages and its dense output.
///
/// Step control: the predictive controller of Gustafsson, as in Hairer and Wanner's RODAS (Solving
/// ODEs II, IV.8), on the root mean square of error / (atol + rtol max(|y0|, |y1|)).
class OneStepStepper : public Stepper {
 public:
  void start(double t0, ConstVectorRef y0) override;
  void step(double t_stop, double longest) final;
  void exchange(Archive& archive) final;
  bool move_to(double t, ConstVectorRef y) final;

  double time() const final { return time_; }
  double previous_time() const final { return previous_; }
  const Vector& state() const final { return state_; }
  const Statistics& statistics() final { return statistics_; }

 protected:
  /// Orders of the method and of its error estimate's lower one.
  OneStepStepper(System& system, const SolverSettings& settings, int order, int embedded_order);

  /// At the state, before the attempts at a step.
  virtual void prepare() = 0;
  /// What no step may be longer than.
  virtual double reach() const;
  /// y1 into next_ and the estimated error into error_. \returns its weighted norm; NaN where
  /// something is not finite, infinity where the attempt failed otherwise
  virtual double try_step(double h) = 0;
  virtual void rejected() {}
  /// y1 is the step's end; the state is still its beginning.
  virtual void accepted() {}
  /// slope_ <- f at the new state.
  virtual void renew_slope() { evaluate(time_, state_, slope_); }
  /// What a method keeps from step to step besides.
  virtual void exchange_own(Archive& archive) = 0;

  void evaluate(double t, ConstVectorRef y, VectorRef out);
  double weighted_norm(const Vector& v, const Vector& y0, const Vector& y1);

  /// visit(first entry, entries) for the stretches of the state, which the threads of the run share
  /// out.
  template <typename Visit>
  void for_stretches(const Visit& visit) const {
    long_vectors::for_stretches(state_.size(), visit);
  }

  System& system_;
  const SolverSettings settings_;
  double time_ = 0, previous_ = 0;
  double step_ = 0;       ///< to be tried next
  double step_used_ = 0;  ///< of the last one
  Vector state_, last_, slope_, next_, error_;
  Statistics statistics_;

 private:
  double first_step();

  const int order_;
  const double exponent_;
  double previous_error_ = 0, previous_step_ = 0;
};

}  // namespace gradflow
