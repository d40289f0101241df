#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "numerics/parallel.hpp"
#include "solve/rosenbrock_tableau.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

/// A Rosenbrock method on the Newton seam: one linearisation and one factorisation a step, one
/// solve a stage, no iteration. RODAS5P (order 5(4), dense output of order 4) where the Newton
/// matrix is the exact Jacobian; ROS34PW2 (order 3(2) with any matrix) where it is not, because a
/// Rosenbrock method loses its order with an approximate Jacobian (rosenbrock_tableau.hpp).
///
/// Step control: the predictive controller of Gustafsson, as in Hairer and Wanner's RODAS (Solving
/// ODEs II, IV.8), on the root mean square of error / (atol + rtol max(|y0|, |y1|)).
class RodasStepper final : public Stepper {
 public:
  RodasStepper(System& system, const SolverSettings& settings)
      : system_(system),
        settings_(settings),
        newton_(choose_newton_matrix(system, settings, linear_)),
        tableau_(newton_->exact() ? rodas5p() : ros34pw2()) {
    const Index p = system.dimension();
    state_.resize(p), last_.resize(p), stage_.resize(p), slope_.resize(p), next_.resize(p);
    accumulated_ = Vector::Zero(p);
    error_.resize(p), time_slope_.resize(p), sum_.resize(p);
    parts_.resize((p + stretch - 1) / stretch);
    k_.resize(p, tableau_.stages);
    weights_.resize(tableau_.stages);
    node_weights_.resize(tableau_.stages, nodes),
        node_slope_weights_.resize(tableau_.stages, nodes);
  }

  void start(double t0, ConstVectorRef y0) override {
    time_ = previous_ = t0;
    state_ = last_ = y0;
    evaluate(time_, state_, slope_);
    step_ = first_step();
    previous_error_ = previous_step_ = 0;
  }

  void exchange(Archive& archive) override {
    archive("time", time_);
    archive("state", state_);
    archive("step", step_);
    archive("previous_error", previous_error_);
    archive("previous_step", previous_step_);
    archive("accumulated", accumulated_);
    archive("since_contraction", since_contraction_);
    archive.part("statistics", statistics_);
    if (!archive.reading()) return;
    previous_ = time_;
    last_ = state_;
    system_.rhs(time_, state_, slope_);  // the step that led here has counted it
    keep(slope_);
  }

  bool move_to(double t, ConstVectorRef y) override {
    time_ = previous_ = t;
    state_ = last_ = y;
    evaluate(time_, state_, slope_);
    return true;
  }

  void step(double t_stop, double longest) override {
    const double exponent = 1.0 / (1 + tableau_.embedded_order);
    bool rejected = false;
    int not_finite = 0;
    newton_->linearise(time_, state_);
    ++statistics_.linearisations;
    if (!system_.autonomous()) time_derivative();
    for (int attempt = 0; attempt < 60; ++attempt) {
      double h = std::min(step_, longest);
      const bool last = time_ + h >= t_stop || time_ + 1.01 * h >= t_stop;
      if (last) h = t_stop - time_;
      if (!(time_ + h > time_) ||
          h < 4 * std::numeric_limits<double>::epsilon() * std::abs(time_)) {
        if (not_finite > 0 || !std::isfinite(h)) throw_not_finite();
        throw SolverError(Status::step_underflow, "t + h = t, h = " + std::to_string(h),
                          "the time scale is below the resolution of t at this horizon");
      }
      const double error = try_step(h);
      if (!(error <= 1)) {  // also NaN
        ++statistics_.rejected_steps;
        if (std::isnan(error)) ++not_finite;  // a Newton matrix that fails gives infinity
        step_ = h * (std::isfinite(error)
                         ? std::clamp(0.9 * std::pow(error, -exponent), 0.1, rejected ? 0.5 : 0.9)
                         : 0.1);
        rejected = true;
        continue;
      }
      ++statistics_.steps;
      // Gustafsson: what the last two errors say together; never grow just after a rejection.
      double factor = 0.9 * std::pow(std::max(error, 1e-10), -exponent);
      if (previous_error_ > 0) {
        const double predictive = 0.9 * (h / previous_step_) *
                                  std::pow(error * error / previous_error_ + 1e-20, -exponent);
        factor = std::min(factor, predictive);
      }
      factor = std::clamp(factor, 0.2, rejected ? 1.0 : 6.0);
      previous_error_ = std::max(error, 1e-2);
      previous_step_ = h;
      // A step cut short by the end or the cap says nothing against the longer one.
      step_ = h < step_ ? std::max(step_, h * factor) : h * factor;
      accumulate_error();
      last_.swap(state_);
      state_.swap(next_);
      previous_ = time_;
      step_used_ = h;
      time_ = last ? t_stop : time_ + h;
      evaluate(time_, state_, slope_);
      return;
    }
    if (not_finite > 30) throw_not_finite();
    throw SolverError(Status::no_convergence, "60 attempts at one step were rejected",
                      "the right-hand side may not be smooth; try a larger rtol and atol");
  }

