#include "solve/condition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "numerics/factorisations.hpp"
#include "numerics/long_vectors.hpp"
#include "numerics/random.hpp"
#include "solve/saddle.hpp"

namespace gradflow {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double largest_log = 690;  // 1e300

/// A look at every so many steps is enough: what grows in between shows at the next one with its
/// rate, over all of the time since. While something grows the rate may change on the way, and its
/// growth (log) from one look to the next is kept to about this.
constexpr int steps_between_looks = 8, fewest_steps_between_looks = 2;
constexpr double growth_between_looks = 0.5;
/// Products for the fastest growing mode at the start: the solves of the run turn to it soon.
constexpr int products_at_start = 12;

/// Looks for which a measurement of the rounding of a step serves.
constexpr int looks_between_roundings = 16;

/// What the arithmetic of a step leaves in an entry, relative: a handful of roundings.
constexpr double rounding_of_step = 8 * std::numeric_limits<double>::epsilon();

/// Growth in a step that counts.
constexpr double noticed_growth = 0.02;

/// Growth beyond this (log 10) is only believed with residuals that are settled.
constexpr double trusted_log = 2.3;

/// An error that has grown by this much (log 10) is no longer that of a step.
constexpr double grown_log = 2.3;

/// Part of J v across v, beside that along it, up to which v is a mode.
constexpr double aligned = 0.1;

/// A vector that turns by more than this (radians) until the next look is carried along, with so
/// many products; where nothing grows, at every so many looks.
constexpr double turn_between_looks = 0.2;
constexpr int krylov_products = 4, looks_unwatched = 4;
/// Up to |J v| t of this those products tell what becomes of v; beyond, what they make of a
/// residual that has not settled would be growth without bound.
constexpr double krylov_reach = 10;

/// Growth over the gamma of a solve up to which it is that of the flow.
constexpr double solved_growth = 0.3;

/// So few entries that draws of an error along a vector are repeated.
constexpr Index few_entries = 16;

/// Share of fresh directions that a vector takes in which nothing grows.
constexpr double fresh_share = 0.1;

/// log sqrt(e^{2a} + e^{2b}); a and b may be those of 0.
double log_hypot(double a, double b) {
  const double apart = std::abs(a - b);
  return std::max(a, b) + (apart < infinity ? 0.5 * std::log1p(std::exp(-2 * apart)) : 0);
}

}  // namespace

Condition::Condition(System& system, const SolverSettings& settings)
    : system_(system), rtol_(settings.rtol), atol_(settings.atol) {
  const Index n = system.dimension();
  used_ = std::min(vectors, static_cast<std::size_t>(n));
  Vector numbers(n + 1);  // n + 1, so that shifts do not come back to the same numbers at once
  RandomStream(0, "tangents").fill_normal(numbers);
  numbers *= std::sqrt(static_cast<double>(n + 1)) / numbers.norm();
  gauss_.resize(2 * numbers.size());
  gauss_ << numbers, numbers;
  for (Vector* v : {&image_, &noise_, &work_, &rounding_}) v->resize(n);
  krylov_.resize(n, std::min<Index>(n, krylov_products));
}

void Condition::shift() {
  shift_ = (shift_ + 1) % (gauss_.size() / 2);
}

bool Condition::settle(ConstVectorRef y, double gamma) {
  if (settled_at_ != time_ && system_.settle(time_, y, gamma)) settled_at_ = time_;
  return settled_at_ == time_;
}

