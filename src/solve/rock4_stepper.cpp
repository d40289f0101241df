#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "numerics/parallel.hpp"
#include "solve/rock4_coefficients.hpp"
#include "solve/spectral_radius.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

/// ROCK4 (rock4_coefficients.hpp): explicit, of order 4(3), with as many stages in each step as its
/// length times the spectral radius of the Jacobian asks for. A step costs gradients only, in
/// number like the square root of the stiffness, and a dozen vectors.
///
/// Step control as in the Rosenbrock methods: Gustafsson's predictive controller on the root mean
/// square of error / (atol + rtol max(|y0|, |y1|)). Dense output: cubic Hermite interpolation
/// with slopes that are damped as the state is.
class Rock4Stepper final : public Stepper {
 public:
  Rock4Stepper(System& system, const SolverSettings& settings)
      : system_(system), settings_(settings), spectrum_(system) {
    const Index p = system.dimension();
    for (Vector* v : {&state_, &last_, &slope_, &next_, &next_slope_, &increment_, &before_,
                      &point_, &stage_slope_, &error_, &bend_, &bend_slope_})
      v->resize(p);
    for (std::size_t k = 0; k < ends_.size(); ++k) ends_[k].resize(p), next_ends_[k].resize(p);
    parts_.resize((p + stretch - 1) / stretch);
    // Rounding grows to some s^2 units in the last place; it is to stay far below the tolerance.
    const double epsilon = std::numeric_limits<double>::epsilon();
    const double most = std::sqrt(settings.rtol / (10 * epsilon));
    highest_degree_ =
        static_cast<int>(std::clamp(most, 1.0 * rock4_lowest_degree, 1.0 * rock4_highest_degree));
  }

  void start(double t0, ConstVectorRef y0) override {
    time_ = previous_ = t0;
    state_ = last_ = y0;
    evaluate(time_, state_, slope_);
    step_ = first_step();
    previous_error_ = previous_step_ = 0;
    steps_between_estimates_ = fewest_steps_between_estimates;
    radius_ = radius_growth_ = 0;
    estimated_at_ = t0;
    estimate_radius();
  }

