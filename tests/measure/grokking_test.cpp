#include "measure/grokking.hpp"

#include <cmath>

#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("Grokking times need a plateau: a fall by degrees has none, and says so") {
  std::vector<double> times{0}, train{1}, plateau{2}, degrees{2}, hump{2};
  const double lambda = 1e-4;
  for (int k = 0; k <= 300; ++k) {
    const double t = std::pow(10, -2 + 7.5 * k / 300);
    times.push_back(t);
    train.push_back(std::exp(-t));
    plateau.push_back(1 + std::exp(-t) - 1 / (1 + std::pow(0.3 / (lambda * t), 3)));
    degrees.push_back(2 / (1 + std::pow(t, 0.4)));
    // Up, and down again within a decade: flat at the turn alone.
    const double x = std::log10(t) - 1.5;
    hump.push_back(std::exp(-6 * x * x));
  }
  const GrokkingTimes found = grokking_times(times, train, plateau, 1e-3, 0.1 / lambda);
  CHECK_FALSE(found.falls_without_plateau);
  CHECK(found.missing.empty());
  // Half of 1 at lambda t = 0.3; interpolation between samples 6 % apart, and the plateau's own
  // fall.
  CHECK(lambda * found.grok == Approx(0.3).epsilon(1e-3));
  for (const auto* test : {&degrees, &hump}) {
    const GrokkingTimes none = grokking_times(times, train, *test, 1e-3, 0.1 / lambda);
    CHECK(std::isfinite(none.fit));
    CHECK(std::isnan(none.plateau));
    CHECK(std::isnan(none.grok));
    CHECK(none.falls_without_plateau);
    CHECK(none.missing == "the test error falls by degrees, without a plateau");
  }
}

TEST_CASE("A grok time that is none comes with the reason") {
  const double lambda = 1e-4;
  std::vector<double> times, train, slow, bad, early, fitted, stays;
  for (int k = 0; k <= 300; ++k) {
    const double t = std::pow(10, -2 + 7.5 * k / 300);
    const auto fall = [&](double at) { return 1 / (1 + std::pow(t / at, 3)); };
    times.push_back(t);
    train.push_back(std::exp(-3 * t));
    bad.push_back(1 + std::exp(-t));
    slow.push_back(std::exp(-t / 1e4));
    stays.push_back(0.5 + 0.5 * fall(0.3 / lambda));
    // A second step of the flow itself, at t = 15 whatever lambda.
    early.push_back(t < 15 ? 0.5 : 0.2 * std::pow(t / 15, -0.5));
    fitted.push_back(std::exp(-3 * t) + 1e-5 * fall(0.3 / lambda));
  }
  const auto reason = [&](const std::vector<double>& train_error, const std::vector<double>& test) {
    const GrokkingTimes found = grokking_times(times, train_error, test, 1e-3, 0.1 / lambda);
    CHECK(std::isnan(found.grok));
    return found.missing;
  };
  CHECK(reason(bad, stays) ==
        "the training error does not fall to measure.fit_threshold = 0.001 of its start");
  CHECK(reason(slow, stays) ==
        "the training error is fitted only when the slow phase has begun (0.1/lambda)");
  CHECK(reason(train, stays) == "the test error does not fall to half of its plateau by the end");
  CHECK(reason(train, fitted) == "the test error is fitted with the training error");
  const std::string is_early = reason(train, early);
  INFO(is_early);
  CHECK(is_early.starts_with("the test error falls at t = 15"));
  CHECK(is_early.ends_with(", long before 1/lambda: weight decay has no part in it"));
}