double Condition::carry(ConstVectorRef y, Vector& v, double span,
                        const std::function<void(ConstVectorRef)>& product) {
  using Small =
      Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, krylov_products, krylov_products>;
  Small projected = Small::Zero(krylov_products, krylov_products);
  Index size = 0;
  double remainder = 0;
  long_vectors::copy(v, krylov_.col(0));
  for (;;) {
    double& diagonal = projected(size, size);
    diagonal = inner_product(y, krylov_.col(size), image_);
    long_vectors::add_scaled(-diagonal, krylov_.col(size), image_);
    if (size > 0) long_vectors::add_scaled(-remainder, krylov_.col(size - 1), image_);
    remainder = std::sqrt(std::max(0.0, inner_product(y, image_, image_)));
    ++size;
    if (size == krylov_.cols() || !(remainder * span > 1e-8)) break;
    projected(size, size - 1) = projected(size - 1, size) = remainder;
    long_vectors::divide(image_, remainder, krylov_.col(size));
    product(krylov_.col(size));
  }
  projected.conservativeResize(size, size);
  const SymmetricEigen modes = symmetric_eigen(projected);
  const auto rates = modes.values.unaryExpr([&](double rate) { return resolved(rate); });
  const double fastest = rates[size - 1];
  const Vector parts =
      ((rates.array() - fastest) * span).exp() * modes.vectors.row(0).transpose().array();
  Vector carried = modes.vectors * parts;
  const double length = carried.norm();
  carried /= length;
  const Vector of_image = projected * carried;
  long_vectors::for_stretches(v.size(), [&](Index first, Index count) {
    const auto basis = krylov_.block(first, 0, count, size);
    v.segment(first, count).noalias() = basis * carried;
    image_.segment(first, count) *= carried[size - 1];
    image_.segment(first, count) += basis * of_image;
  });
  return fastest * span + std::log(length);
}

void Condition::measure_rounding(Stepper& stepper) {
  const Vector& y = stepper.state();
  Vector changed(y.size()), slope(y.size());
  changed = y.array() * (1 + std::numeric_limits<double>::epsilon() * draws().array().sign());
  system_.rhs(time_, y, slope);
  system_.rhs(time_, changed, rounding_);
  rounding_ -= slope;
  // A third of it takes other roundings all the way through the solve.
  slope *= last_step_;
  changed = slope / 3;
  if (stepper.smooth(slope) > 0 && stepper.smooth(changed) > 0)
    slope -= 3 * changed;
  else
    slope.setZero();
  rounding_ = rounding_of_step * y.cwiseAbs() + (last_step_ * rounding_ + slope).cwiseAbs();
  if (!rounding_.allFinite()) rounding_ = rounding_of_step * y.cwiseAbs();

  // A product with J, or a solve, is that of a J which is off by epsilon of its norm, and so are
  // Rayleigh quotients, however small they are themselves. Of n directions of length one a random
  // one has |J|_F = sqrt(n) |J v| in the mean of squares, no less than the norm.
  noise_ = draws();
  if (!normalise(y, noise_)) return;
  system_.jacobian_times(time_, y, noise_, work_);
  resolution_ = std::numeric_limits<double>::epsilon() *
                std::sqrt(static_cast<double>(y.size()) * inner_product(y, work_, work_));
}

double Condition::resolved(double rate) const {
  return rate > 0 && rate < resolution_ ? 0 : rate;
}

