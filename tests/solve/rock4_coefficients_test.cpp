#include "solve/rock4_coefficients.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

const std::vector<int> degrees{5, 6, 7, 8, 10, 13, 20, 35, 60, 100, 200, 400, 1000};

/// One step for y' = z y from 1, with `disturbance` added to the G_k.
struct LinearStep {
  double end = 1, error = 0, first_slope = 0, last_slope = 0;
};
LinearStep linear_step(const Rock4Coefficients& m, double z, const Vector& disturbance = {}) {
  LinearStep step;
  double before = 0, increment = 2 * z / m.length;
  for (Index k = 1; k <= m.degree; ++k) {
    if (disturbance.size() > 0) increment += disturbance[k - 1];
    step.end += m.weights[k] * increment;
    step.error += m.errors[k] * increment;
    step.first_slope += m.first_slope[k] * increment;
    step.last_slope += m.last_slope[k] * increment;
    before = 2 * increment - before + 4 * z / m.length * (1 + increment);
    std::swap(before, increment);
  }
  return step;
}

/// The method as any explicit one: evaluations at y + h sum a k, weights of y_1 and of the error.
struct Table {
  Matrix a;
  Vector b, errors, c, times;
};

Table table(const Rock4Coefficients& m) {
  const Index n = m.degree + 2;  // y; both sides of G_1; the others; D
  Table t{Matrix::Zero(n, n), Vector::Zero(n), Vector::Zero(n), {}, Vector::Zero(n)};
  const double g = 2 / m.length;
  Vector before = Vector::Zero(n), increment = g * Vector::Unit(n, 0), bend = Vector::Zero(n),
         bend_slope = (1 - m.inner_share - m.outer_share) * Vector::Unit(n, 0);
  for (Index k = 1; k <= m.degree; ++k) {
    t.b += m.weights[k] * increment;
    t.errors += m.errors[k] * increment;
    if (k == m.degree) break;
    const Index row = k + 1;  // of its evaluation
    t.a.row(row) = m.share[k] * increment;
    t.times[row] = m.time[k];
    Vector slope = Vector::Unit(n, 0);
    if (k == 1) {
      t.a.row(1) = -m.share[1] * increment;
      t.times[1] = -m.time[1];
      slope += (Vector::Unit(n, row) - Vector::Unit(n, 1)) / (2 * m.share[1]);
    } else {
      slope += (Vector::Unit(n, row) - Vector::Unit(n, 0)) / m.share[k];
    }
    const double part = k == m.inner ? m.inner_share : k == m.outer ? m.outer_share : 0;
    bend += part * m.share[k] * increment;
    bend_slope += part * Vector::Unit(n, row);
    before = 2 * increment - before + 2 * g * slope;
    before.swap(increment);
  }
  t.a.row(n - 1) = bend;
  t.times[n - 1] = m.bend_time;
  t.b += m.bend * (Vector::Unit(n, n - 1) - bend_slope);
  t.c = t.a.rowwise().sum();
  return t;
}

}  // namespace

TEST_CASE("rock4 meets the eight conditions of order 4 at every degree") {
  for (const int degree : degrees) {
    if (degree > 400) continue;  // a table of 8 MB
    CAPTURE(degree);
    const Table t = table(rock4_coefficients(degree));
    const Vector squares = t.c.cwiseAbs2(), inner = t.a * t.c;
    const std::vector<std::pair<double, double>> conditions{
        {t.b.sum(), 1},
        {t.b.dot(t.c), 1.0 / 2},
        {t.b.dot(squares), 1.0 / 3},
        {t.b.dot(inner), 1.0 / 6},
        {t.b.dot(squares.cwiseProduct(t.c)), 1.0 / 4},
        {t.b.dot(t.c.cwiseProduct(inner)), 1.0 / 8},
        {t.b.dot(t.a * squares), 1.0 / 12},
        {t.b.dot(t.a * inner), 1.0 / 24}};
    for (std::size_t k = 0; k < conditions.size(); ++k) {
      CAPTURE(k);
      CHECK(std::abs(conditions[k].first - conditions[k].second) < 1e-7);
    }
    CHECK((t.c - t.times).cwiseAbs().maxCoeff() < 1e-11);
    // The error estimate sees nothing below h^4.
    for (const double sum :
         {t.errors.sum(), t.errors.dot(t.c), t.errors.dot(squares), t.errors.dot(inner)})
      CHECK(std::abs(sum) < 1e-7);
  }
}

