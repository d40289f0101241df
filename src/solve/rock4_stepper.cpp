#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "solve/one_step_stepper.hpp"
#include "solve/rock4_coefficients.hpp"
#include "solve/solver_settings.hpp"
#include "solve/spectral_radius.hpp"

namespace gradflow {
namespace {

/// ROCK4 (rock4_coefficients.hpp): explicit, of order 4(3), with as many stages in each step as its
/// length times the spectral radius of the Jacobian asks for. A step costs gradients only, in
/// number like the square root of the stiffness, and a dozen vectors.
///
/// Dense output: cubic Hermite interpolation with slopes that are damped as the state is.
class Rock4Stepper final : public OneStepStepper {
 public:
  Rock4Stepper(System& system, const SolverSettings& settings)
      : OneStepStepper(system, settings, order, embedded_order), spectrum_(system) {
    const Index p = system.dimension();
    for (Vector* v :
         {&next_slope_, &increment_, &before_, &point_, &stage_slope_, &bend_, &bend_slope_})
      v->resize(p);
    for (std::size_t k = 0; k < ends_.size(); ++k) ends_[k].resize(p), next_ends_[k].resize(p);
    // Rounding grows to some s^2 units in the last place; it is to stay far below the tolerance.
    const double epsilon = std::numeric_limits<double>::epsilon();
    const double most = std::sqrt(settings.rtol / (10 * epsilon));
    highest_degree_ =
        static_cast<int>(std::clamp(most, 1.0 * rock4_lowest_degree, 1.0 * rock4_highest_degree));
  }

  void start(double t0, ConstVectorRef y0) override {
    OneStepStepper::start(t0, y0);
    steps_between_estimates_ = fewest_steps_between_estimates;
    radius_ = radius_growth_ = 0;
    estimated_at_ = t0;
    estimate_radius();
  }

  void interpolate(double t, VectorRef y) override {
    if (t >= time_ || !(time_ > previous_)) {
      y = state_;
      return;
    }
    const double theta = place(t), rest = 1 - theta;
    y = last_ + theta * theta * (3 - 2 * theta) * (state_ - last_) +
        (theta * rest * rest) * ends_[0] - (theta * theta * rest) * ends_[1];
  }

  void interpolate_derivative(double t, VectorRef ydot) override {
    if (!(time_ > previous_)) {
      ydot = slope_;
      return;
    }
    const double theta = place(t), rest = 1 - theta, h = time_ - previous_;
    ydot = (6 * theta * rest / h) * (state_ - last_) + (rest * (1 - 3 * theta) / h) * ends_[0] +
           (theta * (3 * theta - 2) / h) * ends_[1];
  }

  /// For a gamma that a few dozen products suffice for.
  double smooth(VectorRef v) override {
    constexpr double stiffest = 100, small = 1e-4;  // its lengths add up
    constexpr int most_products = 60;
    if (!(step_used_ > 0)) return 0;
    const double gamma = std::min(step_used_, stiffest / radius_);
    if (!solve_smoothing(gamma, v, small, most_products)) return 0;
    v = bend_;
    return gamma;
  }
  SmoothingMatrix smoothing_matrix() const override { return SmoothingMatrix::exact; }

  std::string method() const override { return "rock4"; }

 private:
  static constexpr int order = 4, embedded_order = 3;
  /// A product with the Jacobian costs as much as two gradients.
  static constexpr std::int64_t evaluations_a_product = 2;
  static constexpr int fewest_steps_between_estimates = 3, most_steps_between_estimates = 25;

  void prepare() override {
    if (steps_since_estimate_ >= steps_between_estimates_) estimate_radius();
  }
  /// A little less than the stages reach: a step may be drawn out to the end.
  double reach() const override {
    constexpr double slack = 1.01;
    return rock4_length(highest_degree_) / (slack * radius_at(time_));
  }
  void rejected() override {
    if (steps_since_estimate_ > 0) estimate_radius();
  }
  void accepted() override { ++steps_since_estimate_; }
  void renew_slope() override {
    slope_.swap(next_slope_);
    ends_.swap(next_ends_);
  }
  void exchange_own(Archive& archive) override {
    archive("step_used", step_used_);
    archive("radius", radius_);
    archive("radius_growth", radius_growth_);
    archive("estimated_at", estimated_at_);
    archive("steps_since_estimate", steps_since_estimate_);
    archive("steps_between_estimates", steps_between_estimates_);
    archive.part("spectrum", spectrum_);
  }

