#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "numerics/column_sums.hpp"
#include "solve/method_choice.hpp"
#include "solve/one_step_stepper.hpp"
#include "solve/rosenbrock_tableau.hpp"
#include "solve/solver_settings.hpp"

namespace gradflow {
namespace {

/// A Rosenbrock method on the Newton seam: one linearisation and one factorisation a step, one
/// solve a stage, no iteration. RODAS5P (order 5(4), dense output of order 4) where the Newton
/// matrix is the exact Jacobian; ROS34PW2 (order 3(2) with any matrix) where it is not, because a
/// Rosenbrock method loses its order with an approximate Jacobian (rosenbrock_tableau.hpp).
class RodasStepper final : public OneStepStepper {
 public:
  RodasStepper(System& system, const SolverSettings& settings, std::unique_ptr<NewtonMatrix> newton,
               std::string linear, const RosenbrockTableau& tableau)
      : OneStepStepper(system, settings, tableau.order, tableau.embedded_order),
        linear_(std::move(linear)),
        newton_(std::move(newton)),
        tableau_(tableau) {
    const Index p = system.dimension();
    accumulated_ = Vector::Zero(p);
    for (Vector* v : {&stage_, &time_slope_, &sum_}) v->resize(p);
    k_.resize(p, tableau_.stages);
    weights_.resize(tableau_.stages);
    node_weights_.resize(tableau_.stages, nodes);
    node_slope_weights_.resize(tableau_.stages, nodes);
    a_ = tableau_.a.transpose();
    C_ = tableau_.C.transpose();
  }

  void interpolate(double t, VectorRef y) override {
    if (t >= time_) {
      y = state_;
      return;
    }
    tableau_.dense_weights((t - previous_) / step_used_, weights_);
    for_stretches([&](Index first, Index count) {
      auto part = y.segment(first, count);
      part = last_.segment(first, count);
      part.noalias() += k_.middleRows(first, count) * weights_;
    });
  }

  void interpolate_derivative(double t, VectorRef ydot) override {
    slope_weights(t, weights_);
    long_vectors::combine(k_, weights_, ydot);
  }

  void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) override {
    for (std::size_t k = 0; k < nodes; ++k) {
      const auto column = static_cast<Index>(k);
      tableau_.dense_weights(std::clamp((t[k] - previous_) / step_used_, 0.0, 1.0),
                             node_weights_.col(column));
      slope_weights(t[k], node_slope_weights_.col(column));
    }
    // Shorter ones: a node finds the stages in the cache where the last one has left them.
    for_each_stretch(state_.size(), long_vectors::stretch / 4,
                     [&](Index, Index first, Index count) {
                       const auto stages = k_.middleRows(first, count);
                       for (Index k = 0; k < node_weights_.cols(); ++k)
                         add_columns(last_.segment(first, count), stages, node_weights_.col(k),
                                     node_slope_weights_.col(k), y.col(k).segment(first, count),
                                     ydot.col(k).segment(first, count));
                     });
  }

  double smooth(VectorRef v) override {
    if (!(step_used_ > 0)) return 0;
    long_vectors::copy(v, sum_);
    // A direction is wanted, not digits.
    if (!newton_->solve(sum_, 0.1 * long_vectors::norm(v)) || !long_vectors::all_finite(sum_))
      return 0;
    long_vectors::copy(sum_, v);
    return step_used_ * tableau_.gamma;
  }
  SmoothingMatrix smoothing_matrix() const override {
    return newton_->exact() ? SmoothingMatrix::exact : SmoothingMatrix::approximate;
  }

  double accumulated_error() override { return weighted_norm(accumulated_, state_, state_); }

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

  void prepare() override {
    newton_->linearise(time_, state_);
    ++statistics_.linearisations;
    if (!system_.autonomous()) time_derivative();
  }

  void accepted() override { accumulate_error(); }

  void exchange_own(Archive& archive) override {
    archive("accumulated", accumulated_);
    archive("since_contraction", since_contraction_);
  }

  /// What the estimates of the steps' errors come to, signed: an error that each step makes alike
  /// adds up, where the flow does not contract it. Every eighth step contracted by the Newton
  /// matrix S = (I - gamma h J)^{-1}, less than the flow does; only where that leaves much by all
  /// that the flow does, S to the power 8 / gamma (e^{-z} = S^{1/gamma} up to order z^2).
  void accumulate_error() {
    constexpr int steps_between = 8;
    constexpr double much = 100;  // tolerances
    constexpr double neutral = 0.999;
    long_vectors::add_scaled(1, error_, accumulated_);
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

  double try_step(double h) override {
    ++statistics_.factorisations;
    if (!newton_->factorise(h * tableau_.gamma)) return std::numeric_limits<double>::infinity();
    const auto negative = newton_->negative_eigenvalues();
    if (negative && *negative > 0) ++statistics_.indefinite_factorisations;
    const double tolerance = 1e-3 * (settings_.atol + settings_.rtol * long_vectors::norm(state_));
    for (Index i = 0; i < tableau_.stages; ++i) {
      auto k = k_.col(i);
      if (i == 0) {
        for_stretches([&](Index first, Index count) {
          k.segment(first, count) = h * tableau_.gamma * slope_.segment(first, count);
        });
      } else {
        for_stretches([&](Index first, Index count) {
          add_columns(state_.segment(first, count), k_.block(first, 0, count, i), a_.col(i).head(i),
                      C_.col(i).head(i), stage_.segment(first, count), sum_.segment(first, count));
        });
        evaluate(time_ + tableau_.c[i] * h, stage_, k);
        for_stretches([&](Index first, Index count) {
          auto part = k.segment(first, count);
          part = h * tableau_.gamma * part + tableau_.gamma * sum_.segment(first, count);
        });
      }
      if (!system_.autonomous()) k += h * h * tableau_.gamma * tableau_.d[i] * time_slope_;
      ++statistics_.solves;
      if (!newton_->solve(k, tolerance)) return std::numeric_limits<double>::infinity();
      keep(k);
    }
    for_stretches([&](Index first, Index count) {
      add_columns(state_.segment(first, count), k_.middleRows(first, count), tableau_.m, tableau_.e,
                  next_.segment(first, count), error_.segment(first, count));
    });
    return weighted_norm(error_, state_, next_);
  }

  const std::string linear_;
  const std::unique_ptr<NewtonMatrix> newton_;
  const RosenbrockTableau& tableau_;
  Matrix a_, C_;  ///< the tableau's, transposed: a stage's numbers are a column
  Vector stage_, time_slope_, sum_, weights_;
  Vector accumulated_;
  int since_contraction_ = 0;
  Matrix k_, node_weights_, node_slope_weights_;
};

}  // namespace

std::unique_ptr<Stepper> make_rodas_stepper(System& system, const SolverSettings& settings) {
  std::string linear;
  std::unique_ptr<NewtonMatrix> newton = choose_newton_matrix(system, settings, linear);
  const RosenbrockTableau& tableau = newton->exact() ? rodas5p() : ros34pw2();
  return std::make_unique<RodasStepper>(system, settings, std::move(newton), std::move(linear),
                                        tableau);
}

}  // namespace gradflow
