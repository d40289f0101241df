#include "bench/ivp_test_set.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "numerics/decompositions.hpp"
#include "solve/rosenbrock_tableau.hpp"
#include "tests/catch.hpp"

namespace {

using namespace gradflow;
using namespace gradflow::bench;

// Sizes at which the terms of each equation are comparable, so that no entry of the Jacobian drowns
// in the rounding of a larger one; 1 where not listed.
Vector typical_state(const IvpProblem& problem) {
  Vector scale = Vector::Ones(problem.dimension);
  if (problem.name == "ROBER") scale << 1, 1e-5, 1;
  if (problem.name == "OREGO") scale << 1, 1, 100;
  if (problem.name == "E5") scale << 1e-3, 1e-12, 1e-8, 1e-10;
  if (problem.name == "POLLU") {
    scale *= 1e-2;
    scale[2] = 1e-8;    // O(3P), lost at the rate 4.8e6
    scale[4] = 1e-6;    // HO2
    scale[5] = 1e-6;    // OH
    scale[9] = 1e-6;    // MEO2
    scale[10] = 1e-6;   // C2O3
    scale[15] = 1e-14;  // O(1D), lost at the rate 4.4e11
  }
  return scale;
}

std::vector<Vector> states(const IvpProblem& problem, int count) {
  std::mt19937_64 random(20240229);
  std::uniform_real_distribution<double> factor(0.5, 1.5);
  std::vector<Vector> result;
  for (int n = 0; n < count; ++n) {
    result.push_back(
        typical_state(problem).unaryExpr([&](double s) { return s * factor(random); }));
  }
  return result;
}

// Weights of the linear invariants w·y.
std::vector<Vector> invariants(const std::string& name) {
  if (name == "ROBER") return {Vector::Ones(3)};
  if (name == "HIRES") return {Vector::Unit(8, 6) + Vector::Unit(8, 7)};
  if (name == "E5") return {Vector{{0, 1, -1, -1}}};
  if (name == "POLLU") {
    // Sulphur: SO2 + SO4. Nitrogen: NO2, NO, PAN, HNO3, NO3 and two in N2O5.
    Vector nitrogen = Vector::Zero(20);
    for (Index i : {0, 1, 12, 14, 18}) nitrogen[i] = 1;
    nitrogen[19] = 2;
    return {Vector::Unit(20, 16) + Vector::Unit(20, 17), nitrogen};
  }
  return {};
}

// RODAS5P with the elementary step-size controller: enough to reach each end state independently of
// the recomputation by which the references were made.
Vector integrate(const IvpProblem& problem, double rtol, const Vector& atol, double first_step) {
  const RosenbrockTableau& tableau = rodas5p();
  const Index n = problem.dimension;
  const Index s = tableau.stages;
  Vector y = problem.y0;
  Vector dy(n);
  Matrix jacobian(n, n);
  Matrix k(n, s);
  double t = 0;
  double h = first_step;
  for (int steps = 0; t < problem.t_end; ++steps) {
    // The longest run takes 5000 steps; a failed one would end in NaN and never arrive.
    if (steps == 100000 || !std::isfinite(h)) throw std::runtime_error("integration failed");
    h = std::min(h, problem.t_end - t);
    problem.jacobian(t, y, jacobian);
    const Eigen::PartialPivLU<Matrix> lu(Matrix::Identity(n, n) / (h * tableau.gamma) - jacobian);
    for (Index i = 0; i < s; ++i) {
      const Vector argument = y + k.leftCols(i) * tableau.a.row(i).head(i).transpose();
      problem.rhs(t, argument, dy);
      k.col(i) = lu.solve(dy + k.leftCols(i) * tableau.C.row(i).head(i).transpose() / h);
    }
    const Vector next = y + k * tableau.m;
    const Vector tolerance = rtol * y.cwiseAbs().cwiseMax(next.cwiseAbs()) + atol;
    const double error = (k * tableau.e).cwiseQuotient(tolerance).cwiseAbs().maxCoeff();
    if (error <= 1) {
      t += h;
      y = next;
    }
    h *= std::clamp(0.9 * std::pow(error, -0.2), 0.2, 5.0);
  }
  return y;
}

}  // namespace

