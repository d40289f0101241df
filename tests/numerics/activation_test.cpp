#include "numerics/activation.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

using Kind = Activation::Kind;

std::vector<Activation> all_activations() {
  std::vector<Activation> all;
  for (const auto name : activation_names()) all.push_back(parse_activation(name).value());
  return all;
}

/// The definitions, in extended precision.
long double reference(Kind kind, long double z) {
  switch (kind) {
    case Kind::relu:
      return z > 0 ? z : 0;
    case Kind::leaky_relu:
      return z > 0 ? z : static_cast<long double>(Activation::leaky_slope) * z;
    case Kind::tanh:
      return std::tanh(z);
    case Kind::erf:
      return std::erf(z);
    case Kind::gelu:
      return z * std::erfc(-z / std::sqrt(2.0L)) / 2;
    case Kind::softplus:
      return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    case Kind::sigmoid:
      return 1 / (1 + std::exp(-z));
    case Kind::quadratic:
      return z * z;
    case Kind::identity:
      return z;
    case Kind::formula:  // no function of its own (formula_test.cpp)
      break;
  }
  return 0;
}

/// Both signs, from 1e-12 to 30, and both sides of where the exponentials change their power of 2.
std::vector<double> sample_points() {
  std::vector<double> points;
  for (const double join : {0.25 * std::log(2.0), 0.5 * std::log(2.0), 1.5 * std::log(2.0)})
    for (const double side : {0.0, 10.0}) points.push_back(std::nextafter(join, side));
  for (double z = 1e-12; z < 30; z *= 1.013) points.push_back(z);
  const std::size_t count = points.size();
  for (std::size_t i = 0; i < count; ++i) points.push_back(-points[i]);
  return points;
}

struct Values {
  std::vector<double> value, first, second;
};

Values evaluate(const Activation& activation, const std::vector<double>& z) {
  Values v{std::vector<double>(z.size()), std::vector<double>(z.size()),
           std::vector<double>(z.size())};
  activation.evaluate(z.data(), static_cast<Index>(z.size()), v.value.data(), v.first.data(),
                      v.second.data());
  return v;
}

}  // namespace

TEST_CASE("Every activation is found under its name and no other") {
  CHECK(activation_names().size() == 9);
  for (const auto name : activation_names()) CHECK(parse_activation(name)->name() == name);
  CHECK(parse_activation("tanh")->kind() == Kind::tanh);
  CHECK(parse_activation("identity")->kind() == Kind::identity);
  CHECK_FALSE(parse_activation("Tanh"));
  CHECK_FALSE(parse_activation(""));
}

TEST_CASE("Values have a relative error of a few rounding units everywhere") {
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const std::vector<double> z = sample_points();
    const Values v = evaluate(activation, z);
    double worst = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const long double expected = reference(activation.kind(), z[i]);
      const long double error = std::abs(v.value[i] - expected);
      if (error == 0) continue;
      // gelu's left tail: erfc(y) changes by 2 y^2 times a relative change of its argument
      // y = |z|/sqrt 2, which is rounded twice.
      const double condition = activation.kind() == Kind::gelu && z[i] < 0 ? 1 + z[i] * z[i] : 1.0;
      worst = std::max(worst, static_cast<double>(error / std::abs(expected)) / condition);
    }
    // Exponential (2 units of 1.1e-16), quotient and sums: about 5 units; 1e-15 is 9.
    CHECK(worst < 1e-15);
  }
}

TEST_CASE("First derivatives agree with central differences of the definition") {
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const std::vector<double> z = sample_points();
    const Values v = evaluate(activation, z);
    for (std::size_t i = 0; i < z.size(); ++i) {
      // In extended precision (5e-20): the fourth-order formula with h = 1e-3 truncates at
      // h^4 f'''''/30 < 1e-12 and rounds at 1e-16 (f ~ 30). Not across a kink.
      const long double h = 1e-3L, x = z[i];
      if (!activation.smooth() && std::abs(z[i]) < 2.1e-3) continue;
      const auto f = [&](long double y) { return reference(activation.kind(), y); };
      const auto expected = static_cast<double>(
          (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h));
      INFO("z = " << z[i]);
      CHECK(std::abs(v.first[i] - expected) < 2e-12);
    }
  }
}

TEST_CASE("Second derivatives agree with central differences of the definition") {
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const std::vector<double> z = sample_points();
    const Values v = evaluate(activation, z);
    for (std::size_t i = 0; i < z.size(); ++i) {
      // Truncation h^4 f^(6)/90 < 1e-11 at h = 1e-3 (|f^(6)| < 300 for erf), rounding 1e-19 * 900 *
      // 4 / h^2 < 1e-9 only for z^2 at 30.
      const long double h = 1e-3L, x = z[i];
      if (!activation.smooth() && std::abs(z[i]) < 2.1e-3) continue;
      const auto f = [&](long double y) { return reference(activation.kind(), y); };
      const auto expected = static_cast<double>(
          (16 * (f(x + h) + f(x - h)) - (f(x + 2 * h) + f(x - 2 * h)) - 30 * f(x)) / (12 * h * h));
      INFO("z = " << z[i]);
      CHECK(std::abs(v.second[i] - expected) < 1e-9);
    }
  }
}

