#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "flow/newton_choice.hpp"
#include "numerics/long_vectors.hpp"
#include "numerics/memory.hpp"
#include "solve/method_choice.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"
#include "solve/sundials.hpp"
#include "solve/sundials_vector.hpp"

namespace gradflow {
namespace {

using sundials::make_context;
using sundials::silence;

/// Vectors of the state's size that CVODE takes, with some to spare (Adams' method of order 12).
constexpr double vectors = 32;
/// What it takes besides.
constexpr double sundials_bytes = 1 << 20;

Eigen::Map<Vector> map(N_Vector v) {
  return {N_VGetArrayPointer(v), static_cast<Index>(N_VGetLength(v))};
}

/// A run can only be cut where its history counts for nothing: SUNDIALS gives BDF's and Adams' away
/// to nobody. So the method begins anew every so many steps, whether the run is cut there or not,
/// and its result does not depend on that. A start costs some 20 evaluations (docs/solvers.md): of
/// 2000 steps about a hundredth. Steps that are dear begin anew sooner, after what takes some
/// minutes, for what is lost where a run is killed are the steps since; by the formulas' flops, so
/// that all machines do the same.
constexpr std::int64_t most_steps_between_starts = 2000, least_steps_between_starts = 200;
constexpr double flops_between_starts = 1e12;

/// What Newton's iteration may leave, of the error test's tolerance. A Gauss-Newton matrix
/// converges linearly; a tighter test than CVODE's costs iterations, which are cheap, and saves
/// steps, which are not. With a matrix of some steps ago it converges linearly whatever the matrix,
/// and what is left adds to the error.
constexpr double left_by_newton = 0.03, left_with_old_matrix = 0.003;

/// CVODE with its own Newton iteration and Jacobian-reuse logic, and our Newton matrix behind a
/// custom SUNMatrix and SUNLinearSolver. CVODE asks for M = I - gamma J as a whole (LinSysFn), so
/// the matrix object holds nothing.
class CvodeStepper final : public Stepper {
 public:
  CvodeStepper(System& system, const SolverSettings& settings, bool adams)
      : system_(system), settings_(settings), adams_(adams), state_(system.dimension()) {
    if (!adams_) {
      newton_ = choose_newton_matrix(system, settings, linear_);
      newton_->linearise_at_predictions();
    }
    if (newton_) steps_a_matrix_ = steps_of_a_matrix(system, newton_->offer());
    const NewtonCost cost = newton_ ? newton_->cost() : NewtonCost{};
    const double flops = cost.set_up_flops() / static_cast<double>(steps_a_matrix_) +
                         2 * cost.solve_flops + 3 * system.rhs_flops();
    steps_between_starts_ =
        static_cast<std::int64_t>(std::clamp(flops_between_starts / std::max(flops, 1.0),
                                             static_cast<double>(least_steps_between_starts),
                                             static_cast<double>(most_steps_between_starts)));
  }

  ~CvodeStepper() override {
    if (cvode_ != nullptr) CVodeFree(&cvode_);
    if (nonlinear_ != nullptr) SUNNonlinSolFree(nonlinear_);
    if (solver_ != nullptr) SUNLinSolFree(solver_);
    if (matrix_ != nullptr) SUNMatDestroy(matrix_);
    if (y_ != nullptr) N_VDestroy(y_);
    for (N_Vector view : views_) N_VDestroy(view);
    if (context_ != nullptr) SUNContext_Free(&context_);
  }
  CvodeStepper(const CvodeStepper&) = delete;
  CvodeStepper& operator=(const CvodeStepper&) = delete;

