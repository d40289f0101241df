#include "numerics/fit.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// NIST Statistical Reference Datasets, "Norris" (linear regression, lower difficulty).
constexpr Index norris_points = 36;
constexpr double norris[norris_points][2] = {
    {0.1, 0.2},     {338.8, 337.4}, {118.1, 118.2}, {888.0, 884.6}, {9.2, 10.1},    {228.1, 226.5},
    {668.5, 666.3}, {998.5, 996.3}, {449.1, 448.6}, {778.9, 777.0}, {559.2, 558.2}, {0.3, 0.4},
    {0.1, 0.6},     {778.1, 775.5}, {668.8, 666.9}, {339.3, 338.0}, {448.9, 447.5}, {10.8, 11.6},
    {557.7, 556.0}, {228.3, 228.1}, {998.0, 995.8}, {888.8, 887.6}, {119.6, 120.2}, {0.3, 0.3},
    {0.6, 0.3},     {557.6, 556.8}, {339.3, 339.1}, {888.0, 887.2}, {998.5, 999.0}, {778.9, 779.0},
    {10.2, 11.1},   {117.6, 118.3}, {228.9, 229.2}, {668.4, 669.1}, {449.2, 448.9}, {0.2, 0.5}};

}  // namespace

TEST_CASE("A line fit gives the certified values of NIST's Norris data") {
  Vector x(norris_points), y(norris_points);
  for (Index i = 0; i < norris_points; ++i) {
    y[i] = norris[i][0];
    x[i] = norris[i][1];
  }
  const LineFit fit = fit_line(x, y);
  CHECK(fit.points == 36);
  // Double precision on centred data gives 12 digits or more here.
  CHECK(fit.intercept == Approx(-0.262323073774029).epsilon(1e-11));
  CHECK(fit.slope == Approx(1.00211681802045).epsilon(1e-13));
  CHECK(fit.intercept_error == Approx(0.232818234301152).epsilon(1e-11));
  CHECK(fit.slope_error == Approx(0.429796848199937e-03).epsilon(1e-11));
  CHECK(fit.residual_sd == Approx(0.884796396144373).epsilon(1e-11));
}

TEST_CASE("Integer weights act like repeated points, and a common factor changes no estimate") {
  const Vector x = Vector::LinSpaced(4, 1, 4);
  const Vector y = (Vector(4) << 1.0, 2.5, 2.0, 4.5).finished();
  const Vector w = (Vector(4) << 1, 3, 2, 1).finished();
  const Vector x_repeated = (Vector(7) << 1, 2, 2, 2, 3, 3, 4).finished();
  const Vector y_repeated = (Vector(7) << 1.0, 2.5, 2.5, 2.5, 2.0, 2.0, 4.5).finished();
  const LineFit weighted = fit_line(x, y, w);
  const LineFit repeated = fit_line(x_repeated, y_repeated);
  CHECK(weighted.slope == Approx(repeated.slope).epsilon(1e-14));
  CHECK(weighted.intercept == Approx(repeated.intercept).epsilon(1e-13));
  // The same sum of squares, on 2 degrees of freedom rather than 5.
  CHECK(weighted.residual_sd == Approx(repeated.residual_sd * std::sqrt(2.5)).epsilon(1e-13));
  CHECK(weighted.slope_error == Approx(repeated.slope_error * std::sqrt(2.5)).epsilon(1e-13));

  const LineFit scaled = fit_line(x, y, 1e6 * w);
  CHECK(scaled.slope == Approx(weighted.slope).epsilon(1e-14));
  CHECK(scaled.slope_error == Approx(weighted.slope_error).epsilon(1e-13));
  CHECK(scaled.intercept_error == Approx(weighted.intercept_error).epsilon(1e-13));
}

