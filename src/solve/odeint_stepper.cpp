#include <boost/numeric/odeint/util/bind.hpp>  // 1.74: used but not included by the next
#include <boost/numeric/odeint/util/unwrap_reference.hpp>

#include <boost/numeric/odeint/stepper/dense_output_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation.hpp>
#include <boost/numeric/odeint/stepper/rosenbrock4.hpp>
#include <boost/numeric/odeint/stepper/rosenbrock4_controller.hpp>
#include <boost/numeric/odeint/stepper/rosenbrock4_dense_output.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <boost/numeric/ublas/matrix.hpp>
#include <boost/numeric/ublas/vector.hpp>
#include <cmath>

#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

namespace odeint = boost::numeric::odeint;
namespace ublas = boost::numeric::ublas;

template <class State>
Eigen::Map<const Vector> view(const State& x) {
  return {&x[0], static_cast<Index>(x.size())};
}
template <class State>
Eigen::Map<Vector> view(State& x) {
  return {&x[0], static_cast<Index>(x.size())};
}

/// What dopri5 and rosenbrock4 share: odeint's dense-output steppers have one interface.
/// Their first step is the time scale |y|/|rhs| times rtol^(1/5), as in Hairer, Norsett and
/// Wanner II.4 without its second evaluation; the controller mends what is off.
template <class Derived, class State>
class OdeintStepper : public Stepper {
 public:
  OdeintStepper(System& system, const SolverSettings& settings)
      : system_(system),
        settings_(settings),
        state_(system.dimension()),
        slope_(system.dimension()),
        work_(static_cast<std::size_t>(system.dimension())) {}

  void start(double t0, ConstVectorRef y0) override {
    time_ = previous_ = t0;
    state_ = y0;
    view(work_) = y0;
    slope_is_counted_ = false;
    Vector slope(y0.size());
    system_.rhs(t0, y0, slope);
    ++statistics_.rhs_evaluations;
    const double scale = settings_.atol + settings_.rtol * y0.norm();
    const double speed = slope.norm();
    step_ = speed > 0 ? 0.01 * std::max(y0.norm(), scale) / speed : 1e-6;
    step_ *= std::pow(settings_.rtol, 0.2);
    self().initialise(work_, t0, step_);
  }

  void step(double t_stop, double longest) override {
    const double most = std::min(t_stop - time_, longest);
    if (!(time_ + most > time_))
      throw SolverError(Status::step_underflow, "t + h = t", "shorten time.end");
    // odeint proposes the next step itself; where that is too long it is started anew with the
    // shorter one, which costs one evaluation (the methods have no memory).
    if (self().next_step() > most) {
      view(work_) = state_;
      self().initialise(work_, time_, most);
      slope_is_counted_ = false;
    }
    if (slope_is_counted_) --statistics_.rhs_evaluations;
    slope_is_counted_ = false;
    previous_ = time_;
    try {
      time_ = self().advance(rhs_);
    } catch (const std::exception&) {
      throw SolverError(Status::no_convergence, "the step was rejected again and again",
                        "the problem may be stiff: try solver.method = \"cvode\"");
    }
    if (!(time_ > previous_))
      throw SolverError(Status::step_underflow, "t + h = t",
                        "the problem is stiff: try solver.method = \"cvode\"");
    // The controller may have grown past what was allowed: keep to the allowed time.
    self().evaluate(time_, work_);
    state_ = view(work_);
    if (!state_.allFinite())
      throw SolverError(Status::not_finite, "the state is not finite",
                        "the flow may blow up in finite time; check data and initial values");
    ++statistics_.steps;
  }

  void exchange(Archive& archive) override {
    archive("time", time_);
    archive("state", state_);
    // The dense output at the step's end, which `state` is, may differ from it by a rounding.
    Vector end(state_.size());
    double step = 0;
    if (!archive.reading()) {
      end = view(self().current_state());
      step = self().next_step();
    }
    archive("end_of_step", end);
    archive("step", step);
    archive.part("statistics", statistics_);
    self().exchange_controller(archive);
    if (!archive.reading()) return;
    previous_ = time_;
    view(work_) = end;
    self().initialise(work_, time_, step);
    slope_is_counted_ = self().keeps_slope();
  }

  double time() const override { return time_; }
  double previous_time() const override { return previous_; }
  const Vector& state() const override { return state_; }
  void interpolate(double t, VectorRef y) override {
    self().evaluate(t, work_);
    y = view(work_);
  }
  void interpolate_derivative(double t, VectorRef ydot) override {
    self().evaluate(t, work_);
    rhs(view(work_), ydot, t);
  }
  const Statistics& statistics() override { return statistics_; }

 protected:
  Derived& self() { return static_cast<Derived&>(*this); }

