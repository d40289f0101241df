#include "numerics/hermite.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "tests/catch.hpp"
#include "tests/numerics/gauss_hermite.hpp"

using namespace gradflow;
using namespace gradflow::test;
using std::numbers::pi;

namespace {

using Kind = Activation::Kind;

double odd_factorial(int k) {  // (k)!! for odd k
  double product = 1;
  for (; k > 1; k -= 2) product *= k;
  return product;
}

}  // namespace

TEST_CASE("The recurrence gives the explicit Hermite polynomials and their derivatives") {
  for (const double x : {-3.1, -0.4, 0.0, 0.7, 2.5}) {
    Vector h(7);
    evaluate_hermite(x, h);
    // He_k/sqrt(k!), Abramowitz and Stegun, table 22.13. Rounding: terms up to 15 * 3.1^4.
    CHECK(h[0] == 1);
    CHECK(h[1] == x);
    CHECK(h[2] == Approx((x * x - 1) / std::sqrt(2.0)).margin(1e-13));
    CHECK(h[3] == Approx((std::pow(x, 3) - 3 * x) / std::sqrt(6.0)).margin(1e-13));
    CHECK(h[4] == Approx((std::pow(x, 4) - 6 * x * x + 3) / std::sqrt(24.0)).margin(1e-13));
    CHECK(h[6] ==
          Approx((std::pow(x, 6) - 15 * std::pow(x, 4) + 45 * x * x - 15) / std::sqrt(720.0))
              .margin(1e-12));
    // h_k' = sqrt(k) h_{k-1}, by central differences: h^2 f'''/6 ~ 1e-10 * 50.
    Vector up(7), down(7);
    evaluate_hermite(x + 1e-5, up);
    evaluate_hermite(x - 1e-5, down);
    for (Index k = 1; k < 7; ++k) {
      CHECK((up[k] - down[k]) / 2e-5 ==
            Approx(std::sqrt(static_cast<double>(k)) * h[k - 1]).margin(1e-8));
    }
  }
  Vector none(0), one(1);
  evaluate_hermite(1.0, none);
  evaluate_hermite(1.0, one);
  CHECK(one[0] == 1);
}

TEST_CASE("Gauss-Hermite rules give the moments of N(0, 1) up to degree 2n - 1") {
  for (const int n : {1, 2, 3, 4, 7, 16, 33, 64, 200}) {
    const QuadratureRule rule = gauss_hermite(n);
    INFO("n = " << n);
    CHECK((rule.weights.array() >= 0).all());
    for (Index i = 0; i + 1 < n; ++i) CHECK(rule.nodes[i] < rule.nodes[i + 1]);
    for (int degree = 0; degree <= std::min(2 * n - 1, 40); ++degree) {
      const double moment = (rule.weights.array() * rule.nodes.array().pow(degree)).sum();
      if (degree % 2 == 1) {
        CHECK(std::abs(moment) <= 1e-13 * odd_factorial(degree));
      } else {
        // E x^k = (k - 1)!!. A relative error e of the nodes gives k e, the weights 2 x^2 e where
        // x^2 ~ 2k matters: 5k units of 2e-16.
        CHECK(moment == Approx(odd_factorial(degree - 1)).epsilon(1e-15 * (degree + 4)));
      }
    }
  }
}

TEST_CASE("The three-point and four-point Gauss-Hermite rules are those of the tables") {
  const QuadratureRule three = gauss_hermite(3);
  CHECK(three.nodes[2] == Approx(std::sqrt(3.0)).epsilon(1e-15));
  CHECK(three.nodes[1] == 0);
  CHECK(three.weights[1] == Approx(2.0 / 3).epsilon(1e-15));
  CHECK(three.weights[0] == Approx(1.0 / 6).epsilon(2e-15));
  const QuadratureRule four = gauss_hermite(4);
  CHECK(four.nodes[3] == Approx(std::sqrt(3 + std::sqrt(6.0))).epsilon(1e-15));
  CHECK(four.nodes[2] == Approx(std::sqrt(3 - std::sqrt(6.0))).epsilon(1e-15));
}