  /// Products with J are known, in a metric in which J is symmetric.
  bool symmetric() const { return system_.autonomous() && system_.has_saddles(); }
  double inner_product(ConstVectorRef u, ConstVectorRef v) {
    return system_.has_saddles() ? system_.inner_product(state_, u, v) : u.dot(v);
  }

  /// Of t in the last step.
  double place(double t) const {
    return std::clamp((t - previous_) / (time_ - previous_), 0.0, 1.0);
  }

  /// What it is by t, at the pace of its last growth.
  double radius_at(double t) const {
    constexpr double most = 2;
    return std::min(radius_ + radius_growth_ * (t - estimated_at_), most * radius_);
  }

  /// Anew at the state. Where it hardly moves it is looked at less often.
  void estimate_radius() {
    constexpr double moved = 0.02;
    const std::int64_t before = spectrum_.products();
    const double radius = spectrum_.estimate(time_, state_);
    statistics_.rhs_evaluations += evaluations_a_product * (spectrum_.products() - before);
    const bool steady = std::abs(radius - radius_) < moved * radius;
    const double elapsed = time_ - estimated_at_;
    if (elapsed > 0) radius_growth_ = std::max(0.0, radius - radius_) / elapsed;
    estimated_at_ = time_;
    steps_between_estimates_ =
        steady ? std::min(2 * steps_between_estimates_, most_steps_between_estimates)
               : fewest_steps_between_estimates;
    radius_ = radius;
    steps_since_estimate_ = 0;
  }

  /// Leaves f(y1) in next_slope_ too.
  double try_step(double h) override {
    // The last stages are almost twice as far as the step.
    const Rock4Coefficients& m =
        kept_rock4_coefficients(rock4_degree(h * radius_at(time_ + 2 * h)));
    const double g = 2 * h / m.length;
    // G_k in `increment_`, G_{k-1} in `before_`; the sums grow in `next_` and `error_`.
    for_stretches([&](Index first, Index count) {
      auto increment = increment_.segment(first, count);
      increment = g * slope_.segment(first, count);
      before_.segment(first, count).setZero();
      next_.segment(first, count) = m.weights[1] * increment;
      error_.segment(first, count) = m.errors[1] * increment;
      next_ends_[0].segment(first, count) = m.first_slope[1] * increment;
      next_ends_[1].segment(first, count) = m.last_slope[1] * increment;
      bend_.segment(first, count).setZero();
      bend_slope_.segment(first, count) =
          (1 - m.inner_share - m.outer_share) * slope_.segment(first, count);
    });
    for (Index k = 1; k < m.degree; ++k) {
      const double share = m.share[k];
      const Vector& opposite = k == 1 ? next_slope_ : slope_;
      const double span = k == 1 ? first_stage(h, m) : share;
      if (k > 1) stage(m.time[k] * h, share, stage_slope_);
      const double in_bend = k == m.inner ? m.inner_share : k == m.outer ? m.outer_share : 0;
      for_stretches([&](Index first, Index count) {
        const auto at_stage = stage_slope_.segment(first, count);
        const auto increment = increment_.segment(first, count);
        auto before = before_.segment(first, count);
        if (in_bend != 0) {
          bend_.segment(first, count) += in_bend * share * increment;
          bend_slope_.segment(first, count) += in_bend * at_stage;
        }
        before =
            2 * increment - before +
            2 * g *
                (slope_.segment(first, count) + (at_stage - opposite.segment(first, count)) / span);
        next_.segment(first, count) += m.weights[k + 1] * before;
        error_.segment(first, count) += m.errors[k + 1] * before;
        next_ends_[0].segment(first, count) += m.first_slope[k + 1] * before;
        next_ends_[1].segment(first, count) += m.last_slope[k + 1] * before;
      });
      increment_.swap(before_);
    }
    increment_.swap(bend_);
    stage(m.bend_time * h, 1, stage_slope_);
    for_stretches([&](Index first, Index count) {
      next_.segment(first, count) += state_.segment(first, count);
      bend_slope_.segment(first, count) =
          (m.bend * h) * (stage_slope_.segment(first, count) - bend_slope_.segment(first, count));
    });
    const double unsmoothed = add_bend(h, m.degree);
    evaluate(time_ + h, next_, next_slope_);
    const double error = std::hypot(weighted_norm(error_, state_, next_), unsmoothed);
    if (!std::isfinite(error)) return std::numeric_limits<double>::quiet_NaN();
    return error > 1 ? std::min(error, smoothed_error(error, h, m.degree)) : error;
  }

