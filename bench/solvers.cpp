#include "bench/solvers.hpp"

#include <cvode/cvode.h>
#include <cvode/cvode_ls.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunmatrix/sunmatrix_dense.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <stdexcept>

#include "io/data_file.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "solve/saddle.hpp"
#include "solve/sundials.hpp"

namespace gradflow::bench {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double largest_error(const Problem& problem, const Run& run, const std::vector<Vector>& reference) {
  std::vector<Index> sizes{problem.start.size()};
  if (!problem.points.empty()) sizes.clear();
  for (const Problem& point : problem.points) sizes.push_back(point.start.size());
  double worst = 0;
  for (std::size_t k = 0; k < std::min(run.states.size(), reference.size()); ++k) {
    Index offset = 0;
    for (const Index n : sizes) {
      const auto exact = reference[k].segment(offset, n);
      const double size = exact.norm();
      const double error =
          (run.states[k].segment(offset, n) - exact).norm() / (size > 0 ? size : 1);
      worst = std::isfinite(error) ? std::max(worst, error) : INFINITY;
      offset += n;
    }
  }
  return worst;
}

namespace {

LinearKind linear_of(const std::string& name) {
  if (name == "dense") return LinearKind::dense;
  if (name == "structured") return LinearKind::structured;
  if (name == "gauss_newton") return LinearKind::gauss_newton;
  if (name == "krylov") return LinearKind::krylov;
  throw std::invalid_argument("no linear solver " + name);
}

/// A stepper alone, without our guards: what a user of odeint writes.
Run bare_loop(const Problem& problem, System& system, const SolverSettings& settings, double cap) {
  Run run;
  const double began = cpu_seconds();
  const auto stepper = make_stepper(system, settings);
  run.states.push_back(problem.start);
  Vector sampled(system.dimension());
  std::size_t next = 1;
  try {
    stepper->start(0, problem.start);
    while (next < problem.times.size()) {
      stepper->step(problem.end(), INFINITY);
      while (next < problem.times.size() && problem.times[next] <= stepper->time()) {
        stepper->interpolate(problem.times[next++], sampled);
        run.states.push_back(sampled);
      }
      if (cpu_seconds() - began > cap) break;
    }
  } catch (const SolverError& error) {
    run.note = error.what();
  }
  run.finished = next == problem.times.size();
  run.seconds = cpu_seconds() - began;
  run.t_end = stepper->time();
  const Statistics& statistics = stepper->statistics();
  run.steps = statistics.steps;
  run.rhs = statistics.rhs_evaluations;
  run.factorisations = statistics.factorisations;
  return run;
}

Run ours(const Problem& problem, const SolverSettings& asked, double cap,
         double (*seconds)() = cpu_seconds) {
  Run run;
  const double began = seconds();
  const auto system = problem.system();
  const SolverSettings settings = tightened(*system, asked, problem.start);
  const auto stepper = make_stepper(*system, settings);
  IntegrationControl control;
  control.times = problem.times;
  control.sample = [&](std::size_t, double, ConstVectorRef y) { run.states.emplace_back(y); };
  control.interrupted = [&] { return seconds() - began > cap; };
  const Outcome outcome = integrate(*system, *stepper, settings, problem.start, control);
  run.seconds = seconds() - began;
  run.steps = outcome.statistics.steps;
  run.rhs = outcome.statistics.rhs_evaluations;
  run.factorisations = outcome.statistics.factorisations;
  run.t_end = outcome.t_end;
  run.finished = outcome.status == Status::ok;
  run.note = run.finished || outcome.status == Status::interrupted
                 ? outcome.method + ", " + outcome.linear
                 : outcome.message;
  return run;
}

struct OwnCvode {
  System* system;
  Vector unit;
  std::int64_t rhs = 0;
};

Eigen::Map<Vector> view(N_Vector v) {
  return {N_VGetArrayPointer(v), static_cast<Index>(N_VGetLength(v))};
}

int own_rhs(sunrealtype t, N_Vector y, N_Vector ydot, void* data) {
  auto& self = *static_cast<OwnCvode*>(data);
  ++self.rhs;
  self.system->rhs(t, view(y), view(ydot));
  return 0;
}

int own_jacobian(sunrealtype t, N_Vector y, N_Vector, SUNMatrix J, void* data, N_Vector, N_Vector,
                 N_Vector) {
  auto& self = *static_cast<OwnCvode*>(data);
  const Index n = self.unit.size();
  for (Index j = 0; j < n; ++j) {
    self.unit[j] = 1;
    Eigen::Map<Vector> column(SUNDenseMatrix_Column(J, j), n);
    self.system->jacobian_times(t, view(y), self.unit, column);
    self.unit[j] = 0;
  }
  return 0;
}

int own_product(N_Vector v, N_Vector Jv, sunrealtype t, N_Vector y, N_Vector, void* data,
                N_Vector) {
  static_cast<OwnCvode*>(data)->system->jacobian_times(t, view(y), view(v), view(Jv));
  return 0;
}

}  // namespace

Run cvode_own(const Problem& problem, bool dense, double rtol, double atol, double cap) {
  Run run;
  const auto system = problem.system();
  OwnCvode self{system.get(), Vector::Zero(system->dimension())};
  const double began = cpu_seconds();
  SUNContext context = sundials::make_context();
  Vector start = problem.start;
  N_Vector y = N_VMake_Serial(start.size(), start.data(), context), sample = N_VClone(y);
  void* cvode = CVodeCreate(CV_BDF, context);
  sundials::silence(cvode);
  CVodeInit(cvode, own_rhs, 0, y);
  CVodeSetUserData(cvode, &self);
  CVodeSStolerances(cvode, rtol, atol);
  CVodeSetMaxNumSteps(cvode, -1);
  CVodeSetStopTime(cvode, problem.end());
  SUNMatrix J = dense ? SUNDenseMatrix(start.size(), start.size(), context) : nullptr;
  SUNLinearSolver solver =
      dense ? SUNLinSol_Dense(y, J, context) : SUNLinSol_SPGMR(y, SUN_PREC_NONE, 0, context);
  CVodeSetLinearSolver(cvode, solver, J);
  if (dense)
    CVodeSetJacFn(cvode, own_jacobian);
  else
    CVodeSetJacTimes(cvode, nullptr, own_product);
  run.states.push_back(problem.start);
  std::size_t next = 1;
  sunrealtype t = 0;
  while (next < problem.times.size()) {
    const int flag = CVode(cvode, problem.end(), y, &t, CV_ONE_STEP);
    if (flag < 0) {
      run.note = "CVODE's code " + std::to_string(flag);
      break;
    }
    for (; next < problem.times.size() && problem.times[next] <= t; ++next) {
      CVodeGetDky(cvode, problem.times[next], 0, sample);
      run.states.emplace_back(view(sample));
    }
    if (cpu_seconds() - began > cap) break;
  }
  run.seconds = cpu_seconds() - began;
  run.finished = next == problem.times.size();
  run.t_end = t;
  long steps = 0, setups = 0;
  CVodeGetNumSteps(cvode, &steps);
  CVodeGetNumLinSolvSetups(cvode, &setups);
  run.steps = steps;
  run.rhs = self.rhs;
  run.factorisations = dense ? setups : 0;
  CVodeFree(&cvode);
  SUNLinSolFree(solver);
  if (J != nullptr) SUNMatDestroy(J);
  N_VDestroy(sample);
  N_VDestroy(y);
  SUNContext_Free(&context);
  return run;
}

namespace {

/// The completion problem's constants, read once more from the files.
struct Completion {
  static constexpr int rows = 20, columns = 20, rank = 10;
  std::vector<int> first;  // entries of row i: first[i] to first[i + 1]
  std::vector<int> column;
  std::vector<double> value;
  Completion() {
    const std::string data = GRADFLOW_SOURCE "/examples/grokking/data/";
    const Matrix target = read_data_file(data + "matrix_completion_target.csv");
    const Matrix mask = read_data_file(data + "matrix_completion_mask.csv");
    for (int i = 0; i < rows; ++i) {
      first.push_back(static_cast<int>(column.size()));
      for (int j = 0; j < columns; ++j)
        if (mask(i, j) == 1) column.push_back(j), value.push_back(target(i, j));
    }
    first.push_back(static_cast<int>(column.size()));
  }
};

/// One step as one writes it: rows of U and V in a row, plain loops over the rank.
class PlainDescent {
 public:
  static constexpr int stride = Completion::rank;
  void step(const Completion& c, double twice, double shrink, double* w) {
    constexpr int rank = Completion::rank, size = (Completion::rows + Completion::columns) * rank;
    for (double& x : g_) x = 0;
    for (int i = 0; i < Completion::rows; ++i)
      for (int e = c.first[i]; e < c.first[i + 1]; ++e) {
        const double* u = w + i * rank;
        const double* v = w + (Completion::rows + c.column[e]) * rank;
        double* gu = g_ + i * rank;
        double* gv = g_ + (Completion::rows + c.column[e]) * rank;
        double f = -c.value[e];
        for (int l = 0; l < rank; ++l) f += u[l] * v[l];
        f *= twice;
        for (int l = 0; l < rank; ++l) gu[l] += f * v[l];
        for (int l = 0; l < rank; ++l) gv[l] += f * u[l];
      }
    for (int i = 0; i < size; ++i) w[i] = shrink * w[i] - g_[i];
  }