TEST_CASE("Large Gauss-Hermite rules stay finite and integrate an entire function") {
  const QuadratureRule rule = gauss_hermite(400);
  CHECK(rule.nodes.allFinite());
  CHECK(rule.weights.allFinite());
  CHECK(rule.weights.sum() == Approx(1).epsilon(1e-13));
  // E cos(2x) = e^-2
  const double value = (rule.weights.array() * (2 * rule.nodes.array()).cos()).sum();
  CHECK(value == Approx(std::exp(-2.0)).epsilon(1e-12));
}

TEST_CASE("Gauss-Legendre rules on the unit interval are exact up to degree 2n - 1") {
  for (const int n : {1, 2, 3, 5, 8, 24, 101}) {
    const QuadratureRule rule = gauss_legendre(n);
    INFO("n = " << n);
    CHECK((rule.weights.array() > 0).all());
    CHECK((rule.nodes.array() > 0).all());
    CHECK((rule.nodes.array() < 1).all());
    for (Index i = 0; i + 1 < n; ++i) CHECK(rule.nodes[i] < rule.nodes[i + 1]);
    for (int degree = 0; degree < 2 * n; ++degree) {
      const double integral = (rule.weights.array() * rule.nodes.array().pow(degree)).sum();
      // Relative: the nodes near 1 carry high powers, each with degree * 1.1e-16, and the weights
      // there lose a factor of the nodes' closeness to 1 in 1 - x^2.
      CHECK(integral == Approx(1.0 / (degree + 1)).epsilon(1e-14 + 5e-16 * degree));
    }
    const double beyond = (rule.weights.array() * rule.nodes.array().pow(2 * n)).sum();
    if (n <= 5) CHECK(std::abs(beyond - 1.0 / (2 * n + 1)) > 1e-8);
  }
  CHECK(gauss_legendre(2).nodes[0] == Approx(0.5 - 0.5 / std::sqrt(3.0)).epsilon(1e-15));
  CHECK_THROWS_AS(gauss_legendre(0), std::invalid_argument);
}

TEST_CASE("Closed-form coefficients of relu are those of the literature") {
  const Vector c = hermite_series(Activation(Kind::relu), 8).coefficients;
  CHECK(c[0] == Approx(1 / std::sqrt(2 * pi)).epsilon(1e-15));
  CHECK(c[1] == 0.5);
  // He_{k-2}(0)/sqrt(2 pi k!): He_0, He_2, He_4, He_6 at 0 are 1, -1, 3, -15.
  CHECK(c[2] == Approx(1 / std::sqrt(2 * pi * 2)).epsilon(1e-15));
  CHECK(c[4] == Approx(-1 / std::sqrt(2 * pi * 24)).epsilon(1e-15));
  CHECK(c[6] == Approx(3 / std::sqrt(2 * pi * 720)).epsilon(1e-15));
  CHECK(c[8] == Approx(-15 / std::sqrt(2 * pi * 40320)).epsilon(1e-15));
  for (const Index k : {3, 5, 7}) CHECK(c[k] == 0);
}

TEST_CASE("Closed forms of all activations agree with quadrature, low and high degrees") {
  const std::vector<double> kink = {0.0};
  for (const auto name : activation_names()) {
    const Activation activation = parse_activation(name).value();
    INFO(name);
    for (const Index degree : {0, 1, 2, 3, 30, 120}) {
      const HermiteSeries exact = hermite_series(activation, degree);
      const HermiteSeries numeric = hermite_series_by_quadrature(activation, degree, kink);
      REQUIRE(exact.coefficients.size() == degree + 1);
      // Rounding of sums over about 1300 nodes of size ~1: some 1e-15.
      const double difference =
          (exact.coefficients - numeric.coefficients).lpNorm<Eigen::Infinity>();
      CHECK(difference < 1e-14);
      CHECK(numeric.quadrature_error < 1e-14);
      CHECK(exact.tail == Approx(numeric.tail).margin(1e-13));
    }
  }
}

