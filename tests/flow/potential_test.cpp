#include "flow/potential.hpp"

#include <cmath>

#include "flow/horizon.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

struct Named {
  const char* name;
  std::shared_ptr<const Potential> potential;
};

std::vector<Named> all_potentials() {
  return {{"squared norm", squared_norm_potential()},
          {"3-norm", power_potential(3)},
          {"1.5-norm", power_potential(1.5)},
          {"cosh", cosh_potential()},
          {"hyperbolic entropy", hyperbolic_entropy_potential()},
          {"deep diagonal", deep_diagonal_potential(3)},
          {"scaled cosh", scaled(cosh_potential(), 0.3)},
          {"scaled entropy", scaled(hyperbolic_entropy_potential(), 0.02)},
          {"scaled 3-norm", scaled(power_potential(3), 2.5)}};
}

/// A potential of a user's own, with four functions and no closed form of its growth.
class Quartic final : public Potential {
 public:
  std::string name() const override { return "quartic"; }
  double value(double b) const override { return b * b + 3 * std::pow(b, 4); }
  double gradient(double b) const override { return 2 * b + 12 * b * b * b; }
  double conjugate_gradient(double theta) const override {
    double b = std::cbrt(theta / 12);
    for (int i = 0; i < 100; ++i) b -= (gradient(b) - theta) / (2 + 36 * b * b);
    return b;
  }
  double conjugate_hessian(double theta) const override {
    const double b = conjugate_gradient(theta);
    return 1 / (2 + 36 * b * b);
  }
};

/// exp(b^2/2) - 1, by its logarithm where it overflows.
class GaussianGrowth final : public Potential {
 public:
  std::string name() const override { return "gaussian growth"; }
  double value(double b) const override { return std::expm1(0.5 * b * b); }
  double gradient(double b) const override { return b * std::exp(0.5 * b * b); }
  double conjugate_gradient(double theta) const override {
    double b = std::asinh(theta);
    for (int i = 0; i < 100; ++i)
      b -= (b - theta * std::exp(-0.5 * b * b)) / (1 + b * theta * std::exp(-0.5 * b * b));
    return b;
  }
  double conjugate_hessian(double theta) const override {
    const double b = conjugate_gradient(theta);
    return std::exp(-0.5 * b * b) / (1 + b * b);
  }
  double log_value(double b) const override {
    return b < 1 && b > -1 ? std::log(value(b)) : 0.5 * b * b + std::log1p(-std::exp(-0.5 * b * b));
  }
};

/// b^2 log(1 + b^2): its limit is that of b^2, which slow logarithms hide. Inverse not needed here.
class SlowFactor final : public Potential {
 public:
  std::string name() const override { return "slow factor"; }
  double value(double b) const override { return b * b * std::log1p(b * b); }
  double gradient(double b) const override {
    return 2 * b * std::log1p(b * b) + 2 * b * b * b / (1 + b * b);
  }
  double conjugate_gradient(double theta) const override { return theta; }
  double conjugate_hessian(double) const override { return 1; }
};

}  // namespace

TEST_CASE("the four functions of a potential belong together", "[potential]") {
  for (const Named& entry : all_potentials()) {
    INFO(entry.name);
    const Potential& phi = *entry.potential;
    for (const double b : {-7.0, -0.4, 0.05, 0.9, 3.0, 12.0}) {
      INFO("b = " << b);
      const double theta = phi.gradient(b);
      // Rounding, times the condition of the bounded gradient's inverse (b^(1/3) digits of 1 -
      // theta).
      CHECK(phi.conjugate_gradient(theta) == Approx(b).epsilon(1e-10));
      // Central differences with h = 1e-5: error h^2 of third derivatives, about 1e-8 relative.
      const double h = 1e-5 * std::max(0.05, std::abs(b));
      CHECK((phi.value(b + h) - phi.value(b - h)) / (2 * h) == Approx(theta).epsilon(1e-6));
      const double slope = (phi.gradient(b + h) - phi.gradient(b - h)) / (2 * h);
      CHECK(phi.conjugate_hessian(theta) * slope == Approx(1).epsilon(1e-6));
      const double k = 1e-5 * std::min(std::abs(theta), 1 - std::min(0.99, std::abs(theta)));
      CHECK(phi.conjugate_third(theta) ==
            Approx((phi.conjugate_hessian(theta + k) - phi.conjugate_hessian(theta - k)) / (2 * k))
                .epsilon(1e-4)
                .margin(1e-8));
      CHECK(phi.log_value(b) == Approx(std::log(phi.value(b))).epsilon(1e-10).margin(1e-10));
      CHECK(phi.value(-b) == Approx(phi.value(b)));
    }
  }
}