TEST_CASE("Exponentially small derivatives keep their relative accuracy") {
  for (const double z : {-40.0, -20.0, 20.0, 40.0}) {
    const double e = std::exp(-std::abs(z));
    // tanh' = 4 e^-2|z| and sigmoid' = e^-|z| up to a relative 2 e^-20 = 4e-9.
    CHECK(evaluate(Activation(Kind::tanh), {z}).first[0] == Approx(4 * e * e).epsilon(1e-8));
    CHECK(evaluate(Activation(Kind::sigmoid), {z}).first[0] == Approx(e).epsilon(1e-8));
    CHECK(evaluate(Activation(Kind::softplus), {z}).second[0] == Approx(e).epsilon(1e-8));
  }
  CHECK(evaluate(Activation(Kind::softplus), {-40.0}).value[0] ==
        Approx(std::exp(-40.0)).epsilon(1e-15));
}

TEST_CASE("Nothing overflows for large arguments and NaN is passed on") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    for (const double z : {-1e150, -1e4, -800.0, 800.0, 1e4, 1e150}) {
      INFO("z = " << z);
      const Values v = evaluate(activation, {z});
      const auto expected = static_cast<double>(reference(activation.kind(), z));
      // 1e-300: where the exact value underflows to 0, the vectorised exponential stops at 1e-308.
      CHECK(std::abs(v.value[0] - expected) <= 1e-15 * std::abs(expected) + 1e-300);
      CHECK(std::isfinite(v.first[0]));
      CHECK(std::isfinite(v.second[0]));
      if (activation.kind() != Kind::quadratic) CHECK(std::abs(v.second[0]) < 1e-300);
    }
    CHECK(std::isnan(activation(nan)));
  }
}

TEST_CASE("At the kink the derivative is that of the left branch") {
  CHECK(evaluate(Activation(Kind::relu), {0.0}).first[0] == 0);
  CHECK(evaluate(Activation(Kind::leaky_relu), {0.0}).first[0] == Activation::leaky_slope);
}

TEST_CASE(
    "An element's result depends neither on the array's length nor on its place or alignment") {
  const std::vector<double> z = [] {
    std::vector<double> points;
    for (int i = 0; i < 300; ++i) points.push_back(0.037 * i - 5);
    return points;
  }();
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const Values all = evaluate(activation, z);
    // All lengths over more than two chunks, starting at changing offsets.
    for (std::size_t n = 0; n <= 290; ++n) {
      const std::size_t start = n % 9;
      const auto from = z.begin() + static_cast<std::ptrdiff_t>(start);
      const Values part =
          evaluate(activation, std::vector<double>(from, from + static_cast<std::ptrdiff_t>(n)));
      bool equal = true;
      for (std::size_t i = 0; i < n; ++i) {
        equal = equal && part.value[i] == all.value[start + i] &&
                part.first[i] == all.first[start + i] && part.second[i] == all.second[start + i];
      }
      INFO("n = " << n);
      REQUIRE(equal);
    }
    for (std::size_t i = 0; i < z.size(); i += 17) CHECK(activation(z[i]) == all.value[i]);
  }
}

TEST_CASE("Outputs may be left out or replace the input") {
  const std::vector<double> z = sample_points();
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const Values all = evaluate(activation, z);
    const auto n = static_cast<Index>(z.size());
    std::vector<double> in_place = z, value(z.size()), first(z.size());
    activation.evaluate(in_place.data(), n, in_place.data());
    CHECK(in_place == all.value);
    activation.evaluate(z.data(), n, value.data(), first.data());
    CHECK(first == all.first);
    std::vector<double> alone(z.size());
    activation.second_derivative(z.data(), all.value.data(), all.first.data(), n, alone.data());
    CHECK(alone == all.second);
    if (!activation.second_derivative_takes_argument()) {
      activation.second_derivative(nullptr, all.value.data(), all.first.data(), n, alone.data());
      CHECK(alone == all.second);
    }
    std::vector<double> second = z;
    activation.evaluate(second.data(), n, value.data(), nullptr, second.data());
    CHECK(value == all.value);
    CHECK(second == all.second);
  }
}

TEST_CASE("Smoothness and homogeneity are those of the function") {
  for (const Activation& activation : all_activations()) {
    INFO(activation.name());
    const double jump =
        evaluate(activation, {1e-9}).first[0] - evaluate(activation, {-1e-9}).first[0];
    CHECK(activation.smooth() == (std::abs(jump) < 1e-6));
    bool homogeneous = false;
    for (const int degree : {1, 2}) {
      bool holds = true;
      for (const double z : {-1.7, -0.3, 0.4, 2.1}) {
        const double expected = std::pow(3, degree) * activation(z);
        holds = holds && std::abs(activation(3 * z) - expected) <= 1e-14 * std::abs(expected);
      }
      if (holds) CHECK(activation.homogeneity() == degree);
      homogeneous = homogeneous || holds;
    }
    CHECK(activation.homogeneity().has_value() == homogeneous);
  }
}