 private:
  double g_[(Completion::rows + Completion::columns) * stride] = {};
};

/// The same with rows padded to two vectors of eight, kept in registers: the fastest we could
/// write.
class TunedDescent {
 public:
  static constexpr int stride = 16;
  void step(const Completion& c, double twice, double shrink, double* w) {
    using Row = Eigen::Matrix<double, stride, 1>;
    using Slot = Eigen::Map<Row, Eigen::AlignedMax>;
    for (int j = 0; j < Completion::columns; ++j) Slot(g_ + j * stride).setZero();
    for (int i = 0; i < Completion::rows; ++i) {
      Slot row(w + i * stride);
      const Row u = row;
      Row gu = Row::Zero();
      for (int e = c.first[i]; e < c.first[i + 1]; ++e) {
        const Row v = Slot(w + (Completion::rows + c.column[e]) * stride);
        const double f = twice * (u.dot(v) - c.value[e]);
        gu += f * v;
        Slot(g_ + c.column[e] * stride) += f * u;
      }
      row = shrink * u - gu;  // u has served: V's gradient is summed up beside
    }
    for (int j = 0; j < Completion::columns; ++j) {
      Slot v(w + (Completion::rows + j) * stride);
      v = shrink * v - Slot(g_ + j * stride);
    }
  }