void Condition::grow_errors(const Vector& y, Tangent& tangent, double rate, double gain,
                            const std::optional<InvariantSubspace>& subspace) {
  const Vector& v = tangent.direction;
  for (double& error : tangent.error) error += gain;
  if (tangent.growth == 0) tangent.error.fill(-infinity);
  if (!(rate > 0)) return;  // what is left now is contracted before anything grows again
  // Of what v holds of faster or decaying modes, J v = rate v is not true: they take no part.
  long_vectors::for_stretches(v.size(), [&](Index first, Index count) {
    const auto part = v.segment(first, count).array();
    const auto image = image_.segment(first, count).array();
    work_.segment(first, count) =
        (part * image > 0).select(part.sign() * part.abs().min(image.abs() / rate), 0.0);
  });
  // Of few entries one draw may be all but across v: the mean of squares over several.
  const Index several = y.size() < few_entries ? std::min(y.size() + 1, few_entries / 2) : 1;
  std::array<double, sources> fresh;
  for (std::size_t s = 0; s < sources; ++s) {
    double size = 0;
    for (Index k = 0; k < several; ++k) {
      long_vectors::for_stretches(v.size(), [&](Index first, Index count) {
        auto part = noise_.segment(first, count);
        part = draws(k).segment(first, count);
        if (s == 0) part.array() *= rounding_.segment(first, count).array();
        if (s == 1) part.array() *= rtol_ * y.segment(first, count).array().abs();
        if (s == 2) part *= atol_;
      });
      if (subspace) subspace->project(noise_);
      size = std::hypot(size, inner_product(y, work_, noise_));
    }
    fresh[s] = std::log(size / std::sqrt(static_cast<double>(several)));
    // Each step leaves its own.
    const double all = fresh[s] + 0.5 * std::log(static_cast<double>(steps_looked_at_));
    tangent.error[s] = std::min(log_hypot(tangent.error[s], all), largest_log);
  }
  if (tangent.growth < grown_log) return;
  // Of an error of amplitude one the largest entry beside the state.
  const double rms = y.norm() / std::sqrt(static_cast<double>(y.size()));
  const double spread = (work_.array().abs() / y.array().abs().max(rms)).maxCoeff();
  for (std::size_t s = 0; s < sources; ++s) {
    // What a step leaves is within its tolerance; what has grown since may not be. That the state
    // shrinks is no growth of an error.
    if (tangent.error[s] < fresh[s] + grown_log) continue;
    const double size = std::exp(tangent.error[s]) * spread;
    if (size > grown_[s].size) grown_[s] = {size, time_};
  }
}

double Condition::inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) {
  return system_.has_saddles() ? system_.inner_product(y, u, v) : long_vectors::dot(u, v);
}

bool Condition::normalise(ConstVectorRef y, VectorRef v) {
  const double size = std::sqrt(inner_product(y, v, v));
  if (!(size > 0) || !std::isfinite(size)) return false;
  long_vectors::divide(v, size, v);
  return true;
}

void Condition::start(double t0, ConstVectorRef y0) {
  time_ = seen_until_ = t0;
  amplification_.time = t0;
  for (std::size_t k = 0; k < used_; ++k) {
    Tangent& tangent = tangents_[k];
    tangent.error.fill(-infinity);
    shift();
    tangent.direction = draws();
    if (!normalise(y0, tangent.direction)) used_ = k;
  }
  if (used_ == 0 || !system_.has_saddles()) return;
  GrowingMode mode = fastest_growing_mode(system_, t0, y0, products_at_start);
  if (mode.rate > 0) tangents_[0].direction = std::move(mode.mode);
}

void Condition::accept(Stepper& stepper) {
  last_step_ = stepper.time() - time_;
  time_ = stepper.time();
  ++steps_unseen_;
  const bool grown = fastest_ * (time_ - seen_until_) > growth_between_looks;
  if (steps_unseen_ >= (grown ? fewest_steps_between_looks : steps_between_looks)) look(stepper);
}

void Condition::finish(Stepper& stepper) {
  if (steps_unseen_ > 0) look(stepper);
}

void Condition::look(Stepper& stepper) {
  steps_looked_at_ = std::exchange(steps_unseen_, 0);
  shift();
  if (looks_++ % looks_between_roundings == 0) measure_rounding(stepper);
  fastest_ = 0;
  for (std::size_t k = 0; k < used_; ++k) follow(stepper, tangents_[k], k, time_ - seen_until_);
  // Not before all are followed: what the others are made orthogonal to is free of it.
  for (std::size_t k = 0; k < used_; ++k)
    if (tangents_[k].growth == 0) refresh(stepper.state(), tangents_[k].direction, k);
  seen_until_ = time_;
}

void Condition::refresh(ConstVectorRef y, Vector& direction, std::size_t index) {
  noise_ = draws(static_cast<Index>(index) + 1);
  if (normalise(y, noise_)) long_vectors::add_scaled(fresh_share, noise_, direction);
  normalise(y, direction);
}

