#include "flow/potential.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace gradflow {
namespace {

double sign(double x) {
  return x < 0 ? -1.0 : 1.0;
}

class SquaredNorm final : public Potential {
 public:
  std::string name() const override { return "squared_norm"; }
  double value(double b) const override { return b * b; }
  double gradient(double b) const override { return 2 * b; }
  double conjugate_gradient(double theta) const override { return 0.5 * theta; }
  double conjugate_hessian(double) const override { return 0.5; }
  double conjugate_third(double) const override { return 0; }
  double log_value(double b) const override { return 2 * std::log(std::abs(b)); }
  std::optional<Growth> growth() const override { return Growth{Growth::Family::power, 1, 2}; }
};

class Power final : public Potential {
 public:
  explicit Power(double p) : p_(p), k_(1 / (p - 1)) {}
  std::string name() const override { return "p_norm"; }
  double value(double b) const override { return std::pow(std::abs(b), p_); }
  double gradient(double b) const override { return sign(b) * p_ * std::pow(std::abs(b), p_ - 1); }
  double conjugate_gradient(double theta) const override {
    return sign(theta) * std::pow(std::abs(theta) / p_, k_);
  }
  // For p > 2 infinite at 0, through which a coordinate may pass: bounded there.
  double conjugate_hessian(double theta) const override {
    return k_ / p_ * std::pow(away(theta) / p_, k_ - 1);
  }
  double conjugate_third(double theta) const override {
    return sign(theta) * k_ * (k_ - 1) / (p_ * p_) * std::pow(away(theta) / p_, k_ - 2);
  }
  double log_value(double b) const override { return p_ * std::log(std::abs(b)); }
  std::optional<Growth> growth() const override { return Growth{Growth::Family::power, 1, p_}; }
  bool smooth() const override { return p_ == 2; }
  double least_start() const override { return p_ > 2 ? 1e-6 : 0; }

 private:
  static double away(double theta) { return std::max(std::abs(theta), 1e-14); }
  double p_, k_;
};

class Cosh final : public Potential {
 public:
  std::string name() const override { return "cosh"; }
  double value(double b) const override {
    const double half = std::sinh(0.5 * b);
    return 2 * half * half;
  }
  double gradient(double b) const override { return std::sinh(b); }
  double conjugate_gradient(double theta) const override { return std::asinh(theta); }
  double conjugate_hessian(double theta) const override { return 1 / std::hypot(1, theta); }
  double conjugate_third(double theta) const override {
    const double h = std::hypot(1, theta);
    return -theta / h / h / h;
  }
  double log_value(double b) const override {
    const double a = std::abs(b);
    if (a < 1) return std::numbers::ln2 + 2 * std::log(std::sinh(0.5 * a));
    return a - std::numbers::ln2 + 2 * std::log1p(-std::exp(-a));
  }
  double to_chart(double b) const override { return b; }
  ChartPoint at(double x) const override {
    const double a = std::abs(x);
    // m = 1/cosh b, with b as large as log s.
    return {x, 1, 0, -(a - std::numbers::ln2 + std::log1p(std::exp(-2 * a))), -std::tanh(x)};
  }
  std::optional<Growth> growth() const override {
    return Growth{Growth::Family::exponential, 1, 1};
  }
};

class HyperbolicEntropy final : public Potential {
 public:
  std::string name() const override { return "hyperbolic_entropy"; }
  double value(double b) const override {
    // sqrt(b^2 + 1) - 1 without cancellation.
    return b * std::asinh(b) - b / (1 + std::hypot(1, b)) * b;
  }
  double gradient(double b) const override { return std::asinh(b); }
  double conjugate_gradient(double theta) const override { return std::sinh(theta); }
  double conjugate_hessian(double theta) const override { return std::cosh(theta); }
  double conjugate_third(double theta) const override { return std::sinh(theta); }
  std::optional<Growth> growth() const override { return Growth{Growth::Family::entropy, 1, 1}; }
};

class DeepDiagonal final : public Potential {
 public:
  explicit DeepDiagonal(int depth)
      : k_(static_cast<double>(depth) / static_cast<double>(depth - 2)) {}
  std::string name() const override { return "deep_diagonal"; }
  double value(double b) const override {
    const double a = std::abs(b), e = distance_to_bound(a);
    const double conjugate =
        (std::pow(e, 1 - k_) + std::pow(2 - e, 1 - k_) - 2) / (2 * k_ * (k_ - 1));
    return a - e * a - conjugate;
  }
  double gradient(double b) const override {
    return sign(b) * (1 - distance_to_bound(std::abs(b)));
  }
  double conjugate_gradient(double theta) const override {
    return (std::pow(1 - theta, -k_) - std::pow(1 + theta, -k_)) / (2 * k_);
  }
  double conjugate_hessian(double theta) const override {
    return 0.5 * (std::pow(1 - theta, -k_ - 1) + std::pow(1 + theta, -k_ - 1));
  }
  double conjugate_third(double theta) const override {
    return 0.5 * (k_ + 1) * (std::pow(1 - theta, -k_ - 2) - std::pow(1 + theta, -k_ - 2));
  }
  std::optional<Growth> growth() const override { return Growth{Growth::Family::linear, 1, 1}; }