TEST_CASE("Intervals cover the true slope as often as they say") {
  RandomStream stream(17, "data");
  const Vector x = Vector::LinSpaced(6, 0, 1);
  constexpr int trials = 4000;
  constexpr double student = 2.131847;  // at 4 degrees of freedom, 95 % (tables)
  int covered = 0, covered_intercept = 0;
  for (int t = 0; t < trials; ++t) {
    Vector noise(6), w(6);
    stream.fill_normal(noise, 0.3);
    // Unequal variances 1/w, so that the weights matter.
    for (Index i = 0; i < 6; ++i) w[i] = i % 2 == 0 ? 1 : 16;
    const Vector y = (2 - 3 * x.array() + noise.array() / w.array().sqrt()).matrix();
    const LineFit fit = fit_line(x, y, w);
    covered += std::abs(fit.slope + 3) < student * fit.slope_error ? 1 : 0;
    covered_intercept += std::abs(fit.intercept - 2) < student * fit.intercept_error ? 1 : 0;
  }
  // Binomial with p = 0.9: four standard deviations.
  const double tolerance = 4 * std::sqrt(0.09 / trials);
  CHECK(std::abs(covered / static_cast<double>(trials) - 0.9) < tolerance);
  CHECK(std::abs(covered_intercept / static_cast<double>(trials) - 0.9) < tolerance);
}

TEST_CASE("Two points give the line through them and no statement of error") {
  const Vector x = (Vector(2) << 1, 3).finished();
  const Vector y = (Vector(2) << 5, 1).finished();
  const LineFit fit = fit_line(x, y);
  CHECK(fit.slope == -2);
  CHECK(fit.intercept == 7);
  CHECK(std::isnan(fit.slope_error));
}

TEST_CASE("Known errors of the values give those of the line, of two points too") {
  // y_1 - y_0 has the variance e_0^2 + e_1^2.
  const LineFit two = fit_line_with_errors(Vector{{0, 2}}, Vector{{1, 5}}, Vector{{0.3, 0.4}});
  CHECK(two.slope == Approx(2));
  CHECK(two.slope_error == Approx(0.25));
  CHECK(two.intercept_error == Approx(0.3));
  // Errors count for what they are, not up to a factor: the line stays, its errors grow with them.
  const Vector x = Vector::LinSpaced(6, 0, 1), y = x.array().square();
  const Vector errors{{0.1, 0.2, 0.1, 0.3, 0.1, 0.2}};
  const LineFit fit = fit_line_with_errors(x, y, errors);
  const LineFit same = fit_line(x, y, errors.array().square().inverse().matrix());
  CHECK(fit.slope == same.slope);
  CHECK(fit.slope_error == Approx(same.slope_error / same.residual_sd));
  const LineFit doubled = fit_line_with_errors(x, y, 2 * errors);
  CHECK(doubled.slope == Approx(fit.slope));
  CHECK(doubled.intercept_error == Approx(2 * fit.intercept_error));
  CHECK_THROWS_AS(fit_line_with_errors(x, y, 0 * errors), std::invalid_argument);
}

TEST_CASE("A large offset in x costs no accuracy of the slope") {
  // Slope 2 exactly; x and y are exact integers, so that only the fit can lose digits.
  const Vector x = Vector::LinSpaced(11, 0, 10).array() + 1e9;
  const Vector y = 2 * x;
  CHECK(fit_line(x, y).slope == Approx(2).epsilon(1e-14));
}

TEST_CASE("A power law is recovered over twelve decades") {
  Vector x(13), y(13);
  for (Index i = 0; i < 13; ++i) {
    x[i] = std::pow(10.0, static_cast<double>(i) - 9);
    y[i] = 3.5 * std::pow(x[i], -0.75);
  }
  const PowerLaw law = fit_power_law(x, y);
  // log x up to 20, rounded to 4e-15.
  CHECK(law.exponent == Approx(-0.75).epsilon(1e-14));
  CHECK(law.prefactor == Approx(3.5).epsilon(1e-13));
  CHECK(law.line.slope_error < 1e-14);
}

TEST_CASE("Fits refuse what they cannot answer") {
  const Vector one = Vector::Ones(1), two = Vector::LinSpaced(2, 1, 2),
               three = Vector::LinSpaced(3, 1, 3);
  CHECK_THROWS_AS(fit_line(one, one), std::invalid_argument);
  CHECK_THROWS_AS(fit_line(two, three), std::invalid_argument);
  CHECK_THROWS_AS(fit_line(three, three, two), std::invalid_argument);
  CHECK_THROWS_AS(fit_line(Vector::Ones(3), three), std::invalid_argument);
  CHECK_THROWS_AS(fit_line(three, three, Vector::Zero(3)), std::invalid_argument);
  Vector bad = three;
  bad[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(fit_line(three, bad), std::invalid_argument);
  CHECK_THROWS_AS(fit_power_law(three, bad), std::invalid_argument);
  CHECK_THROWS_AS(fit_power_law(three, -three), std::invalid_argument);
}