TEST_CASE("a potential's variable of integration moves as its dual does", "[potential]") {
  for (const Named& entry : all_potentials()) {
    INFO(entry.name);
    const Potential& phi = *entry.potential;
    for (const double b : {-2.0, 0.3, 5.0}) {
      const double x = phi.to_chart(b), h = 1e-6 * std::max(1e-3, std::abs(x));
      const ChartPoint point = phi.at(x), up = phi.at(x + h), down = phi.at(x - h);
      CHECK(point.beta == Approx(b).epsilon(1e-10));
      CHECK(point.slope == Approx((up.beta - down.beta) / (2 * h)).epsilon(1e-6));
      CHECK(point.curvature ==
            Approx((up.slope - down.slope) / (2 * h)).epsilon(1e-4).margin(1e-8));
      CHECK(point.log_mobility_slope ==
            Approx((up.log_mobility - down.log_mobility) / (2 * h)).epsilon(1e-6).margin(1e-9));
      // d x = m d theta and d theta = phi'' d beta: m phi'' slope = 1.
      CHECK(std::exp(point.log_mobility) * point.slope ==
            Approx(phi.conjugate_hessian(phi.gradient(b))).epsilon(1e-9));
    }
  }
}

TEST_CASE("the growth read off numbers is the growth in closed form", "[potential]") {
  for (const Named& entry : all_potentials()) {
    INFO(entry.name);
    const std::optional<Growth> closed = entry.potential->growth();
    REQUIRE(closed);
    const Growth measured = measured_growth(*entry.potential);
    CHECK(measured.family == closed->family);
    CHECK(measured.exponent == Approx(closed->exponent).epsilon(1e-9));
    // The rate of an exponential is a secant at 1e6; the others are at 1e100.
    CHECK(measured.coefficient == Approx(closed->coefficient).epsilon(1e-6));
  }
  const Growth quartic = measured_growth(Quartic());
  CHECK(quartic.family == Growth::Family::power);
  CHECK(quartic.exponent == Approx(4));
  CHECK(quartic.coefficient == Approx(3).epsilon(1e-6));
  const Growth gaussian = measured_growth(GaussianGrowth());
  CHECK(gaussian.family == Growth::Family::exponential);
  CHECK(gaussian.exponent == Approx(2).epsilon(1e-9));
  // log phi = (a b)^2 with a^2 = 1/2.
  CHECK(gaussian.coefficient == Approx(std::sqrt(0.5)).epsilon(1e-6));
  const Growth slow = measured_growth(SlowFactor());
  CHECK(slow.family == Growth::Family::power);
  // 2 + 1/log R, extrapolated: the next term is of order 1/log^3 R, 1e-6 at R = 1e50.
  CHECK(slow.exponent == Approx(2).margin(2e-6));
}

TEST_CASE("horizon functions by the formula agree with the closed forms of the paper's table",
          "[potential][horizon]") {
  const Vector b = (Vector(3) << 0.5, -2.0, 1.25).finished();
  const auto check = [&](std::shared_ptr<const Potential> phi, double expected, double tolerance) {
    const SeparablePotential potential(3, phi);
    const Horizon horizon(potential);
    CHECK(horizon(b) / horizon(Vector::Unit(3, 0)) == Approx(expected).epsilon(1e-12));
    const Extrapolated numeric = numeric_horizon(potential, b);
    CHECK(numeric.value == Approx(expected).epsilon(tolerance));
    CHECK(std::abs(numeric.value - expected) <= 10 * numeric.error);
  };
  check(squared_norm_potential(), b.norm(), 1e-10);
  check(power_potential(3), std::pow(b.array().abs().pow(3).sum(), 1.0 / 3), 1e-10);
  check(cosh_potential(), b.lpNorm<Eigen::Infinity>(), 1e-10);
  // 1/log(1/eta) is 3e-3 at best; extrapolated twice.
  check(hyperbolic_entropy_potential(), b.lpNorm<1>(), 1e-3);
  check(deep_diagonal_potential(3), b.lpNorm<1>(), 1e-6);
  // Of a user's own: without closed forms.
  check(std::make_shared<Quartic>(), std::pow(b.array().pow(4).sum(), 0.25), 1e-10);
  check(std::make_shared<GaussianGrowth>(), b.lpNorm<Eigen::Infinity>(), 1e-10);
}

TEST_CASE("a horizon says what it is: weighted, degenerate, of a bounded gradient", "[horizon]") {
  const Horizon entropy(
      {hyperbolic_entropy_potential(), scaled(hyperbolic_entropy_potential(), 0.01)});
  CHECK_FALSE(entropy.degenerate());
  CHECK(entropy.name() == "the 1-norm");
  const Horizon cosh({cosh_potential(), scaled(cosh_potential(), 0.5)});
  CHECK(cosh.name() == "the weighted max-norm");
  CHECK(cosh((Vector(2) << 1, 1).finished()) == Approx(2));
  const Horizon quartic({squared_norm_potential(), power_potential(4)});
  CHECK(quartic.degenerate());
  CHECK(quartic((Vector(2) << 2, 0).finished()) == Approx(2));
  CHECK(std::isinf(quartic((Vector(2) << 2, 1).finished())));
  CHECK_FALSE(Horizon({deep_diagonal_potential(4)}).coercive_gradient());
}