 private:
  /// e = 1 - |theta| with (phi*)'(1 - e) = a: Newton from below the solution, where the convex,
  /// decreasing function makes it monotone.
  double distance_to_bound(double a) const {
    double e = std::pow(2 * k_ * a + 1, -1 / k_);
    for (int i = 0; i < 100; ++i) {
      const double defect = std::pow(e, -k_) - std::pow(2 - e, -k_) - 2 * k_ * a;
      const double step = defect / (k_ * (std::pow(e, -k_ - 1) + std::pow(2 - e, -k_ - 1)));
      e += step;
      if (std::abs(step) <= 1e-16 * e) break;
    }
    return std::min(e, 1.0);
  }
  double k_;
};

class Scaled final : public Potential {
 public:
  Scaled(std::shared_ptr<const Potential> potential, double c)
      : potential_(std::move(potential)), c_(c) {}
  std::string name() const override { return potential_->name(); }
  double value(double b) const override { return c_ * potential_->value(b / c_); }
  double gradient(double b) const override { return potential_->gradient(b / c_); }
  double conjugate_gradient(double theta) const override {
    return c_ * potential_->conjugate_gradient(theta);
  }
  double conjugate_hessian(double theta) const override {
    return c_ * potential_->conjugate_hessian(theta);
  }
  double conjugate_third(double theta) const override {
    return c_ * potential_->conjugate_third(theta);
  }
  double log_value(double b) const override { return std::log(c_) + potential_->log_value(b / c_); }
  double to_chart(double b) const override { return potential_->to_chart(b / c_); }
  // The chart of b/c: d x = m d theta holds with the same m.
  ChartPoint at(double x) const override {
    ChartPoint point = potential_->at(x);
    point.beta *= c_;
    point.slope *= c_;
    point.curvature *= c_;
    return point;
  }
  std::optional<Growth> growth() const override {
    std::optional<Growth> g = potential_->growth();
    if (g && g->family == Growth::Family::power) g->coefficient *= std::pow(c_, 1 - g->exponent);
    if (g && g->family == Growth::Family::exponential) g->coefficient /= c_;
    return g;
  }
  bool smooth() const override { return potential_->smooth(); }
  double least_start() const override { return c_ * potential_->least_start(); }

 private:
  std::shared_ptr<const Potential> potential_;
  double c_;
};

}  // namespace

double Potential::conjugate_third(double theta) const {
  const double h = 1e-5 * std::max(1.0, std::abs(theta));
  return (conjugate_hessian(theta + h) - conjugate_hessian(theta - h)) / (2 * h);
}

double Potential::log_value(double beta) const {
  return std::log(value(beta));
}

ChartPoint Potential::at(double x) const {
  return {conjugate_gradient(x), conjugate_hessian(x), conjugate_third(x), 0, 0};
}

std::shared_ptr<const Potential> squared_norm_potential() {
  return std::make_shared<SquaredNorm>();
}

std::shared_ptr<const Potential> power_potential(double p) {
  if (!(p > 1)) throw std::invalid_argument("the exponent of a potential must be > 1");
  return std::make_shared<Power>(p);
}

std::shared_ptr<const Potential> cosh_potential() {
  return std::make_shared<Cosh>();
}

std::shared_ptr<const Potential> hyperbolic_entropy_potential() {
  return std::make_shared<HyperbolicEntropy>();
}

std::shared_ptr<const Potential> deep_diagonal_potential(int depth) {
  if (depth < 3) throw std::invalid_argument("the depth of a deep diagonal potential is > 2");
  return std::make_shared<DeepDiagonal>(depth);
}

std::shared_ptr<const Potential> scaled(std::shared_ptr<const Potential> potential, double c) {
  if (!(c > 0)) throw std::invalid_argument("the scale of a potential must be > 0");
  if (c == 1) return potential;
  return std::make_shared<Scaled>(std::move(potential), c);
}

Growth measured_growth(const Potential& potential) {
  // e(R) = d log phi/d log R, by the secant over a factor of 10.
  const auto exponent = [&](double r) {
    return (potential.log_value(10 * r) - potential.log_value(r)) / std::numbers::ln10;
  };
  // An exponential: e(R) grows like R^q. Differences of log phi over factors of 2 are (2^q - 1) (a
  // R)^q without the constant and all but a trace of a power in front.
  if (exponent(10) > 1.5 * exponent(1) && exponent(100) > 1.5 * exponent(10)) {
    double r = 1e6;
    while (r > 1 && !std::isfinite(potential.log_value(20 * r))) r /= 2;
    const auto doubling = [&](double x) {
      return potential.log_value(2 * x) - potential.log_value(x);
    };
    const double q = std::log10(doubling(10 * r) / doubling(r));
    return {Growth::Family::exponential,
            std::pow(doubling(r) / std::expm1(q * std::numbers::ln2), 1 / q) / r, q};
  }
  // As far out as the potential's value is a number.
  double far = 1e100;
  while (far > 1e3 && !std::isfinite(potential.log_value(10 * far))) far = std::sqrt(far);
  // With a power of log R in front e is p + c/log R: two points, extrapolated to 1/log R = 0.
  const double near = std::sqrt(far);
  const double x1 = 1 / (std::log(near) + 0.5 * std::numbers::ln10),
               x2 = 1 / (std::log(far) + 0.5 * std::numbers::ln10);
  const double p = (exponent(far) * x1 - exponent(near) * x2) / (x1 - x2);
  // |b| log |b| and |b| both have p = 1; the gradient of the first grows by a log 10 a decade.
  if (p < 1.001) {
    const double g1 = potential.gradient(1e40), g2 = potential.gradient(1e60),
                 g3 = potential.gradient(1e80);
    const double first = g2 - g1, second = g3 - g2;
    if (second > 0.5 * first && second > 1e-6 * std::abs(g3))
      return {Growth::Family::entropy, second / (20 * std::numbers::ln10), 1};
    return {Growth::Family::linear, g3, 1};
  }
  return {Growth::Family::power, std::exp(potential.log_value(far) - p * std::log(far)), p};
}

Growth growth_of(const Potential& potential) {
  if (const std::optional<Growth> known = potential.growth()) return *known;
  return measured_growth(potential);
}

}  // namespace gradflow