  void start(double t0, ConstVectorRef y0) override {
    sundials::finish_operations();  // none may write to the new state
    state_ = y0;
    time_ = previous_ = t0;
    watched_ = {};
    steps_since_start_ = 0;
    if (cvode_ != nullptr) {  // anew, from order 1; CVODE's own counts begin again
      earlier_ = statistics();
      CVodeReInit(cvode_, t0, y_);
      return;
    }
    // CVODE's vectors, of which Adams' method has most: refused one of them, it crashes.
    require_memory(sundials_bytes + 8.0 * vectors * static_cast<double>(state_.size()));
    context_ = make_context();
    y_ = N_VMake_Serial(state_.size(), state_.data(), context_);
    sundials::use_deferred_operations(y_);
    for (N_Vector& view : views_) view = N_VCloneEmpty(y_);
    cvode_ = CVodeCreate(adams_ ? CV_ADAMS : CV_BDF, context_);
    silence(cvode_);
    CVodeInit(cvode_, &CvodeStepper::rhs, t0, y_);
    CVodeSetUserData(cvode_, this);
    CVodeSStolerances(cvode_, settings_.rtol, settings_.atol);
    CVodeSetMaxNumSteps(cvode_, -1);  // the budget is ours and counts all steps
    CVodeSetMaxHnilWarns(cvode_, -1);
    CVodeSetMaxErrTestFails(cvode_, 15);
    CVodeSetNonlinConvCoef(cvode_, left_by_newton);
    CVodeSetMaxNonlinIters(cvode_, 5);
    if (adams_) {  // not stiff: functional iteration
      nonlinear_ = SUNNonlinSol_FixedPoint(y_, 0, context_);
      CVodeSetNonlinearSolver(cvode_, nonlinear_);
      return;
    }
    matrix_ = make_matrix();
    solver_ = make_solver();
    CVodeSetLinearSolver(cvode_, solver_, matrix_);
    CVodeSetLinSysFn(cvode_, &CvodeStepper::linear_system);
    CVodeSetJacEvalFrequency(cvode_, 1);  // with the factorisation of a step
    keep_matrices(steps_a_matrix_);
  }

  bool can_resume() const override {
    return steps_since_start_ == 0 || steps_since_start_ >= steps_between_starts_;
  }
  bool resumes_anywhere() const override { return false; }

  void exchange(Archive& archive) override {
    archive("time", time_);
    archive("state", state_);
    archive("linear", linear_);
    std::int64_t steps_a_matrix = steps_a_matrix_;
    archive("steps_a_matrix", steps_a_matrix);
    std::int64_t kind = static_cast<std::int64_t>(settings_.linear);
    archive("linear_kind", kind);
    Statistics all = statistics();
    archive.part("statistics", all);
    if (!archive.reading()) return;
    start(time_, state_);  // CVODE's own counts begin again
    statistics_ = earlier_ = all;
    steps_since_start_ = steps_between_starts_;  // the next step begins anew
    const auto used = static_cast<LinearKind>(kind);
    if (newton_ && used != settings_.linear) take_newton(used);
    if (newton_) keep_matrices(steps_a_matrix);
  }

  void step(double t_stop, double longest) override {
    if (steps_since_start_ >= steps_between_starts_) start(time_, state_);
    if (time_ + longest < t_stop) t_stop = time_ + longest;
    if (!(t_stop > time_)) {
      throw SolverError(
          Status::step_underflow, "the step allowed is below the resolution of t",
          "the flow's time scale is below the resolution of t there; shorten time.end");
    }
    CVodeSetStopTime(cvode_, t_stop);
    CVodeSetMaxStep(cvode_, std::isfinite(longest) ? longest : 0);
    previous_ = time_;
    sunrealtype reached = time_;
    const int flag = CVode(cvode_, heading(t_stop), y_, &reached, CV_ONE_STEP);
    if (flag < 0) fail(flag);
    if (!(reached > previous_) && saw_non_finite_)
      throw SolverError(Status::not_finite, "the right-hand side is not finite",
                        "the flow may blow up in finite time; check data and initial values");
    if (!(reached > previous_))
      throw SolverError(Status::step_underflow, "t + h = t",
                        "the time scale is below the resolution of t at this horizon");
    time_ = reached;
    ++steps_since_start_;
    saw_non_finite_ = false;  // of trials that this step has left behind
    if (newton_ && (steps_a_matrix_ > 1 || may_take_another())) watch_newton();
  }

