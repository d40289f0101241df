#include "tests/models/time_scale.hpp"

#include "tests/catch.hpp"

using namespace gradflow::test;

TEST_CASE("Exponents are recovered with logarithm and correction taken out") {
  std::vector<double> epsilon, power, log_power, corrected;
  for (int k = 0; k <= 16; ++k) {
    const double e = std::pow(10, -6 - 0.5 * k);
    epsilon.push_back(e);
    power.push_back(3 * e);
    log_power.push_back(0.5 * std::sqrt(e) * std::log(10 / std::sqrt(e)));
    corrected.push_back(2.7 * std::pow(e, 0.25) * std::exp(-0.5 * std::pow(e, 1.0 / 12)));
  }
  CHECK(fit_time_scale(epsilon, power).exponent == Approx(1).epsilon(1e-12));
  CHECK(fit_time_scale(epsilon, power).constant == Approx(3).epsilon(1e-10));
  TimeScaleTheory with_log;
  with_log.log_prefactor = 10;
  CHECK(fit_time_scale(epsilon, log_power, with_log).exponent == Approx(0.5).epsilon(1e-12));
  CHECK(fit_time_scale(epsilon, log_power).exponent < 0.49);
  TimeScaleTheory with_correction;
  with_correction.correction_exponent = 1.0 / 12;
  const TimeScale scale = fit_time_scale(epsilon, corrected, with_correction);
  CHECK(scale.exponent == Approx(0.25).epsilon(1e-9));
  CHECK(scale.constant == Approx(2.7).epsilon(1e-8));
  CHECK(std::isnan(fit_time_scale(std::vector<double>{1e-3}, std::vector<double>{1}).exponent));
}