TEST_CASE("The IVP test set lists every problem once, complete and of consistent size") {
  std::map<std::string, int> count;
  for (const IvpProblem& p : ivp_test_set()) {
    INFO(p.name);
    ++count[p.name];
    CHECK(p.t_end > 0);
    CHECK(p.y0.size() == p.dimension);
    CHECK(p.reference_solution.size() == p.dimension);
    CHECK((p.published_solution.size() == p.dimension || p.published_solution.size() == 0));
    CHECK_FALSE(p.source.empty());
  }
  CHECK(count.size() == 7);
  for (const auto& [name, times] : count) CHECK(times == 1);
}

TEST_CASE("IVP test set Jacobians agree with central differences of the right-hand sides") {
  for (const IvpProblem& p : ivp_test_set()) {
    const Index n = p.dimension;
    // As a function of one variable all right-hand sides but Davis–Skodje's are of degree two at
    // most; central differences are then exact at any step, and a long one keeps rounding small.
    const bool quadratic = p.name != "Davis-Skodje";
    const double relative_step = quadratic ? 0.25 : 1e-5;
    const Vector scale = typical_state(p);
    for (const Vector& y : states(p, 5)) {
      // What is not written shows as NaN.
      Matrix J = Matrix::Constant(n, n, std::numeric_limits<double>::quiet_NaN());
      p.jacobian(0, y, J);
      Vector plus(n), minus(n), f(n);
      p.rhs(0, y, f);
      // Size of the terms summed in each equation.
      const Vector terms = f.cwiseAbs() + J.cwiseAbs() * y;
      for (Index j = 0; j < n; ++j) {
        const double step = relative_step * scale[j];
        Vector moved = y;
        moved[j] = y[j] + step;
        p.rhs(0, moved, plus);
        moved[j] = y[j] - step;
        p.rhs(0, moved, minus);
        const Vector difference = (plus - minus) / (2 * step);
        for (Index i = 0; i < n; ++i) {
          INFO(p.name << " J(" << i << ", " << j << ")");
          // Rounding: up to twenty terms, each off by 2⁻⁵³ a few times, over the step; in
          // Davis–Skodje also step²/6 times the third derivative in y₁, at most 6γ for y₁ > 1/2.
          const double rounding = 100 * 0x1p-53 * terms[i] / step;
          const double truncation = quadratic ? 0 : step * step * 1e6;
          CHECK(std::abs(difference[i] - J(i, j)) <= rounding + truncation);
          // The check is worth something only where the allowance is far below the entry.
          if (J(i, j) != 0) CHECK(rounding + truncation < 1e-3 * std::abs(J(i, j)));
        }
      }
    }
  }
}

TEST_CASE("IVP test set right-hand sides and references keep the linear invariants") {
  for (const IvpProblem& p : ivp_test_set()) {
    for (const Vector& w : invariants(p.name)) {
      INFO(p.name);
      Vector f(p.dimension);
      Matrix J(p.dimension, p.dimension);
      for (const Vector& y : states(p, 5)) {
        p.rhs(0, y, f);
        p.jacobian(0, y, J);
        const double terms = w.cwiseAbs().dot(f.cwiseAbs() + J.cwiseAbs() * y);
        CHECK(std::abs(w.dot(f)) < 100 * 0x1p-53 * terms);
      }
      // Each component of the reference is rounded to a double, w·y0 too.
      const double size = w.cwiseAbs().dot(p.reference_solution.cwiseAbs());
      const double rounding = 4 * 0x1p-53 * (size + w.cwiseAbs().dot(p.y0));
      if (p.name == "E5") {
        // Here w·y0 = 0 while y0 is 1e-3: the reference keeps the invariant to its own size.
        CHECK(std::abs(w.dot(p.reference_solution)) <= 4 * 0x1p-53 * size);
      } else {
        CHECK(std::abs(w.dot(p.reference_solution - p.y0)) <= rounding);
      }
    }
  }
}