  double time() const override { return time_; }
  double previous_time() const override { return previous_; }
  const Vector& state() const override {
    sundials::finish_operations();
    return state_;
  }

  void interpolate(double t, VectorRef y) override {
    derivative(t, 0, views_[0], y.data());
    sundials::finish_operations();
  }
  void interpolate_derivative(double t, VectorRef ydot) override {
    derivative(t, 1, views_[0], ydot.data());
    sundials::finish_operations();
  }
  void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) override {
    for (std::size_t k = 0; k < nodes; ++k) {
      derivative(t[k], 0, views_[2 * k], y.col(static_cast<Index>(k)).data());
      derivative(t[k], 1, views_[2 * k + 1], ydot.col(static_cast<Index>(k)).data());
    }
    sundials::finish_operations();  // all at once: BDF's history is read once
  }

  const Statistics& statistics() override {
    if (cvode_ == nullptr) return statistics_;  // not started
    long steps = 0, failures = 0, newton_failures = 0;
    CVodeGetNumSteps(cvode_, &steps);
    CVodeGetNumErrTestFails(cvode_, &failures);
    CVodeGetNumNonlinSolvConvFails(cvode_, &newton_failures);
    statistics_.steps = earlier_.steps + steps;
    statistics_.rejected_steps = earlier_.rejected_steps + failures;
    statistics_.newton_failures = earlier_.newton_failures + newton_failures;
    return statistics_;
  }
  double smooth(VectorRef v) override {
    if (!newton_ || !(gamma_ > 0)) return 0;
    sundials::finish_operations();
    smoothed_.resize(v.size());
    long_vectors::copy(v, smoothed_);
    // A direction is wanted, not digits.
    if (!newton_->solve(smoothed_, 0.1 * long_vectors::norm(v)) ||
        !long_vectors::all_finite(smoothed_))
      return 0;
    long_vectors::copy(smoothed_, v);
    return gamma_;
  }
  SmoothingMatrix smoothing_matrix() const override {
    if (!newton_ || !newton_->exact()) return SmoothingMatrix::approximate;
    return steps_a_matrix_ == 1 ? SmoothingMatrix::settled : SmoothingMatrix::exact;
  }
  std::string method() const override { return adams_ ? "cvode_adams" : "cvode"; }
  std::string linear() const override { return linear_; }
  const NewtonOffer* newton_offer() const override { return newton_ ? &newton_->offer() : nullptr; }

 private:
  /// Near rest, at steps far beyond 1/lambda, the curvature that a Gauss-Newton matrix leaves out
  /// is as large as what it has. The iteration then converges no more, and every other step is cut,
  /// for good; or it converges slowly, ends at what the tolerance lets pass, and that is taken for
  /// an error of the step, which never grows again. The exact matrix takes over.
  void watch_newton() {
    constexpr int window = 50, iterations_of_slow_convergence = 3;
    if (++watched_.steps < window) return;
    Watch now;
    CVodeGetNumNonlinSolvConvFails(cvode_, &now.failures);
    CVodeGetNumNonlinSolvIters(cvode_, &now.iterations);
    CVodeGetLastStep(cvode_, &now.step);
    const bool fails = now.failures - watched_.failures > window / 4;
    const bool stuck = now.step == watched_.step && now.iterations - watched_.iterations >
                                                        iterations_of_slow_convergence * window;
    watched_ = now;
    if (!fails && !stuck) return;
    if (steps_a_matrix_ > 1) return keep_matrices(1);  // it may be old matrices that converge so
    if (!may_take_another()) return;
    const auto kind = fallback_kind(system_);
    if (!kind) return;
    take_newton(*kind);
    std::ostringstream since;
    since << ", from t = " << time_ << " on " << linear_kind_name(*kind)
          << (fails ? " (Newton's iteration failed)" : " (Newton's iteration converged slowly)");
    linear_ += since.str();
  }
  bool may_take_another() const {
    return settings_.linear == LinearKind::automatic && !newton_->exact();
  }
  /// A matrix serves for so many steps, or until the step has changed by much.
  void keep_matrices(std::int64_t steps) {
    steps_a_matrix_ = steps;
    CVodeSetLSetupFrequency(cvode_, steps);
    CVodeSetNonlinConvCoef(cvode_, steps > 1 ? left_with_old_matrix : left_by_newton);
  }
  /// Another kind of Newton matrix, for good.
  void take_newton(LinearKind kind) {
    newton_ = system_.newton_matrix(kind);
    newton_->linearise_at_predictions();
    gamma_ = 0;
    settings_.linear = kind;
  }
  /// CVodeGetDky accepts [t - h_used, t] up to a rounding; keep t inside.
  double within(double t) const { return std::clamp(t, previous_, time_); }
  /// Order 0 or 1 into `out`, to be had after finish_operations.
  void derivative(double t, int order, N_Vector view, double* out) {
    N_VSetArrayPointer(out, view);
    CVodeGetDky(cvode_, within(t), order, view);
  }

