#include "flow/scalar_curvature.hpp"

#include <cmath>
#include <stdexcept>

#include "numerics/decompositions.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

double curvature_of(const Vector& gradient, const Matrix& hessian) {
  return scalar_curvature(gradient,
                          [&](ConstVectorRef v, VectorRef out) { out.noalias() = hessian * v; });
}

double curvature_of(Loss& loss, const Vector& w) {
  Vector gradient(w.size());
  loss.gradient(w, gradient);
  return scalar_curvature(gradient,
                          [&](ConstVectorRef v, VectorRef out) { loss.hessian_times(v, out); });
}

CurvatureEstimate estimate_of(Loss& loss, const Vector& w, Index probes, std::uint64_t seed) {
  Vector gradient(w.size());
  loss.gradient(w, gradient);
  RandomStream stream(seed, "probes");
  return estimate_scalar_curvature(
      gradient, [&](ConstVectorRef v, VectorRef out) { loss.hessian_times(v, out); }, probes,
      stream);
}

/// One matrix for each direction of derivation.
using Christoffel = std::vector<Matrix>;

/// Gamma^i_jk at [i](j, k) of the metric I + g g^T, by differences of the metric.
Christoffel christoffel(Loss& loss, const Vector& w) {
  const Index p = w.size();
  const auto metric = [&](const Vector& at) {
    Vector gradient(p);
    loss.gradient(at, gradient);
    return Matrix(Matrix::Identity(p, p) + gradient * gradient.transpose());
  };
  std::vector<Matrix> slope;
  for (Index k = 0; k < p; ++k)
    slope.push_back(directional_derivative(metric, w, Vector::Unit(p, k)));
  const Matrix inverse = metric(w).inverse();
  Christoffel gamma(static_cast<std::size_t>(p), Matrix::Zero(p, p));
  for (Index i = 0; i < p; ++i)
    for (Index j = 0; j < p; ++j)
      for (Index k = 0; k < p; ++k)
        for (Index m = 0; m < p; ++m)
          gamma[i](j, k) +=
              0.5 * inverse(i, m) * (slope[k](m, j) + slope[j](m, k) - slope[m](j, k));
  return gamma;
}

/// The scalar curvature from Christoffel symbols and their derivatives, both by differences.
double brute_force(Loss& loss, const Vector& w) {
  const Index p = w.size();
  const auto flat = [&](const Vector& at) {
    const Christoffel gamma = christoffel(loss, at);
    Matrix all(p, p * p);
    for (Index i = 0; i < p; ++i) all.row(i) = gamma[i].reshaped().transpose();
    return all;
  };
  // slope[m](i, j + k p) = d_m Gamma^i_jk
  std::vector<Matrix> slope;
  for (Index m = 0; m < p; ++m)
    slope.push_back(directional_derivative(flat, w, Vector::Unit(p, m)));
  const Christoffel gamma = christoffel(loss, w);
  Vector gradient(p);
  loss.gradient(w, gradient);
  const Matrix inverse = (Matrix::Identity(p, p) + gradient * gradient.transpose()).inverse();
  double r = 0;
  for (Index j = 0; j < p; ++j)
    for (Index k = 0; k < p; ++k) {
      double ricci = 0;
      for (Index i = 0; i < p; ++i) {
        ricci += slope[i](i, j + k * p) - slope[k](i, j + i * p);
        for (Index m = 0; m < p; ++m)
          ricci += gamma[i](i, m) * gamma[m](j, k) - gamma[i](k, m) * gamma[m](j, i);
      }
      r += inverse(j, k) * ricci;
    }
  return r;
}

}  // namespace

TEST_CASE("The graph of a sphere of radius r has the scalar curvature p(p-1)/r^2") {
  for (const double r : {1.0, 2.5})
    for (Index p = 1; p <= 5; ++p) {
      const Vector w = Vector::LinSpaced(p, 0.1, 0.4);
      const double height = std::sqrt(r * r - w.squaredNorm());
      const Matrix hessian =
          Matrix::Identity(p, p) / height + w * w.transpose() / (height * height * height);
      const auto n = static_cast<double>(p);
      CHECK(curvature_of(w / height, hessian) == Approx(n * (n - 1) / (r * r)).margin(1e-12));
    }
}

TEST_CASE("The graph of z = xy has the scalar curvature -2/(1 + x^2 + y^2)^2") {
  Matrix hessian(2, 2);
  hessian << 0, 1, 1, 0;
  for (const double x : {0.0, 0.3, -2.0})
    for (const double y : {0.0, 1.1}) {
      const double w = 1 + x * x + y * y;
      CHECK(curvature_of(Vector{{y, x}}, hessian) == Approx(-2 / (w * w)).epsilon(1e-12));
    }
}

TEST_CASE("A chain of width 1 has on its branch the scalar curvature of the closed form") {
  for (const int depth : {2, 3, 4, 5})
    for (const double lambda : {0.01, 0.1, 0.2}) {
      const double s = 0.9, l = depth;
      // The upper root of (s - u^L) u^(L-2) = lambda, by Newton from u = s^(1/L).
      double u = std::pow(s, 1 / l);
      for (int i = 0; i < 100; ++i) {
        const double f = s * std::pow(u, l - 2) - std::pow(u, 2 * l - 2) - lambda;
        u -= f / (s * (l - 2) * std::pow(u, l - 3) - (2 * l - 2) * std::pow(u, 2 * l - 3));
      }
      const double q = std::pow(u, 2 * l - 2), w2 = 1 + l * lambda * lambda * u * u;
      const double expected =
          l * (l - 1) * lambda / w2 *
          (2 * q - lambda - 2 * lambda * lambda * u * u / w2 * (l * q - (l - 1) * lambda));
      const auto model =
          make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                             {"width", std::int64_t{1}},
                                             {"target_singular_values", std::vector<double>{s}}});
      INFO("depth " << depth << ", lambda " << lambda);
      CHECK(curvature_of(loss_of(*model), Vector::Constant(depth, u)) ==
            Approx(expected).epsilon(1e-8));
    }
}