TEST_CASE("IVP test set references agree with what is published to the documented digits") {
  const std::map<std::string, double> digits{{"ROBER", 13.7}, {"VDPOL", 13.7}, {"OREGO", 12.8},
                                             {"HIRES", 15.5}, {"POLLU", 15.3}, {"E5", 3.1}};
  for (const IvpProblem& p : ivp_test_set()) {
    if (p.published_solution.size() == 0) continue;
    for (Index i = 0; i < p.dimension; ++i) {
      INFO(p.name << " component " << i);
      if (p.reference_solution[i] == 0) {
        CHECK(std::abs(p.published_solution[i]) < 1e-200);
        continue;
      }
      const double deviation = std::abs(p.published_solution[i] / p.reference_solution[i] - 1);
      // Half a unit in the digits of the table in ivp_test_set.cpp, and the rounding of a quotient.
      CHECK(deviation <= std::pow(10, -digits.at(p.name) + 0.05) + 0x1p-52);
    }
  }
}

TEST_CASE("The van der Pol reference lies on the slow manifold to first order in epsilon") {
  const IvpProblem p = vdpol();
  const double y = p.reference_solution[0];
  // z = z0 + ε z0'/(1 − y²) + O(ε²), z0 = y/(1 − y²), z0' = z0 (1 + y²)/(1 − y²)²; O(ε²) = 1e-12
  // times derivatives of a few units.
  const double u = 1 - y * y;
  const double z0 = y / u;
  const double z1 = z0 * (1 + y * y) / (u * u * u);
  CHECK(p.reference_solution[1] == Approx(z0 + 1e-6 * z1).epsilon(0).margin(2e-11));
}

TEST_CASE("Davis-Skodje's closed form satisfies its equation and rejects meaningless parameters") {
  for (double gamma : {3.0, 50.0}) {
    // d/dt of the closed form by central differences in t_end: error (γ dt)²γ/6 plus rounding.
    const double dt = 1e-5;
    const double t = 0.3;
    const IvpProblem p = davis_skodje(gamma, t);
    const Vector difference = (davis_skodje(gamma, t + dt).reference_solution -
                               davis_skodje(gamma, t - dt).reference_solution) /
                              (2 * dt);
    Vector f(2);
    p.rhs(t, p.reference_solution, f);
    CHECK((difference - f).norm() < gamma * gamma * gamma * dt * dt + 0x1p-52 * gamma / dt);
    CHECK((davis_skodje(gamma, 1e-300).reference_solution - p.y0).norm() < 1e-15);
  }
  CHECK_THROWS_AS(davis_skodje(0), std::invalid_argument);
  CHECK_THROWS_AS(davis_skodje(10, -1), std::invalid_argument);
}

TEST_CASE("An adaptive RODAS5P run reaches the references of the IVP test set") {
  constexpr double rtol = 1e-9;
  for (IvpProblem p : ivp_test_set()) {
    INFO(p.name);
    // Below the end state of each component, so that digits of it are asked for.
    Vector atol = Vector::Constant(p.dimension, 1e-12);
    if (p.name == "ROBER") atol << 1e-16, 1e-22, 1e-9;
    if (p.name == "POLLU") atol = 1e-12 * typical_state(p);
    if (p.name == "E5") {
      p = e5_without_y2();
      atol = Vector::Constant(3, 1e-30);
    }
    const Vector y = integrate(p, rtol, atol, 1e-6);
    for (Index i = 0; i < p.dimension; ++i) {
      INFO("component " << i << ": " << y[i] << " for " << p.reference_solution[i]);
      // The end states are 1e4 times less accurate than a step at worst (phase errors in OREGO).
      CHECK(std::abs(y[i] - p.reference_solution[i]) <=
            1e4 * (rtol * std::abs(p.reference_solution[i]) + atol[i]));
    }
  }
}