  /// What CVODE is told to head for. It takes its first step from there, and where that is 1e30
  /// times the flow's own time scale, an end that nobody means to reach, from rounding: the first
  /// time it hears of that scale instead.
  double heading(double t_stop) {
    if (steps_since_start_ > 0) return t_stop;
    Vector slope(state_.size());
    system_.rhs(time_, state_, slope);
    ++statistics_.rhs_evaluations;
    const double speed = slope.norm();
    const double size = std::max(state_.norm(), settings_.atol / settings_.rtol);
    const double scale = 10 * size / speed;
    if (!(scale > 0) || !std::isfinite(scale)) return t_stop;
    return time_ + std::max(scale, 1e-6 * std::abs(time_));
  }

  static int rhs(sunrealtype t, N_Vector y, N_Vector ydot, void* self_pointer) {
    auto& self = *static_cast<CvodeStepper*>(self_pointer);
    ++self.statistics_.rhs_evaluations;
    auto out = map(ydot);
    self.system_.rhs(t, map(y), out);
    self.keep(out);
    if (!long_vectors::all_finite(out)) {
      self.saw_non_finite_ = true;
      return 1;  // recoverable: CVODE tries a smaller step
    }
    return 0;
  }

  static int linear_system(sunrealtype t, N_Vector y, N_Vector, SUNMatrix, sunbooleantype jok,
                           sunbooleantype* jcur, sunrealtype gamma, void* self_pointer, N_Vector,
                           N_Vector, N_Vector) {
    auto& self = *static_cast<CvodeStepper*>(self_pointer);
    if (!jok) {
      self.newton_->linearise(t, map(y));
      ++self.statistics_.linearisations;
    }
    *jcur = jok ? SUNFALSE : SUNTRUE;
    ++self.statistics_.factorisations;
    self.gamma_ = 0;
    if (!self.newton_->factorise(gamma)) return 1;
    self.gamma_ = gamma;
    const auto negative = self.newton_->negative_eigenvalues();
    if (negative && *negative > 0) ++self.statistics_.indefinite_factorisations;
    return 0;
  }

  SUNMatrix make_matrix() {
    SUNMatrix matrix = SUNMatNewEmpty(context_);
    matrix->content = this;
    matrix->ops->getid = [](SUNMatrix) { return SUNMATRIX_CUSTOM; };
    matrix->ops->clone = [](SUNMatrix other) {
      SUNMatrix copy = SUNMatNewEmpty(other->sunctx);
      copy->content = other->content;
      SUNMatCopyOps(other, copy);
      return copy;
    };
    matrix->ops->zero = [](SUNMatrix) { return 0; };
    matrix->ops->destroy = [](SUNMatrix m) {
      m->content = nullptr;
      SUNMatFreeEmpty(m);
    };
    return matrix;
  }