 private:
  alignas(64) double g_[Completion::columns * stride] = {};
};

template <class Descent>
Run descend(const Problem& problem, double step, std::int64_t steps, double cap) {
  const Completion c;
  Descent descent;
  constexpr int stride = Descent::stride, rank = Completion::rank,
                all = Completion::rows + Completion::columns;
  alignas(64) double w[all * stride] = {};
  for (int i = 0; i < all; ++i)
    for (int k = 0; k < rank; ++k) w[i * stride + k] = problem.start[i * rank + k];
  Run run;
  const double began = cpu_seconds();
  std::size_t next = 0;
  std::int64_t k = 0;
  for (;; ++k) {
    while (next < problem.times.size() && k >= std::llround(problem.times[next] / step)) {
      Vector y(problem.start.size());
      for (int i = 0; i < all; ++i)
        for (int l = 0; l < rank; ++l) y[i * rank + l] = w[i * stride + l];
      run.states.push_back(std::move(y));
      ++next;
    }
    if (k == steps || ((k & 0xffff) == 0 && cpu_seconds() - began > cap)) break;
    descent.step(c, 2 * step, 1 - step * problem.flow.weight_decay, w);
  }
  run.seconds = cpu_seconds() - began;
  run.steps = run.rhs = k;
  run.t_end = static_cast<double>(k) * step;
  run.finished = next == problem.times.size();
  return run;
}

/// How long gradient descent would take with the largest step that stays stable along the run.
Run stable_descent(const Problem& problem, double cap) {
  SolverSettings loose;
  loose.rtol = 1e-4;
  loose.atol = problem.atol_factor * loose.rtol;
  const Run along = ours(problem, loose, cap);
  const auto system = problem.system();
  double sharpness = 0;
  for (std::size_t k = 0; k < along.states.size(); k += 6)
    sharpness = std::max(sharpness,
                         fastest_growing_mode(*system, problem.times[k], along.states[k]).fastest);
  const double step = 1.9 / sharpness;
  constexpr int measured = 200;
  Vector y = problem.start, slope(y.size());
  const double began = cpu_seconds();
  for (int k = 0; k < measured; ++k) {
    system->rhs(0, y, slope);
    y += step * slope;
  }
  Run run;
  const double steps = problem.end() / step;
  run.seconds = (cpu_seconds() - began) * steps / measured;
  run.steps = run.rhs = std::llround(steps);
  run.finished = true;
  run.t_end = problem.end();
  run.note = "descent of step " + std::to_string(step) + ", extrapolated from 200 steps";
  return run;
}

}  // namespace

Run gradient_descent(const Problem& problem, bool tuned, double step, std::int64_t steps,
                     double cap) {
  return tuned ? descend<TunedDescent>(problem, step, steps, cap)
               : descend<PlainDescent>(problem, step, steps, cap);
}

/// The points of a product one after another, as a study does it.
Run one_by_one(const Problem& problem, const std::string& solver, double rtol, double cap) {
  Run whole;
  whole.finished = true;
  whole.states.assign(problem.times.size(), Vector(problem.start.size()));
  Index offset = 0;
  for (const Problem& point : problem.points) {
    const Run run = solve(point, solver, rtol, cap);
    whole.seconds += run.seconds;
    whole.steps += run.steps;
    whole.rhs += run.rhs;
    whole.factorisations += run.factorisations;
    whole.finished = whole.finished && run.finished;
    whole.t_end = run.t_end;
    whole.note = run.note;
    for (std::size_t k = 0; k < run.states.size(); ++k)
      whole.states[k].segment(offset, point.start.size()) = run.states[k];
    offset += point.start.size();
    if (!run.finished) break;
  }
  return whole;
}

Run solve(const Problem& problem, const std::string& given, double rtol, double cap) {
  if (given.rfind("each:", 0) == 0) return one_by_one(problem, given.substr(5), rtol, cap);
  const auto times = given.find(" x"), without = given.find(without_condition);
  const std::string solver = given.substr(0, std::min(times, without));
  const double atol = problem.atol_factor * rtol;
  if (solver == "cvode_dense") return cvode_own(problem, true, rtol, atol, cap);
  if (solver == "cvode_gmres") return cvode_own(problem, false, rtol, atol, cap);
  if (solver == "descent" || solver == "descent_tuned")
    return gradient_descent(problem, solver == "descent_tuned", 1e-2,
                            std::llround(problem.end() / 1e-2), cap);
  if (solver == "descent_stable") return stable_descent(problem, cap);
  SolverSettings settings;
  settings.rtol = rtol;
  settings.atol = atol;
  settings.max_steps = 1'000'000'000;
  settings.condition = without == std::string::npos;
  const auto plus = solver.find('+');
  settings.method = solver.substr(0, plus);
  if (plus != std::string::npos) settings.linear = linear_of(solver.substr(plus + 1));
  if (solver.rfind("method:", 0) == 0) {
    settings.method = solver.substr(7);
  } else if (solver == "dopri5" || solver == "rosenbrock4") {
    const auto system = problem.system();
    return bare_loop(problem, *system, settings, cap);
  }
  if (times == std::string::npos) return ours(problem, settings, cap);
  settings.threads = std::stoi(given.substr(times + 2));
  return ours(problem, settings, cap, wall_seconds);
}

}  // namespace gradflow::bench