  /// Adds the correction beta D, in bend_slope_, to the step. It is not damped as the stages are,
  /// and h |J| times as large in stiff modes as the second differences of the stages there: where
  /// that shows, (I - h J)^-1 D takes its place, which is as good to order 4. \returns what of the
  /// correction counts as an error: what is left of it, or all where a system does not tell how to
  /// smooth it
  double add_bend(double h, Index degree) {
    constexpr double seen = 1, counted = 0.3;
    const double size = weighted_norm(bend_slope_, state_, state_);
    const bool stiff = size > seen;
    const bool smoothed = stiff && symmetric() &&
                          solve_smoothing(h, bend_slope_, seen / size, static_cast<int>(degree));
    next_ += smoothed ? bend_ : bend_slope_;
    const double left = smoothed ? weighted_norm(before_, state_, state_) : size;
    return left > seen ? counted * left : 0;
  }

  /// Of a step that would be rejected, the norm of (I - h J)^-1 times its error estimate, as in
  /// implicit methods (Hairer and Wanner IV.8). What earlier steps have left in stiff modes is
  /// below the tolerance and decays, but the estimate has it at full size at every h down to the
  /// rates of those modes: without this, ten rejections and a dozen small steps follow each time.
  double smoothed_error(double error, double h, Index degree) {
    constexpr double most = 10, small = 0.1;
    if (error > most || !symmetric()) return error;
    if (!solve_smoothing(h, error_, small, static_cast<int>(degree))) return error;
    return weighted_norm(bend_, state_, next_) + weighted_norm(before_, state_, next_);
  }

  /// bend_ <- (I - gamma J)^-1 v at the state, by conjugate gradients in the metric to a residual
  /// of `small` times v. False where a mode grows beyond 1 / gamma.
  bool solve_smoothing(double gamma, ConstVectorRef v, double small, int most_products) {
    Vector &x = bend_, &residual = before_, &direction = increment_, &image = stage_slope_;
    x.setZero();
    residual = direction = v;
    const double begun = inner_product(v, v);
    double squared = begun;
    for (int k = 0; k < most_products && squared > small * small * begun; ++k) {
      system_.jacobian_times(time_, state_, direction, image);
      keep(image);
      statistics_.rhs_evaluations += evaluations_a_product;
      image = direction - gamma * image;
      const double curvature = inner_product(direction, image);
      if (!(curvature > 0)) return false;
      const double length = squared / curvature;
      x += length * direction;
      residual -= length * image;
      const double next = inner_product(residual, residual);
      direction = residual + next / squared * direction;
      squared = next;
    }
    return x.allFinite();
  }

  /// J G_1 as (stage_slope_ - next_slope_) over what is returned: a product where modes can grow
  /// from what rounding leaves; a difference, which rounding has a larger part in, where f depends
  /// on t itself, and for mirror flows, of which a product far out was not finite.
  double first_stage(double h, const Rock4Coefficients& m) {
    if (symmetric()) {
      system_.jacobian_times(time_, state_, increment_, stage_slope_);
      keep(stage_slope_);
      statistics_.rhs_evaluations += evaluations_a_product;
      next_slope_.setZero();
      return 1;
    }
    stage(m.time[1] * h, m.share[1], stage_slope_);
    stage(-m.time[1] * h, -m.share[1], next_slope_);
    return 2 * m.share[1];
  }

  /// out <- f(t + later, y + share increment).
  void stage(double later, double share, Vector& out) {
    for_stretches([&](Index first, Index count) {
      point_.segment(first, count) =
          state_.segment(first, count) + share * increment_.segment(first, count);
    });
    evaluate(time_ + later, point_, out);
  }

  SpectralRadius spectrum_;
  int highest_degree_;
  double radius_ = 0, radius_growth_ = 0, estimated_at_ = 0;
  int steps_since_estimate_ = 0, steps_between_estimates_ = fewest_steps_between_estimates;
  Vector next_slope_;
  std::array<Vector, 2> ends_, next_ends_;  ///< of a step, h y' without what is stiff
  Vector increment_, before_, point_, stage_slope_, bend_, bend_slope_;
};

}  // namespace

std::unique_ptr<Stepper> make_rock4_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Rock4Stepper>(system, settings);
}

}  // namespace gradflow