TEST_CASE("At the origin three layers and more are flat, one hidden layer has -2 h sum s_i^2") {
  const std::vector<double> s{0.9, 0.8};
  for (const int depth : {2, 3, 4}) {
    const auto model = make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                                          {"width", std::int64_t{5}},
                                                          {"target_singular_values", s}});
    Loss& loss = loss_of(*model);
    const double expected = depth == 2 ? -2 * 5 * (0.81 + 0.64) : 0;
    CHECK(curvature_of(loss, Vector::Zero(loss.dimension())) == Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("The formula agrees with Christoffel symbols on networks of 3 to 6 parameters") {
  RandomStream stream(5, "curvature");
  const std::vector<Settings> networks{
      {{"widths", std::vector<std::int64_t>{2, 1, 1}}, {"bias", false}},
      {{"widths", std::vector<std::int64_t>{1, 2, 1}}, {"bias", false}},
      {{"widths", std::vector<std::int64_t>{1, 1, 1}}},
      {{"widths", std::vector<std::int64_t>{1, 1, 2, 1}},
       {"bias", false},
       {"activation", std::string("softplus")}},
      {{"widths", std::vector<std::int64_t>{2, 2, 1}}, {"bias", false}},
      {{"widths", std::vector<std::int64_t>{2, 2}}, {"loss", std::string("cross_entropy")}}};
  for (const Settings& settings : networks) {
    const auto model = make_model("multilayer_perceptron", settings);
    Loss& loss = loss_of(*model);
    REQUIRE(loss.dimension() >= 3);
    REQUIRE(loss.dimension() <= 6);
    for (int point = 0; point < 2; ++point) {
      const Vector w = random_vector(loss.dimension(), stream);
      const double r = curvature_of(loss, w);
      INFO("p = " << loss.dimension() << ", R = " << r);
      CHECK(brute_force(loss, w) == Approx(r).epsilon(1e-6).margin(1e-6));
    }
  }
}

TEST_CASE("Of 400 estimates 90 to 99 % hold the curvature within 1.96 of their errors") {
  const auto model =
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{4, 8, 8, 2}}});
  Loss& loss = loss_of(*model);
  const Vector w = model->initial_state({});
  const double exact = curvature_of(loss, w);
  constexpr int estimates = 400;
  int held = 0;
  Vector values(estimates);
  double squared_errors = 0;
  for (int k = 0; k < estimates; ++k) {
    const CurvatureEstimate estimate = estimate_of(loss, w, 100, static_cast<std::uint64_t>(k));
    values[k] = estimate.value;
    squared_errors += estimate.error * estimate.error / estimates;
    held += std::abs(estimate.value - exact) <= 1.96 * estimate.error;
  }
  CHECK(held >= 360);
  CHECK(held <= 396);
  // No bias, and errors that are those of the estimates: four standard errors of each mean.
  const double spread = (values.array() - values.mean()).square().sum() / (estimates - 1);
  CHECK(std::abs(values.mean() - exact) <= 4 * std::sqrt(spread / estimates));
  CHECK(squared_errors == Approx(spread).epsilon(4 * std::sqrt(2.0 / estimates)));
}

TEST_CASE("At 10^4 parameters 100 probes state an error below 8 % once a network has learnt") {
  // At random weights tr H is small beside |H|, and errors are 7 to 18 %; on the way and at its end
  // 4 to 5 %.
  for (const std::uint64_t seed : {0, 1, 2}) {
    const auto model =
        make_model("multilayer_perceptron",
                   {{"widths", std::vector<std::int64_t>{30, 75, 100, 3}}, {"bias", false}}, seed);
    Loss& loss = loss_of(*model);
    REQUIRE(loss.dimension() >= 10'000);
    SolverSettings settings;
    settings.rtol = 1e-3;
    const Run run = run_model(*model, {}, settings, {0, 0.3, 10}, false);
    for (const std::size_t k : {1, 2}) {
      const CurvatureEstimate estimate = estimate_of(loss, run.states[k], 100, seed);
      CAPTURE(seed, k, estimate.value, estimate.error);
      CHECK(estimate.error < 0.08 * std::abs(estimate.value));
      CHECK(estimate.error > 0.01 * std::abs(estimate.value));
      if (seed > 0 || k > 1) continue;  // p products
      CHECK(std::abs(estimate.value - curvature_of(loss, run.states[k])) < 3 * estimate.error);
    }
  }
}

TEST_CASE("Two probes have no error, and are refused") {
  RandomStream stream(1, "few");
  const auto identity = [](ConstVectorRef v, VectorRef out) { out = v; };
  CHECK_THROWS_AS(estimate_scalar_curvature(Vector::Ones(2), identity, 2, stream),
                  std::invalid_argument);
  // What has no variance is exact: a multiple of the identity.
  const CurvatureEstimate estimate =
      estimate_scalar_curvature(Vector::Ones(2), identity, 3, stream);
  CHECK(estimate.value == Approx(scalar_curvature(Vector::Ones(2), identity)).epsilon(1e-14));
  CHECK(estimate.error < 1e-14);
}