TEST_CASE("Coefficients agree with a Gauss-Hermite rule where that converges") {
  const QuadratureRule rule = gauss_hermite(400);
  Vector h(16);
  for (const Kind kind : {Kind::tanh, Kind::sigmoid, Kind::softplus, Kind::erf, Kind::gelu}) {
    const Activation activation(kind);
    INFO(activation.name());
    Vector expected = Vector::Zero(16);
    for (Index i = 0; i < rule.nodes.size(); ++i) {
      if (rule.weights[i] < 1e-60) continue;  // h_k^2 < 1e40 there
      evaluate_hermite(rule.nodes[i], h);
      expected += rule.weights[i] * activation(rule.nodes[i]) * h;
    }
    // tanh has poles at distance pi/2: error exp(-(pi/2) sqrt(800)) = 5e-20 before rounding.
    const Vector c = hermite_series(activation, 15).coefficients;
    CHECK((c - expected).lpNorm<Eigen::Infinity>() < 2e-14);
  }
}

TEST_CASE("The tail is the norm that the coefficients leave") {
  // E sigma^2 in closed form: relu 1/2; erf (2/pi) asin(2/3) (Williams 1998).
  const double relu_square = 0.5, erf_square = 2 / pi * std::asin(2.0 / 3);
  for (const Index degree : {0, 1, 4, 11}) {
    const HermiteSeries relu = hermite_series(Activation(Kind::relu), degree);
    CHECK(relu.tail * relu.tail ==
          Approx(relu_square - relu.coefficients.squaredNorm()).margin(1e-15));
    const HermiteSeries erf = hermite_series(Activation(Kind::erf), degree);
    CHECK(erf.tail * erf.tail == Approx(erf_square - erf.coefficients.squaredNorm()).margin(1e-15));
  }
  // Small tails have digits (rounding 1e-15): erf's is known from its further coefficients.
  const Vector all = hermite_series(Activation(Kind::erf), 301).coefficients;
  const HermiteSeries erf = hermite_series(Activation(Kind::erf), 101);
  const double expected = all.tail(200).norm();
  CHECK(expected < 1e-9);
  CHECK(erf.tail == Approx(expected).epsilon(1e-4));
  CHECK(hermite_series(Activation(Kind::quadratic), 2).tail < 1e-14);
  CHECK(hermite_series(Activation(Kind::quadratic), 1).tail == Approx(std::sqrt(2.0)));
  CHECK(hermite_series(Activation(Kind::identity), 1).tail < 1e-14);
}

TEST_CASE("The tail of relu is resolved at high degree") {
  // The sum of squares of the coefficients up to degree 4000, and an estimate of the rest.
  const Index degree = 400;
  const Vector far = hermite_series(Activation(Kind::relu), 4000).coefficients;
  const double partial = far.segment(degree + 1, 4000 - degree).squaredNorm();
  // Beyond: c_k^2 ~ A k^(-5/2) on even k, so the rest is c_K^2 K/3 (1 + O(1/K)).
  const double rest = far[4000] * far[4000] * 4000 / 3;
  const double tail = hermite_series(Activation(Kind::relu), degree).tail;
  CHECK(tail * tail == Approx(partial + rest).epsilon(1e-4));
}

TEST_CASE("A general function gets its series, and an undeclared jump a large error estimate") {
  // exp(t x - t^2/2) = sum t^k/sqrt(k!) h_k, t = 0.8.
  const HermiteSeries series =
      hermite_series_by_quadrature([](double x) { return std::exp(0.8 * x - 0.32); }, 12);
  double expected = 1;
  for (Index k = 0; k <= 12; ++k) {
    CHECK(series.coefficients[k] == Approx(expected).margin(1e-14));
    expected *= 0.8 / std::sqrt(static_cast<double>(k + 1));
  }
  const auto step = [](double x) { return x > 0.1234 ? 1.0 : 0.0; };
  const HermiteSeries blind = hermite_series_by_quadrature(step, 4);
  const std::vector<double> where = {0.1234};
  const HermiteSeries told = hermite_series_by_quadrature(step, 4, where);
  const double upper = 0.5 * std::erfc(0.1234 / std::sqrt(2.0));
  CHECK(told.coefficients[0] == Approx(upper).epsilon(1e-14));
  CHECK(blind.quadrature_error > 1e-6);
  CHECK(told.quadrature_error < 1e-14);
  CHECK_THROWS_AS(hermite_series_by_quadrature(step, -1), std::invalid_argument);
  CHECK_THROWS_AS(hermite_series(Activation(Kind::relu), -1), std::invalid_argument);
}
