#include "solve/condition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/decompositions.hpp"
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

/// Share of fresh directions that a vector takes in which nothing grows.
constexpr double fresh_share = 0.1;

}  // namespace

Condition::Condition(System& system, const SolverSettings& settings)
    : system_(system), rtol_(settings.rtol), atol_(settings.atol) {
  const Index n = system.dimension();
  used_ = std::min(vectors, static_cast<std::size_t>(n));
  Vector numbers(n + 1);  // n + 1, so that shifts do not come back to the same numbers at once
  RandomStream(0, "tangents").fill_normal(numbers);
  gauss_.resize(2 * numbers.size());
  gauss_ << numbers, numbers;
  image_.resize(n);
  noise_.resize(n);
  work_.resize(n);
  rounding_.resize(n);
  krylov_.resize(n, std::min<Index>(n, krylov_products));
}

void GrownError::exchange(Archive& archive) {
  archive("size", size);
  archive("time", time);
}

void Condition::Tangent::exchange(Archive& archive) {
  archive("direction", direction);
  archive("growth", growth);
  archive("rate", rate);
  archive("error", error);
}

void Condition::exchange(Archive& archive) {
  archive("used", used_);
  for (std::size_t k = 0; k < used_; ++k) archive.part("tangent" + std::to_string(k), tangents_[k]);
  for (std::size_t s = 0; s < sources; ++s) archive.part("grown" + std::to_string(s), grown_[s]);
  archive("shift", shift_);
  archive("rounding", rounding_);
  archive("resolution", resolution_);
  archive("time", time_);
  archive("seen_until", seen_until_);
  archive("last_step", last_step_);
  archive("steps_unseen", steps_unseen_);
  archive("looks", looks_);
  archive("fastest", fastest_);
  archive("largest_amplification", amplification_.largest);
  archive("amplification_time", amplification_.time);
  archive("amplification_to_end", amplification_.to_end);
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
  krylov_.col(0) = v;
  for (;;) {
    double& diagonal = projected(size, size);
    diagonal = inner_product(y, krylov_.col(size), image_);
    image_ -= diagonal * krylov_.col(size);
    if (size > 0) image_ -= remainder * krylov_.col(size - 1);
    remainder = std::sqrt(std::max(0.0, inner_product(y, image_, image_)));
    ++size;
    if (size == krylov_.cols() || !(remainder * span > 1e-8)) break;
    projected(size, size - 1) = projected(size - 1, size) = remainder;
    krylov_.col(size) = image_ / remainder;
    product(krylov_.col(size));
  }
  projected.conservativeResize(size, size);
  const Eigen::SelfAdjointEigenSolver<Small> modes(projected);
  const auto rates = modes.eigenvalues().unaryExpr([&](double rate) { return resolved(rate); });
  const double fastest = rates[size - 1];
  Eigen::Matrix<double, Eigen::Dynamic, 1, 0, krylov_products, 1> carried =
      modes.eigenvectors() *
      (((rates.array() - fastest) * span).exp() * modes.eigenvectors().row(0).transpose().array())
          .matrix();
  const double length = carried.norm();
  carried /= length;
  v = krylov_.leftCols(size) * carried;
  image_ *= carried[size - 1];
  image_ += krylov_.leftCols(size) * (projected * carried);
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
  work_ = (v.array() * image_.array() > 0)
              .select(v.array().sign() * v.array().abs().min(image_.array().abs() / rate), 0.0);
  std::array<double, sources> fresh;
  for (std::size_t s = 0; s < sources; ++s) {
    noise_ = draws();
    if (s == 0) noise_.array() *= rounding_.array();
    if (s == 1) noise_.array() *= rtol_ * y.array().abs();
    if (s == 2) noise_ *= atol_;
    if (subspace) subspace->project(noise_);
    fresh[s] = std::log(std::abs(inner_product(y, work_, noise_)));
    tangent.error[s] = std::min(std::max(tangent.error[s], fresh[s]), largest_log);
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
  return system_.has_saddles() ? system_.inner_product(y, u, v) : u.dot(v);
}

bool Condition::normalise(ConstVectorRef y, VectorRef v) {
  const double size = std::sqrt(inner_product(y, v, v));
  if (!(size > 0) || !std::isfinite(size)) return false;
  v /= size;
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
  steps_unseen_ = 0;
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
  if (normalise(y, noise_)) direction += fresh_share * noise_;
  normalise(y, direction);
}

void Condition::follow(Stepper& stepper, Tangent& tangent, std::size_t index, double elapsed) {
  using Kind = Stepper::SmoothingMatrix;
  const Vector& y = stepper.state();
  Vector& v = tangent.direction;
  // Where the run keeps to a subspace its errors do too: the first vector, free, sees how the flow
  // grows across it, and the other what becomes of errors.
  const std::optional<InvariantSubspace>& subspace = stepper.subspace();
  const bool restricted = subspace && index > 0, errors = restricted || !subspace;
  image_ = v;
  const double gamma = stepper.smooth(v);
  const bool smoothed = gamma > 0;
  const Kind matrix = stepper.smoothing_matrix();
  // J (I - gamma J)^{-1} v is known without a product where the matrix is right for this and no
  // part of v is taken from it: J of the part is not known.
  const bool known = smoothed && matrix == Kind::settled && index == 0 && !restricted;
  if (known) image_ = (v - image_) / gamma;
  // What of a vector is the others' or across the run's subspace is not its own.
  const auto keep = [&](Vector& u) {
    if (restricted)
      subspace->project(u);
    else
      for (std::size_t k = 0; k < index; ++k)
        u -= inner_product(y, tangents_[k].direction, u) * tangents_[k].direction;
  };
  keep(v);
  const double length = std::sqrt(inner_product(y, v, v));
  if (!(length > 0) || !std::isfinite(length)) return;
  v /= length;
  bool settled = known;
  const auto product = [&](ConstVectorRef u) {
    if (settled && settle(y, gamma))
      system_.settled_jacobian_times(time_, y, u, image_);
    else
      system_.jacobian_times(time_, y, u, image_);
    keep(image_);
  };
  if (known)
    image_ /= length;
  else
    product(v);
  double rate = resolved(inner_product(y, v, image_));
  if (!known && smoothed && rate * elapsed > noticed_growth &&
      tangent.growth + rate * elapsed > trusted_log && settle(y, gamma)) {
    settled = true;
    product(v);
    rate = resolved(inner_product(y, v, image_));
  }
  if (!std::isfinite(rate)) return;

  // The length that the solve left, but for what it made of a growing mode itself, or of a decaying
  // one that the vector has become: those go by the rate, the mean of this look's and the last's.
  const double squared_slope = inner_product(y, image_, image_),
               across = squared_slope - rate * rate;
  const bool is_mode = rate > 0 || across < aligned * aligned * rate * rate;
  // What the solve has not carried along already.
  const double span = matrix == Kind::approximate ? elapsed : std::max(0.0, elapsed - gamma);
  const bool far = across * elapsed * elapsed > turn_between_looks * turn_between_looks;
  // Where nothing grows, what does may be missed for a while, but not for long.
  const bool watched = !smoothed || rate > 0 || tangent.growth > 0 || looks_ % looks_unwatched == 0;
  const bool within_reach = squared_slope * elapsed * elapsed < krylov_reach * krylov_reach;
  const bool carried = far && within_reach && watched && gamma * rate < solved_growth;
  double gain = std::log(length);
  if (carried) {
    const bool far_reaching = tangent.growth + elapsed * std::sqrt(squared_slope) > trusted_log;
    if (smoothed && !settled && far_reaching && settle(y, gamma)) {
      settled = true;
      product(v);
    }
    gain += carry(y, v, span, product);
    rate = resolved(inner_product(y, v, image_));
  } else {
    const double growth_of_mode =
        (is_mode && tangent.rate ? 0.5 * (rate + *tangent.rate) : rate) * elapsed;
    if (!smoothed || is_mode)
      gain += growth_of_mode;
    else if (!far)
      gain += rate * span;
    if (smoothed && rate > 0 && matrix != Kind::approximate)
      gain += std::log(std::abs(1 - gamma * rate) + 1e-16);
    if (smoothed && rate <= 0 && is_mode) gain += std::log1p(-gamma * rate);
  }
  tangent.rate = is_mode ? std::optional<double>(rate) : std::nullopt;
  fastest_ = std::max(fastest_, rate);
  tangent.growth = std::clamp(tangent.growth + gain, 0.0, largest_log);
  if (errors) grow_errors(y, tangent, rate, gain, subspace);
  const double growth = std::exp(tangent.growth);
  if (growth > amplification_.largest) {
    amplification_.largest = growth;
    amplification_.time = time_;
  }
  amplification_.to_end = index == 0 ? growth : std::max(amplification_.to_end, growth);

  // What is followed from here on: turned as far as it has turned, where that is little, and else
  // towards what grows, where the solve did not see that.
  if (!carried) {
    const double towards = matrix != Kind::approximate ? 0 : smoothed ? gamma : 0.25 * last_step_;
    const double turn = far ? towards : rate < 0 ? std::min(span, -0.5 / rate) : span;
    v += turn * image_;
    v /= std::sqrt(1 + turn * (2 * rate + turn * squared_slope));
  }
}

}  // namespace gradflow