/// One look at one tangent vector; its functions in the order in which they are called.
class Condition::Look {
 public:
  Look(Condition& condition, Stepper& stepper, Tangent& tangent, std::size_t index, double elapsed)
      : condition_(condition),
        stepper_(stepper),
        tangent_(tangent),
        index_(index),
        elapsed_(elapsed),
        y_(stepper.state()),
        v_(tangent.direction),
        image_(condition.image_),
        matrix_(stepper.smoothing_matrix()),
        restricted_(stepper.subspace() && index > 0) {}

  /// v to the direction of (I - gamma J)^{-1} v. False where nothing of it is left.
  bool solve();
  /// J v, and the rate <v, J v>. False where that is not finite.
  bool find_rate();
  /// Log of the growth since the last look; v is carried along where it has turned by much.
  double advance();
  /// v as it is followed from here on: turned as far as it has turned, where that is little, and
  /// else towards what grows, where the solve did not see that.
  void turn();

  double rate() const { return rate_; }
  /// Where the run keeps to a subspace its errors do too: the first vector, free, sees how the flow
  /// grows across it, and the other what becomes of errors.
  bool follows_errors() const { return restricted_ || !stepper_.subspace(); }

 private:
  bool smoothed() const { return gamma_ > 0; }
  bool approximate() const { return matrix_ == Stepper::SmoothingMatrix::approximate; }
  /// What of a vector is the others' or across the run's subspace is not its own.
  void keep(Vector& u) const;
  /// J u into the image, for settled residuals once they are.
  void product(ConstVectorRef u);
  void take_rate();
  void settle();
  /// The vector has become a mode: a growing one, or a decaying one that is its own image.
  bool is_mode() const { return rate_ > 0 || across_ < aligned * aligned * rate_ * rate_; }
  /// `gain` and the growth by the rate, the mean of this look's and the last's.
  double with_rate(double gain, bool is_mode) const;

  Condition& condition_;
  Stepper& stepper_;
  Tangent& tangent_;
  const std::size_t index_;
  const double elapsed_;
  const Vector& y_;
  Vector& v_;
  Vector& image_;
  const Stepper::SmoothingMatrix matrix_;
  const bool restricted_;
  double gamma_ = 0, length_ = 1;
  bool known_ = false, settled_ = false;
  double rate_ = 0, squared_slope_ = 0, across_ = 0;
  double span_ = 0;  ///< what the solve has not carried along already
  bool far_ = false, carried_ = false;
};

void Condition::Look::keep(Vector& u) const {
  if (restricted_) return stepper_.subspace()->project(u);
  for (std::size_t k = 0; k < index_; ++k) {
    const Vector& other = condition_.tangents_[k].direction;
    long_vectors::add_scaled(-condition_.inner_product(y_, other, u), other, u);
  }
}

bool Condition::Look::solve() {
  long_vectors::copy(v_, image_);
  gamma_ = stepper_.smooth(v_);
  // J (I - gamma J)^{-1} v is known without a product where the matrix is right for this and no
  // part of v is taken from it: J of the part is not known.
  known_ =
      smoothed() && matrix_ == Stepper::SmoothingMatrix::settled && index_ == 0 && !restricted_;
  if (known_) {
    long_vectors::add_scaled(-1, v_, image_);
    long_vectors::divide(image_, -gamma_, image_);
  }
  keep(v_);
  length_ = std::sqrt(condition_.inner_product(y_, v_, v_));
  if (!(length_ > 0) || !std::isfinite(length_)) return false;
  long_vectors::divide(v_, length_, v_);
  return true;
}

void Condition::Look::product(ConstVectorRef u) {
  System& system = condition_.system_;
  if (settled_ && condition_.settle(y_, gamma_))
    system.settled_jacobian_times(condition_.time_, y_, u, image_);
  else
    system.jacobian_times(condition_.time_, y_, u, image_);
  keep(image_);
}