  struct Rhs {
    OdeintStepper* self;
    void operator()(const State& x, State& dxdt, double t) const {
      auto out = view(dxdt);
      self->rhs(view(x), out, t);
    }
  };

  /// By way of vectors of our own: odeint's memory is not aligned alike from run to run, and bits
  /// depend on that.
  void rhs(ConstVectorRef x, VectorRef dxdt, double t) {
    point_ = x;
    system_.rhs(t, point_, slope_);
    keep(slope_);
    dxdt = slope_;
    ++statistics_.rhs_evaluations;
  }

  System& system_;
  SolverSettings settings_;
  Vector state_, point_, slope_;
  State work_;
  Rhs rhs_{this};
  double time_ = 0, previous_ = 0, step_ = 0;
  /// The next step evaluates the slope at its start anew, which the last one ended with.
  bool slope_is_counted_ = false;
  Statistics statistics_;
};

class Dopri5Stepper final : public OdeintStepper<Dopri5Stepper, std::vector<double>> {
 public:
  using Method = odeint::runge_kutta_dopri5<std::vector<double>>;
  Dopri5Stepper(System& system, const SolverSettings& settings)
      : OdeintStepper(system, settings),
        dense_(odeint::make_dense_output(settings.atol, settings.rtol, Method())) {}
  void initialise(const std::vector<double>& x, double t, double h) { dense_.initialize(x, t, h); }
  double next_step() const { return dense_.current_time_step(); }
  double advance(const Rhs& rhs) { return dense_.do_step(rhs).second; }
  void evaluate(double t, std::vector<double>& x) { dense_.calc_state(t, x); }
  const std::vector<double>& current_state() const { return dense_.current_state(); }
  static bool keeps_slope() { return true; }
  void exchange_controller(Archive&) {}  // it has no memory
  std::string method() const override { return "dopri5"; }

 private:
  decltype(odeint::make_dense_output(0.0, 0.0, Method())) dense_;
};

/// Odeint's controller with what it remembers of the last step within reach.
class Rosenbrock4Controller final
    : public odeint::rosenbrock4_controller<odeint::rosenbrock4<double>> {
 public:
  using rosenbrock4_controller::rosenbrock4_controller;
  void exchange(Archive& archive) {
    archive("first_step", m_first_step);
    archive("error", m_err_old);
    archive("step", m_dt_old);
    archive("rejected", m_last_rejected);
  }
};

class Rosenbrock4Stepper final : public OdeintStepper<Rosenbrock4Stepper, ublas::vector<double>> {
 public:
  Rosenbrock4Stepper(System& system, const SolverSettings& settings)
      : OdeintStepper(system, settings),
        controller_(settings.atol, settings.rtol),
        dense_(boost::ref(controller_)) {}
  void initialise(const ublas::vector<double>& x, double t, double h) {
    dense_.initialize(x, t, h);
  }
  double next_step() const { return dense_.current_time_step(); }
  double advance(const Rhs& rhs) {
    const auto jacobian = [this](const ublas::vector<double>& x, ublas::matrix<double>& J, double t,
                                 ublas::vector<double>& dfdt) {
      const Index n = static_cast<Index>(x.size());
      Vector unit(n), column(n);
      point_ = view(x);
      for (Index j = 0; j < n; ++j) {
        unit = Vector::Unit(n, j);
        keep(unit);  // of the projected flow: across the subspace it stands still
        system_.jacobian_times(t, point_, unit, column);
        keep(column);
        for (Index i = 0; i < n; ++i)
          J(static_cast<std::size_t>(i), static_cast<std::size_t>(j)) = column[i];
      }
      for (std::size_t i = 0; i < x.size(); ++i) dfdt[i] = 0;
      ++statistics_.linearisations;
    };
    return dense_.do_step(std::make_pair(rhs, jacobian)).second;
  }
  void evaluate(double t, ublas::vector<double>& x) { dense_.calc_state(t, x); }
  const ublas::vector<double>& current_state() const { return dense_.current_state(); }
  static bool keeps_slope() { return false; }
  void exchange_controller(Archive& archive) { archive.part("controller", controller_); }
  std::string method() const override { return "rosenbrock4"; }
  std::string linear() const override { return "dense (uBLAS)"; }

 private:
  Rosenbrock4Controller controller_;
  odeint::rosenbrock4_dense_output<boost::reference_wrapper<Rosenbrock4Controller>> dense_;
};

}  // namespace

std::unique_ptr<Stepper> make_dopri5_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Dopri5Stepper>(system, settings);
}

std::unique_ptr<Stepper> make_rosenbrock4_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Rosenbrock4Stepper>(system, settings);
}

}  // namespace gradflow