  void exchange(Archive& archive) override {
    archive("time", time_);
    archive("state", state_);
    archive("step", step_);
    archive("step_used", step_used_);
    archive("previous_error", previous_error_);
    archive("previous_step", previous_step_);
    archive("radius", radius_);
    archive("radius_growth", radius_growth_);
    archive("estimated_at", estimated_at_);
    archive("steps_since_estimate", steps_since_estimate_);
    archive("steps_between_estimates", steps_between_estimates_);
    archive.part("spectrum", spectrum_);
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
    if (steps_since_estimate_ >= steps_between_estimates_) estimate_radius();
    bool rejected = false;
    int not_finite = 0;
    for (int attempt = 0; attempt < 60; ++attempt) {
      const double reach = rock4_length(highest_degree_) / (end_slack * radius_at(time_));
      double h = std::min({step_, longest, reach});
      const bool last = time_ + end_slack * h >= t_stop;
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
        if (!std::isfinite(error)) ++not_finite;
        step_ = h * (std::isfinite(error)
                         ? std::clamp(0.9 * std::pow(error, -exponent), 0.1, rejected ? 0.5 : 0.9)
                         : 0.1);
        rejected = true;
        if (steps_since_estimate_ > 0) estimate_radius();
        continue;
      }
      ++statistics_.steps;
      ++steps_since_estimate_;
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
      // A step cut short by the end or a cap says nothing against the longer one.
      step_ = h < step_ ? std::max(step_, h * factor) : h * factor;
      last_.swap(state_);
      state_.swap(next_);
      slope_.swap(next_slope_);
      ends_.swap(next_ends_);
      previous_ = time_;
      step_used_ = h;
      time_ = last ? t_stop : time_ + h;
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

  /// By conjugate gradients in the metric, for a gamma that a few dozen products suffice for.
  double smooth(VectorRef v) override {
    constexpr double stiffest = 100, small = 1e-4;  // its lengths add up
    constexpr int most_products = 60;
    if (!(step_used_ > 0)) return 0;
    const double gamma = std::min(step_used_, stiffest / radius_);
    Vector &x = next_, &residual = before_, &direction = error_, &image = stage_slope_;
    x.setZero();
    residual = direction = v;
    const double begun = inner_product(v, v);
    double squared = begun;
    for (int k = 0; k < most_products && squared > small * small * begun; ++k) {
      system_.jacobian_times(time_, state_, direction, image);
      image = direction - gamma * image;
      const double curvature = inner_product(direction, image);
      if (!(curvature > 0)) return 0;  // a mode that grows beyond 1 / gamma
      const double length = squared / curvature;
      x += length * direction;
      residual -= length * image;
      const double next = inner_product(residual, residual);
      direction = residual + next / squared * direction;
      squared = next;
    }
    if (!x.allFinite()) return 0;
    v = x;
    return gamma;
  }
  SmoothingMatrix smoothing_matrix() const override { return SmoothingMatrix::exact; }

  const Statistics& statistics() override { return statistics_; }
  std::string method() const override { return "rock4"; }

 private:
  static constexpr double exponent = 1.0 / 4;  ///< the estimate is of order 3
  /// A step that ends this close to the end is drawn out to it.
  static constexpr double end_slack = 1.01;
  /// A product with the Jacobian costs as much as two gradients.
  static constexpr std::int64_t evaluations_a_product = 2;
  static constexpr int fewest_steps_between_estimates = 3, most_steps_between_estimates = 25;

  [[noreturn]] static void throw_not_finite() {
    throw SolverError(Status::not_finite, "the right-hand side is not finite",
                      "the flow may blow up in finite time; check data and initial values");
  }

  void evaluate(double t, ConstVectorRef y, VectorRef out) {
    system_.rhs(t, y, out);
    keep(out);
    ++statistics_.rhs_evaluations;
  }

  double inner_product(ConstVectorRef u, ConstVectorRef v) {
    return system_.has_saddles() ? system_.inner_product(state_, u, v) : u.dot(v);
  }

  /// Of t in the last step.
  double place(double t) const {
    return std::clamp((t - previous_) / (time_ - previous_), 0.0, 1.0);
  }

  /// Entries of the state that stay in the second-level cache with all vectors of a step.
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
    if (steepest > 1e-15) h = std::min(100 * h, std::pow(0.01 / steepest, exponent));
    return h;
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

  /// All stages of a step; leaves y1 in next_ and f(y1) in next_slope_, and returns the weighted
  /// error.
  double try_step(double h) {
    // The last stages are almost twice as far as the step.
    const Rock4Coefficients& m =
        kept_rock4_coefficients(rock4_degree(h * radius_at(time_ + 2 * h)));
    const double g = 2 * h / m.length;
    // G_k in `increment_`, G_{k-1} in `before_`; the sums grow in `next_` and `error_`.
    for_stretches([&](Index, Index first, Index count) {
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
      for_stretches([&](Index, Index first, Index count) {
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
    for_stretches([&](Index, Index first, Index count) {
      next_.segment(first, count) +=
          state_.segment(first, count) +
          (m.bend * h) * (stage_slope_.segment(first, count) - bend_slope_.segment(first, count));
    });
    evaluate(time_ + h, next_, next_slope_);
    return weighted_norm(error_, state_, next_);
  }

  /// J G_1 as (stage_slope_ - next_slope_) over what is returned: a product where modes can grow
  /// from what rounding leaves; a difference, which rounding has a larger part in, where f depends
  /// on t itself, and for mirror flows, of which a product far out was not finite.
  double first_stage(double h, const Rock4Coefficients& m) {
    if (system_.autonomous() && system_.has_saddles()) {
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
    for_stretches([&](Index, Index first, Index count) {
      point_.segment(first, count) =
          state_.segment(first, count) + share * increment_.segment(first, count);
    });
    evaluate(time_ + later, point_, out);
  }

  System& system_;
  SolverSettings settings_;
  SpectralRadius spectrum_;
  int highest_degree_;
  double radius_ = 0, radius_growth_ = 0, estimated_at_ = 0;
  int steps_since_estimate_ = 0, steps_between_estimates_ = fewest_steps_between_estimates;
  double time_ = 0, previous_ = 0, step_ = 0, step_used_ = 0;
  double previous_error_ = 0, previous_step_ = 0;
  Vector state_, last_, slope_, next_, next_slope_;
  std::array<Vector, 2> ends_, next_ends_;  ///< of a step, h y' without what is stiff
  Vector increment_, before_, point_, stage_slope_, error_, bend_, bend_slope_;
  Vector parts_;
  Statistics statistics_;
};

}  // namespace

std::unique_ptr<Stepper> make_rock4_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Rock4Stepper>(system, settings);
}

}  // namespace gradflow