void Condition::Look::take_rate() {
  rate_ = condition_.resolved(condition_.inner_product(y_, v_, image_));
}

void Condition::Look::settle() {
  if (!condition_.settle(y_, gamma_)) return;
  settled_ = true;
  product(v_);
}

bool Condition::Look::find_rate() {
  settled_ = known_;
  if (known_)
    long_vectors::divide(image_, length_, image_);
  else
    product(v_);
  take_rate();
  if (!known_ && smoothed() && rate_ * elapsed_ > noticed_growth &&
      tangent_.growth + rate_ * elapsed_ > trusted_log) {
    settle();
    if (settled_) take_rate();
  }
  return std::isfinite(rate_);
}

double Condition::Look::with_rate(double gain, bool is_mode) const {
  const double mean = is_mode && tangent_.rate ? 0.5 * (rate_ + *tangent_.rate) : rate_;
  if (!smoothed() || is_mode)
    gain += mean * elapsed_;
  else if (!far_)
    gain += rate_ * span_;
  // What the solve made of a growing mode itself, or of a decaying one, is no growth.
  if (smoothed() && rate_ > 0 && !approximate())
    gain += std::log(std::abs(1 - gamma_ * rate_) + 1e-16);
  if (smoothed() && rate_ <= 0 && is_mode) gain += std::log1p(-gamma_ * rate_);
  return gain;
}

double Condition::Look::advance() {
  squared_slope_ = condition_.inner_product(y_, image_, image_);
  across_ = squared_slope_ - rate_ * rate_;
  span_ = approximate() ? elapsed_ : std::max(0.0, elapsed_ - gamma_);
  far_ = across_ * elapsed_ * elapsed_ > turn_between_looks * turn_between_looks;
  const bool mode = is_mode();
  // Where nothing grows, what does may be missed for a while, but not for long.
  const bool watched =
      !smoothed() || rate_ > 0 || tangent_.growth > 0 || condition_.looks_ % looks_unwatched == 0;
  const bool within_reach = squared_slope_ * elapsed_ * elapsed_ < krylov_reach * krylov_reach;
  carried_ = far_ && within_reach && watched && gamma_ * rate_ < solved_growth;
  double gain = std::log(length_);
  if (carried_) {
    const bool far_reaching = tangent_.growth + elapsed_ * std::sqrt(squared_slope_) > trusted_log;
    if (smoothed() && !settled_ && far_reaching) settle();
    gain += condition_.carry(y_, v_, span_, [this](ConstVectorRef u) { product(u); });
    take_rate();
  } else {
    gain = with_rate(gain, mode);
  }
  tangent_.rate = mode ? std::optional<double>(rate_) : std::nullopt;
  return gain;
}

void Condition::Look::turn() {
  if (carried_) return;
  const double towards = !approximate() ? 0 : smoothed() ? gamma_ : 0.25 * condition_.last_step_;
  const double turn = far_ ? towards : rate_ < 0 ? std::min(span_, -0.5 / rate_) : span_;
  long_vectors::add_scaled(turn, image_, v_);
  long_vectors::divide(v_, std::sqrt(1 + turn * (2 * rate_ + turn * squared_slope_)), v_);
}

void Condition::follow(Stepper& stepper, Tangent& tangent, std::size_t index, double elapsed) {
  Look look(*this, stepper, tangent, index, elapsed);
  if (!look.solve() || !look.find_rate()) return;
  const double gain = look.advance();
  fastest_ = std::max(fastest_, look.rate());
  tangent.growth = std::clamp(tangent.growth + gain, 0.0, largest_log);
  if (look.follows_errors())
    grow_errors(stepper.state(), tangent, look.rate(), gain, stepper.subspace());
  const double growth = std::exp(tangent.growth);
  if (growth > amplification_.largest) {
    amplification_.largest = growth;
    amplification_.time = time_;
  }
  amplification_.to_end = index == 0 ? growth : std::max(amplification_.to_end, growth);
  look.turn();
}

}  // namespace gradflow