TEST_CASE("rock4 is stable to 0.34 s^2 - 2.8, damped all the way, and follows exp before") {
  for (const int degree : degrees) {
    CAPTURE(degree);
    const Rock4Coefficients m = rock4_coefficients(degree);
    CHECK(m.length == Approx(0.34 * degree * degree - 2.8));
    CHECK(m.length == rock4_length(degree));
    const double damping = 0.78;  // as the header states
    bool fallen = false;
    double largest = 0, off = 0, error = 0, slope = 0;
    const int points = 40 * degree;
    for (int k = 0; k <= points; ++k) {
      // Dense at both ends, where the ripples are narrow.
      const double z = -m.length * 0.5 * (1 - std::cos(M_PI * k / points));
      const LinearStep step = linear_step(m, z);
      fallen = fallen || std::abs(step.end) < damping;
      if (fallen)
        largest = std::max(largest, std::abs(step.end));
      else
        off = std::max(off, std::abs(step.end - std::exp(z)));
      error = std::max(error, std::abs(step.error));
      slope = std::max({slope, std::abs(step.first_slope), std::abs(step.last_slope)});
    }
    CHECK(largest <= damping);
    CHECK(off < 1e-2);
    // Of what is stiff neither the estimate nor dense output has more than a few times what the
    // state has.
    CHECK(error < 4);
    CHECK(slope < 4);
    for (const double z : {-0.2, -0.1, 0.1, 0.2}) {
      const LinearStep step = linear_step(m, z);
      CHECK(std::abs(step.end - std::exp(z)) < std::pow(std::abs(z), 5) / 120);
      CHECK(step.error == Approx(std::pow(z, 4) / 40).epsilon(0.3));
      CHECK(std::abs(step.first_slope - z) < std::pow(z, 4));
      CHECK(std::abs(step.last_slope - z * std::exp(z)) < std::pow(z, 4));
    }
  }
}

TEST_CASE("What rounding leaves in the stages of rock4 grows with the degree's square at most") {
  for (const int degree : degrees) {
    CAPTURE(degree);
    const Rock4Coefficients m = rock4_coefficients(degree);
    RandomStream random(static_cast<std::uint64_t>(degree), "disturbance");
    Vector noise(degree);
    double largest = 0;
    for (const double part : {1e-4, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999, 1.0}) {
      const double z = -part * m.length;
      random.fill_normal(noise);
      const double delta = 1e-3;
      const double change = linear_step(m, z, delta * noise).end - linear_step(m, z).end;
      largest = std::max(largest, std::abs(change) / delta);
    }
    CHECK(largest < degree * degree);
  }
}

TEST_CASE("Degrees of rock4 are the lowest of a ladder that reach a length") {
  CHECK(rock4_degree(0) == rock4_lowest_degree);
  int last = 0;
  for (double length = 1; length < rock4_length(rock4_highest_degree); length *= 1.3) {
    const int degree = rock4_degree(length);
    CHECK(rock4_length(degree) >= length);
    CHECK(degree >= last);
    const double lowest = std::sqrt((length + 2.8) / 0.34);
    CHECK(degree < std::max(1.06 * lowest + 1, rock4_lowest_degree + 1.0));
    last = degree;
  }
  CHECK(rock4_degree(1e9) == rock4_highest_degree);
}