  SUNLinearSolver make_solver() {
    SUNLinearSolver solver = SUNLinSolNewEmpty(context_);
    solver->content = this;
    solver->ops->gettype = [](SUNLinearSolver) { return SUNLINEARSOLVER_DIRECT; };
    solver->ops->getid = [](SUNLinearSolver) { return SUNLINEARSOLVER_CUSTOM; };
    solver->ops->setup = [](SUNLinearSolver, SUNMatrix) { return 0; };
    solver->ops->solve = [](SUNLinearSolver s, SUNMatrix, N_Vector x, N_Vector b, sunrealtype) {
      auto& self = *static_cast<CvodeStepper*>(s->content);
      ++self.statistics_.solves;
      auto solution = map(x);
      long_vectors::copy(map(b), solution);
      // Krylov, which keeps no matrix: a third of what Newton's own test will ask (left_by_newton).
      const double tolerance =
          0.01 * (self.settings_.rtol * long_vectors::norm(self.state()) + self.settings_.atol);
      if (!self.newton_->solve(solution, tolerance)) return 1;
      self.keep(solution);
      return long_vectors::all_finite(solution) ? 0 : 1;
    };
    solver->ops->free = [](SUNLinearSolver s) {
      s->content = nullptr;
      SUNLinSolFreeEmpty(s);
      return 0;
    };
    return solver;
  }

  [[noreturn]] void fail(int flag) {
    double h = 0;
    CVodeGetCurrentStep(cvode_, &h);
    if (saw_non_finite_ && (flag == CV_REPTD_RHSFUNC_ERR || flag == CV_FIRST_RHSFUNC_ERR ||
                            flag == CV_UNREC_RHSFUNC_ERR || flag == CV_CONV_FAILURE))
      throw SolverError(Status::not_finite, "the right-hand side is not finite",
                        "the flow may blow up in finite time; check data and initial values");
    switch (flag) {
      case CV_ERR_FAILURE:
        throw SolverError(Status::no_convergence,
                          "the error test failed again and again, h = " + std::to_string(h),
                          "the right-hand side may not be smooth; try a larger rtol and atol");
      case CV_CONV_FAILURE:
      case CV_LSETUP_FAIL:
      case CV_LSOLVE_FAIL:
        if (adams_)
          throw SolverError(Status::no_convergence, "the functional iteration did not converge",
                            "the flow is stiff there: try solver.method = \"cvode\"");
        throw SolverError(Status::no_convergence, "Newton's iteration did not converge",
                          "try solver.linear = \"dense\" or \"krylov\", or a smaller rtol");
      case CV_TOO_CLOSE:
      case CV_ILL_INPUT:
        throw SolverError(Status::step_underflow, "the step is below the resolution of t",
                          "the time scale is below the resolution of t at this horizon");
      case CV_TOO_MUCH_ACC:
        throw SolverError(Status::no_convergence, "the tolerances are below rounding",
                          "raise solver.rtol or solver.atol");
      default:
        throw SolverError(Status::no_convergence,
                          "CVODE ended with its code " + std::to_string(flag),
                          "try another solver.method");
    }
  }

  System& system_;
  SolverSettings settings_;
  bool adams_;
  Vector state_;
  std::unique_ptr<NewtonMatrix> newton_;
  std::string linear_ = "none";
  double time_ = 0, previous_ = 0;
  std::int64_t steps_since_start_ = 0, steps_between_starts_, steps_a_matrix_ = 1;
  double gamma_ = 0;  ///< of the factorisation at hand; 0: there is none
  Vector smoothed_;
  bool saw_non_finite_ = false;
  struct Watch {
    int steps = 0;  ///< since the counts below
    long failures = 0, iterations = 0;
    double step = 0;
  } watched_;
  Statistics statistics_, earlier_;
  SUNContext context_ = nullptr;
  N_Vector y_ = nullptr;
  std::array<N_Vector, 2 * nodes> views_{};  ///< of memory of others
  void* cvode_ = nullptr;
  SUNMatrix matrix_ = nullptr;
  SUNLinearSolver solver_ = nullptr;
  SUNNonlinearSolver nonlinear_ = nullptr;
};

}  // namespace

std::unique_ptr<Stepper> make_cvode_stepper(System& system, const SolverSettings& settings,
                                            bool adams) {
  return std::make_unique<CvodeStepper>(system, settings, adams);
}

}  // namespace gradflow