  double time() const override { return time_; }
  double previous_time() const override { return previous_; }
  const Vector& state() const override { return state_; }

  void interpolate(double t, VectorRef y) override {
    if (t >= time_) {
      y = state_;
      return;
    }
    tableau_.dense_weights((t - previous_) / step_used_, weights_);
    y = last_;
    y.noalias() += k_ * weights_;
  }

  void interpolate_derivative(double t, VectorRef ydot) override {
    slope_weights(t, weights_);
    ydot.noalias() = k_ * weights_;
  }

  void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) override {
    for (std::size_t k = 0; k < nodes; ++k) {
      const auto column = static_cast<Index>(k);
      tableau_.dense_weights(std::clamp((t[k] - previous_) / step_used_, 0.0, 1.0),
                             node_weights_.col(column));
      slope_weights(t[k], node_slope_weights_.col(column));
    }
    for_stretches([&](Index, Index first, Index count) {
      const auto stages = k_.middleRows(first, count);
      for (Index k = 0; k < node_weights_.cols(); ++k) {
        auto point = y.col(k).segment(first, count);
        point = last_.segment(first, count);
        point.noalias() += stages * node_weights_.col(k);
        ydot.col(k).segment(first, count).noalias() = stages * node_slope_weights_.col(k);
      }
    });
  }

  double smooth(VectorRef v) override {
    if (!(step_used_ > 0)) return 0;
    sum_ = v;
    // A direction is wanted, not digits.
    if (!newton_->solve(sum_, 0.1 * v.norm()) || !sum_.allFinite()) return 0;
    v = sum_;
    return step_used_ * tableau_.gamma;
  }
  SmoothingMatrix smoothing_matrix() const override {
    return newton_->exact() ? SmoothingMatrix::exact : SmoothingMatrix::approximate;
  }

  double accumulated_error() override { return weighted_norm(accumulated_, state_, state_); }

  const Statistics& statistics() override { return statistics_; }
  std::string method() const override {
    return std::string("rodas (") + std::string(tableau_.name) + ")";
  }
  std::string linear() const override { return linear_; }

 private:
  /// y'(t) = sum_i w_i k_i: d/dtheta of theta m + theta (1 - theta) sum_q theta^q h_q, over the
  /// step's length.
  void slope_weights(double t, VectorRef w) const {
    const double theta = std::clamp((t - previous_) / step_used_, 0.0, 1.0);
    w = tableau_.m;
    double power = 1;
    for (Index q = 0; q < tableau_.h.rows(); ++q) {
      const double n = static_cast<double>(q);
      w += power * ((n + 1) - (n + 2) * theta) * tableau_.h.row(q).transpose();
      power *= theta;
    }
    w /= step_used_;
  }

  [[noreturn]] static void throw_not_finite() {
    throw SolverError(Status::not_finite, "the right-hand side is not finite",
                      "the flow may blow up in finite time; check data and initial values");
  }

  void evaluate(double t, ConstVectorRef y, VectorRef out) {
    system_.rhs(t, y, out);
    keep(out);
    ++statistics_.rhs_evaluations;
  }

  /// Entries of the state that stay in the second-level cache with all stages.
  static constexpr Index stretch = 8192;
  /// visit(k, first entry, entries) for the k-th stretch; shared out among the threads of the run.
  template <typename Visit>
  void for_stretches(const Visit& visit) const {
    const Index n = state_.size();
    parallel_for(parts_.size(),
                 [&](Index k) { visit(k, k * stretch, std::min(stretch, n - k * stretch)); });
  }

  double weighted_norm(const Vector& v, const Vector& y0, const Vector& y1) {
    for_stretches([&](Index k, Index first, Index count) {
      const auto size =
          y0.segment(first, count).array().abs().max(y1.segment(first, count).array().abs());
      parts_[k] = (v.segment(first, count).array() / (settings_.atol + settings_.rtol * size))
                      .square()
                      .sum();
    });
    return std::sqrt(parts_.sum() / static_cast<double>(v.size()));
  }

  /// Hairer, Norsett and Wanner II.4: a step in which explicit Euler moves by a hundredth of y.
  double first_step() {
    const double size = weighted_norm(state_, state_, state_);
    const double speed = weighted_norm(slope_, state_, state_);
    double h = size < 1e-5 || speed < 1e-5 ? 1e-6 : 0.01 * size / speed;
    next_ = state_ + h * slope_;
    evaluate(time_ + h, next_, error_);
    error_ -= slope_;
    const double bend = weighted_norm(error_, state_, state_) / h;
    const double steepest = std::max(speed, bend);
    if (steepest > 1e-15) h = std::min(100 * h, std::pow(0.01 / steepest, 1.0 / tableau_.order));
    return h;
  }

  /// What the estimates of the steps' errors come to, signed: an error that each step makes alike
  /// adds up, where the flow does not contract it. Every eighth step contracted by the Newton
  /// matrix S = (I - gamma h J)^{-1}, less than the flow does; only where that leaves much by all
  /// that the flow does, S to the power 8 / gamma (e^{-z} = S^{1/gamma} up to order z^2).
  void accumulate_error() {
    constexpr int steps_between = 8;
    constexpr double much = 100;  // tolerances
    constexpr double neutral = 0.999;
    accumulated_ += error_;
    if (++since_contraction_ < steps_between) return;
    since_contraction_ = 0;
    double before = std::numeric_limits<double>::infinity();
    for (double power = 0; power < steps_between / tableau_.gamma; ++power) {
      sum_ = accumulated_;
      if (!newton_->solve(sum_, 0.1 * sum_.norm()) || !sum_.allFinite()) return;
      accumulated_ = sum_;
      const double now = weighted_norm(accumulated_, state_, next_);
      if (now < much || now > neutral * before) return;
      before = now;
    }
  }

  void time_derivative() {
    const double delta = 1e-7 * std::max(std::abs(time_), 1e-3 * step_ + 1e-8);
    evaluate(time_ + delta, state_, time_slope_);
    time_slope_ = (time_slope_ - slope_) / delta;
  }

  /// The stages of one step; leaves y1 in next_ and returns the weighted error.
  double try_step(double h) {
    ++statistics_.factorisations;
    if (!newton_->factorise(h * tableau_.gamma)) return std::numeric_limits<double>::infinity();
    const auto negative = newton_->negative_eigenvalues();
    if (negative && *negative > 0) ++statistics_.indefinite_factorisations;
    const double tolerance = 1e-3 * (settings_.atol + settings_.rtol * state_.norm());
    for (Index i = 0; i < tableau_.stages; ++i) {
      auto k = k_.col(i);
      if (i == 0) {
        k = h * tableau_.gamma * slope_;
      } else {
        // The stages are read once for both sums.
        for_stretches([&](Index, Index first, Index count) {
          const auto earlier = k_.block(first, 0, count, i);
          auto point = stage_.segment(first, count);
          point = state_.segment(first, count);
          point.noalias() += earlier * tableau_.a.row(i).head(i).transpose();
          sum_.segment(first, count).noalias() = earlier * tableau_.C.row(i).head(i).transpose();
        });
        evaluate(time_ + tableau_.c[i] * h, stage_, k);
        for_stretches([&](Index, Index first, Index count) {
          auto part = k.segment(first, count);
          part = h * tableau_.gamma * part + tableau_.gamma * sum_.segment(first, count);
        });
      }
      if (!system_.autonomous()) k += h * h * tableau_.gamma * tableau_.d[i] * time_slope_;
      ++statistics_.solves;
      if (!newton_->solve(k, tolerance)) return std::numeric_limits<double>::infinity();
      keep(k);
    }
    for_stretches([&](Index, Index first, Index count) {
      const auto stages = k_.middleRows(first, count);
      auto next = next_.segment(first, count);
      next = state_.segment(first, count);
      next.noalias() += stages * tableau_.m;
      error_.segment(first, count).noalias() = stages * tableau_.e;
    });
    return weighted_norm(error_, state_, next_);
  }

  System& system_;
  SolverSettings settings_;
  std::string linear_;
  std::unique_ptr<NewtonMatrix> newton_;
  const RosenbrockTableau& tableau_;
  double time_ = 0, previous_ = 0, step_ = 0, step_used_ = 0;
  double previous_error_ = 0, previous_step_ = 0;
  Vector state_, last_, stage_, slope_, next_, error_, time_slope_, sum_, weights_, parts_;
  Vector accumulated_;
  int since_contraction_ = 0;
  Matrix k_, node_weights_, node_slope_weights_;
  Statistics statistics_;
};

}  // namespace

std::unique_ptr<Stepper> make_rodas_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<RodasStepper>(system, settings);
}

}  // namespace gradflow
