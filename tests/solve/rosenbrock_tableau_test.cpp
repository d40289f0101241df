#include "solve/rosenbrock_tableau.hpp"
#include "numerics/decompositions.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.hpp"

namespace {

using namespace gradflow;

struct Problem {
  std::function<Vector(double, const Vector&)> rhs;
  std::function<Matrix(double, const Vector&)> jacobian;
  std::function<Vector(double, const Vector&)> time_derivative;
  std::function<Vector(double)> exact;
};

// Kaps' problem with ε = 1: coupled both ways, so that its elementary differentials differ.
Problem kaps() {
  Problem p;
  p.rhs = [](double, const Vector& y) {
    return Vector{{-3 * y[0] + y[1] * y[1], y[0] - y[1] - y[1] * y[1]}};
  };
  p.jacobian = [](double, const Vector& y) { return Matrix{{-3, 2 * y[1]}, {1, -1 - 2 * y[1]}}; };
  p.time_derivative = [](double, const Vector&) { return Vector::Zero(2).eval(); };
  p.exact = [](double t) { return Vector{{std::exp(-2 * t), std::exp(-t)}}; };
  return p;
}

// u₁' = −u₁, u₂' = −u₂², u₃' = u₃(1 − u₃), seen through the shear y = (u₁, u₂ + u₁², u₃ + u₁u₂).
Problem sheared() {
  Problem p;
  p.rhs = [](double, const Vector& y) {
    const double u1 = y[0];
    const double u2 = y[1] - u1 * u1;
    const double u3 = y[2] - u1 * u2;
    return Vector{{-u1, -u2 * u2 - 2 * u1 * u1, u3 * (1 - u3) - u1 * u2 - u1 * u2 * u2}};
  };
  p.jacobian = [](double, const Vector& y) {
    const double u1 = y[0];
    const double u2 = y[1] - u1 * u1;
    const double u3 = y[2] - u1 * u2;
    const Eigen::RowVector3d du1(1, 0, 0);
    const Eigen::RowVector3d du2(-2 * u1, 1, 0);
    const Eigen::RowVector3d du3(2 * u1 * u1 - u2, -u1, 1);
    Matrix result(3, 3);
    result.row(0) = -du1;
    result.row(1) = -2 * u2 * du2 - 4 * u1 * du1;
    result.row(2) = (1 - 2 * u3) * du3 - (u2 + u2 * u2) * du1 - u1 * (1 + 2 * u2) * du2;
    return result;
  };
  p.time_derivative = [](double, const Vector&) { return Vector::Zero(3).eval(); };
  p.exact = [](double t) {
    const double u1 = std::exp(-t);
    const double u2 = 1 / (1 + t);
    return Vector{{u1, u2 + u1 * u1, 1 / (1 + std::exp(-t)) + u1 * u2}};
  };
  return p;
}

// Non-autonomous, a nonlinear Prothero–Robinson equation: y' = φ' − (y − φ)(1 + y²), φ = sin t.
Problem driven() {
  Problem p;
  p.rhs = [](double t, const Vector& y) {
    return Vector{{std::cos(t) - (y[0] - std::sin(t)) * (1 + y[0] * y[0])}};
  };
  p.jacobian = [](double t, const Vector& y) {
    return Matrix{{-(1 + y[0] * y[0]) - 2 * y[0] * (y[0] - std::sin(t))}};
  };
  p.time_derivative = [](double t, const Vector& y) {
    return Vector{{-std::sin(t) + std::cos(t) * (1 + y[0] * y[0])}};
  };
  p.exact = [](double t) { return Vector{{std::sin(t)}}; };
  return p;
}

struct Step {
  Vector solution;
  Vector embedded;
  std::vector<Vector> k;
};

Step take_step(const RosenbrockTableau& tableau, const Problem& problem, double t, const Vector& y,
               double h, const Matrix& jacobian) {
  const Index n = y.size();
  const Eigen::PartialPivLU<Matrix> lu(Matrix::Identity(n, n) / (h * tableau.gamma) - jacobian);
  const Vector f_t = problem.time_derivative(t, y);
  Step step{y, y, {}};
  for (Index i = 0; i < tableau.stages; ++i) {
    Vector argument = y;
    Vector couplings = h * tableau.d[i] * f_t;
    for (Index j = 0; j < i; ++j) {
      argument += tableau.a(i, j) * step.k[std::size_t(j)];
      couplings += tableau.C(i, j) / h * step.k[std::size_t(j)];
    }
    step.k.push_back(lu.solve(problem.rhs(t + tableau.c[i] * h, argument) + couplings));
    step.solution += tableau.m[i] * step.k.back();
    step.embedded += (tableau.m[i] - tableau.e[i]) * step.k.back();
  }
  return step;
}

enum class Advance { solution, embedded };
enum class JacobianUse { exact, stale, arbitrary };

// A matrix that has nothing to do with the problems; its entries are of the size of their
// Jacobians.
Matrix arbitrary_matrix(Index n) {
  const Eigen::Matrix3d a{{-1.3, 0.7, -0.4}, {0.2, -0.6, 1.1}, {0.9, -0.8, -2.0}};
  return a.topLeftCorner(n, n);
}

double error_at(const RosenbrockTableau& tableau, const Problem& problem, double t_end, int steps,
                Advance advance, JacobianUse use) {
  const double h = t_end / steps;
  Vector y = problem.exact(0);
  // The state one step before the start is known here, so that stale means stale from the first
  // step.
  Vector previous = problem.exact(-h);
  for (int n = 0; n < steps; ++n) {
    const double t = n * h;
    const Matrix jacobian = use == JacobianUse::exact   ? problem.jacobian(t, y)
                            : use == JacobianUse::stale ? problem.jacobian(t - h, previous)
                                                        : arbitrary_matrix(y.size());
    const Step step = take_step(tableau, problem, t, y, h, jacobian);
    previous = y;
    y = advance == Advance::solution ? step.solution : step.embedded;
  }
  return (y - problem.exact(t_end)).norm();
}

double observed_order(const RosenbrockTableau& tableau, const Problem& problem, int steps,
                      Advance advance, JacobianUse use) {
  const double coarse = error_at(tableau, problem, 1, steps, advance, use);
  const double fine = error_at(tableau, problem, 1, 2 * steps, advance, use);
  return std::log2(coarse / fine);
}

// Error = c h^p (1 + c' h + …): the slope between h and h/2 is p + c'h/(2 log 2) + …, and with
// h = 1/64 and rates of the problems of a few, so |c'| < 12, it is within 0.15 of p.
constexpr double slope_tolerance = 0.15;

// The usual form of the method (see the header of RosenbrockTableau).
struct UsualForm {
  explicit UsualForm(const RosenbrockTableau& t)
      : gamma_matrix((Matrix::Identity(t.stages, t.stages) / t.gamma - t.C).inverse()),
        alpha(t.a * gamma_matrix) {}
  Vector weights(const Vector& transformed) const { return gamma_matrix.transpose() * transformed; }
  Matrix gamma_matrix;
  Matrix alpha;
};

// Residuals of the order conditions of Rosenbrock methods with exact J, for a solution at θ
// (Hairer & Wanner, Section IV.7: β = α + γ in place of α below a node with one child).
std::vector<std::vector<double>> row_conditions(const UsualForm& form, const Vector& b,
                                                double theta) {
  const Matrix& al = form.alpha;
  const Matrix be = al + form.gamma_matrix;
  const Vector one = Vector::Ones(b.size());
  const Vector ac = al * one;
  const Vector bc = be * one;
  const Vector a2 = ac.cwiseProduct(ac);
  const Vector a3 = a2.cwiseProduct(ac);
  const Vector abc = al * bc;
  const Vector a_abc = ac.cwiseProduct(abc);
  const auto residual = [&](const Vector& v, int order, double density) {
    return b.dot(v) - std::pow(theta, order) / density;
  };
  return {{residual(one, 1, 1)},
          {residual(bc, 2, 2)},
          {residual(a2, 3, 3), residual(be * bc, 3, 6)},
          {residual(a3, 4, 4), residual(a_abc, 4, 8), residual(be * a2, 4, 12),
           residual(be * (be * bc), 4, 24)},
          {residual(a3.cwiseProduct(ac), 5, 5), residual(a2.cwiseProduct(abc), 5, 10),
           residual(abc.cwiseProduct(abc), 5, 20), residual(ac.cwiseProduct(al * a2), 5, 15),
           residual(ac.cwiseProduct(al * (be * bc)), 5, 30), residual(be * a3, 5, 20),
           residual(be * a_abc, 5, 40), residual(be * (be * a2), 5, 60),
           residual(be * (be * (be * bc)), 5, 120)}};
}

// The same for any matrix in place of J (W-methods, Hairer & Wanner, Section IV.7), to order 3.
std::vector<std::vector<double>> w_conditions(const UsualForm& form, const Vector& b,
                                              double theta) {
  const Vector one = Vector::Ones(b.size());
  const Vector ac = form.alpha * one;
  const Vector gc = form.gamma_matrix * one;
  return {{b.sum() - theta},
          {b.dot(ac) - theta * theta / 2, b.dot(gc)},
          {b.dot(ac.cwiseProduct(ac)) - std::pow(theta, 3) / 3,
           b.dot(form.alpha * ac) - std::pow(theta, 3) / 6, b.dot(form.alpha * gc),
           b.dot(form.gamma_matrix * ac), b.dot(form.gamma_matrix * gc)}};
}

// The largest q such that all conditions of order ≤ q hold. Coefficients have 16 digits, the
// largest of size 165; the sums amplify their rounding to 165 · 2⁻⁵³ · (number of terms, 8 to 64) ≈
// 1e-12 at worst. A condition that truly fails does so by more than 1e-4 in all these methods.
int satisfied_order(const std::vector<std::vector<double>>& conditions) {
  int order = 0;
  for (const auto& of_order : conditions) {
    for (double residual : of_order) {
      if (std::abs(residual) > 1e-12) return order;
    }
    ++order;
  }
  return order;
}

// R(z) = y₁/y for y' = λy, z = hλ: (1/γ − C − z(1 + a)) k = z·1.
std::complex<double> stability_function(const RosenbrockTableau& t, std::complex<double> z,
                                        const Vector& weights) {
  const Index s = t.stages;
  const Eigen::MatrixXcd identity = Eigen::MatrixXcd::Identity(s, s);
  const Eigen::MatrixXcd system = identity / t.gamma - t.C.cast<std::complex<double>>() -
                                  z * (identity + t.a.cast<std::complex<double>>());
  const Eigen::VectorXcd k = system.partialPivLu().solve(Eigen::VectorXcd::Constant(s, z));
  return 1.0 + (weights.cast<std::complex<double>>().transpose() * k)(0);
}

const std::vector<double> thetas{0.1, 0.35, 0.5, 0.75, 0.9};

/// A method, with the orders that its header states and no run reads.
struct Stated {
  const RosenbrockTableau* tableau;
  int dense_order;       ///< J exact: y(t + θh) has local error O(h^{dense_order+1})
  int w_order;           ///< of y₁ with any matrix in place of J
  int w_embedded_order;  ///< of y₁ − err with any matrix in place of J
  int w_dense_order;
};
const Stated methods[] = {{&rodas5p(), 4, 2, 1, 1}, {&ros34pw2(), 3, 3, 2, 2}};

}  // namespace

TEST_CASE("Rosenbrock c and d are the row sums of alpha and Gamma") {
  for (const RosenbrockTableau* t : {&rodas5p(), &ros34pw2()}) {
    INFO(t->name);
    const UsualForm form(*t);
    // Rounding of 16-digit coefficients, see satisfied_order.
    REQUIRE((form.alpha.rowwise().sum() - t->c).cwiseAbs().maxCoeff() < 1e-12);
    REQUIRE((form.gamma_matrix.rowwise().sum() - t->d).cwiseAbs().maxCoeff() < 1e-12);
    REQUIRE(t->a.triangularView<Eigen::Upper>().toDenseMatrix().isZero(0));
    REQUIRE(t->C.triangularView<Eigen::Upper>().toDenseMatrix().isZero(0));
  }
}

TEST_CASE("Rosenbrock coefficients satisfy the order conditions to exactly the stated orders") {
  for (const Stated& stated : methods) {
    const RosenbrockTableau* t = stated.tableau;
    INFO(t->name);
    const UsualForm form(*t);
    const Vector b = form.weights(t->m);
    const Vector b_embedded = form.weights(t->m - t->e);
    const int listed_orders = 5;
    REQUIRE(satisfied_order(row_conditions(form, b, 1)) == std::min(t->order, listed_orders));
    REQUIRE(satisfied_order(row_conditions(form, b_embedded, 1)) == t->embedded_order);
    REQUIRE(satisfied_order(w_conditions(form, b, 1)) == stated.w_order);
    REQUIRE(satisfied_order(w_conditions(form, b_embedded, 1)) == stated.w_embedded_order);
    for (double theta : thetas) {
      INFO("theta " << theta);
      Vector w(t->stages);
      t->dense_weights(theta, w);
      REQUIRE(satisfied_order(row_conditions(form, form.weights(w), theta)) == stated.dense_order);
      REQUIRE(satisfied_order(w_conditions(form, form.weights(w), theta)) == stated.w_dense_order);
    }
  }
}

TEST_CASE("Rosenbrock fixed-step runs with the exact Jacobian show the stated orders") {
  const std::vector<std::pair<std::string, Problem>> problems{
      {"Kaps", kaps()}, {"sheared", sheared()}, {"driven", driven()}};
  for (const auto& [name, problem] : problems) {
    for (const RosenbrockTableau* t : {&rodas5p(), &ros34pw2()}) {
      INFO(t->name << " on " << name);
      // Order 5 meets rounding (errors below 1e-13) sooner: 16 steps there.
      const int steps = t->order == 5 ? 16 : 64;
      const double p = observed_order(*t, problem, steps, Advance::solution, JacobianUse::exact);
      const double q = observed_order(*t, problem, 64, Advance::embedded, JacobianUse::exact);
      CHECK(p > t->order - slope_tolerance);
      // Above p the slope may be where c is small against the next term.
      CHECK(p < t->order + 4 * slope_tolerance);
      CHECK(q > t->embedded_order - slope_tolerance);
      CHECK(q < t->embedded_order + 4 * slope_tolerance);
    }
  }
}

TEST_CASE("Rosenbrock dense output has local error of its order plus one inside a step") {
  for (const Problem& problem : {kaps(), sheared(), driven()}) {
    for (const Stated& stated : methods) {
      const RosenbrockTableau* t = stated.tableau;
      INFO(t->name << " dimension " << problem.exact(0).size());
      // Root mean square over several θ and steps from several points of the exact solution: at a
      // single one the leading term, a polynomial in θ, may nearly vanish and leave the slope of
      // the next order. (That the order holds at each θ is shown by the order conditions.)
      const auto local_error = [&](double h) {
        Vector w(t->stages);
        double sum = 0;
        for (double start : {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}) {
          const Vector y = problem.exact(start);
          const Step step = take_step(*t, problem, start, y, h, problem.jacobian(start, y));
          for (double theta : thetas) {
            t->dense_weights(theta, w);
            Vector at_theta = y;
            for (Index i = 0; i < t->stages; ++i) at_theta += w[i] * step.k[std::size_t(i)];
            sum += (at_theta - problem.exact(start + theta * h)).squaredNorm();
          }
        }
        return std::sqrt(sum);
      };
      // Twice the step of the other runs, hence twice the allowance.
      const double slope = std::log2(local_error(1. / 32) / local_error(1. / 64));
      CHECK(slope > stated.dense_order + 1 - 2 * slope_tolerance);
      CHECK(slope < stated.dense_order + 1 + 2 * slope_tolerance);
    }
  }
}

TEST_CASE("Rosenbrock dense weights implement the documented formula and meet both ends") {
  for (const RosenbrockTableau* t : {&rodas5p(), &ros34pw2()}) {
    const double y0 = 0.7;
    const Vector k = Vector::LinSpaced(t->stages, -1, 1.5);
    const double y1 = y0 + t->m.dot(k);
    Vector w(t->stages);
    for (double theta : {0.0, 0.3, 1.0}) {
      double inner = 0;
      for (Index j = 0; j < t->h.rows(); ++j) {
        inner += std::pow(theta, j) * t->h.row(j).dot(k);
      }
      t->dense_weights(theta, w);
      // Rounding of sums whose terms are at most about 100.
      REQUIRE(y0 + w.dot(k) ==
              Approx((1 - theta) * y0 + theta * (y1 + (1 - theta) * inner)).margin(1e-12));
    }
    REQUIRE((w - t->m).isZero(0));
  }
}

TEST_CASE("Rosenbrock orders with an arbitrary matrix in place of the Jacobian are those stated") {
  for (const Problem& problem : {kaps(), sheared()}) {
    for (const Stated& stated : methods) {
      const RosenbrockTableau* t = stated.tableau;
      INFO(t->name << " dimension " << problem.exact(0).size());
      const double p = observed_order(*t, problem, 256, Advance::solution, JacobianUse::arbitrary);
      const double q = observed_order(*t, problem, 256, Advance::embedded, JacobianUse::arbitrary);
      CHECK(p > stated.w_order - slope_tolerance);
      CHECK(p < stated.w_order + slope_tolerance);
      CHECK(q > stated.w_embedded_order - slope_tolerance);
      CHECK(q < stated.w_embedded_order + slope_tolerance);
    }
  }
}

TEST_CASE("Rosenbrock orders with the Jacobian of the step before are those stated in the header") {
  // J − f_y = O(h) multiplies each term with a γ_ij by h: one order more than with any matrix, at
  // most the method's own.
  for (const Problem& problem : {kaps(), sheared()}) {
    for (const Stated& stated : methods) {
      const RosenbrockTableau* t = stated.tableau;
      INFO(t->name << " dimension " << problem.exact(0).size());
      const int p = std::min(t->order, stated.w_order + 1);
      const int q = std::min(t->embedded_order, stated.w_embedded_order + 1);
      const double p_observed =
          observed_order(*t, problem, 256, Advance::solution, JacobianUse::stale);
      const double q_observed =
          observed_order(*t, problem, 256, Advance::embedded, JacobianUse::stale);
      CHECK(p_observed > p - slope_tolerance);
      CHECK(p_observed < p + slope_tolerance);
      CHECK(q_observed > q - slope_tolerance);
      CHECK(q_observed < q + slope_tolerance);
    }
  }
}

TEST_CASE("Rosenbrock methods are A-stable with stability function zero at infinity") {
  for (const RosenbrockTableau* t : {&rodas5p(), &ros34pw2()}) {
    INFO(t->name);
    // Stiffly accurate: R = O(1/z), with a constant of the size of the coefficients over γ.
    for (double z : {-1e6, -1e9, -1e12}) {
      CHECK(std::abs(stability_function(*t, z, t->m)) < 1e3 / std::abs(z));
    }
    // R is bounded by its values on the imaginary axis (poles at 1/γ > 0 only). Rounding: solving
    // for k loses the digits by which the coefficients exceed one, up to three.
    for (double log_y = -3; log_y <= 6; log_y += 0.01) {
      const double y = std::pow(10, log_y);
      CHECK(std::abs(stability_function(*t, {0, y}, t->m)) < 1 + 1e-12);
      CHECK(std::abs(stability_function(*t, {0, y}, t->m - t->e)) < 1 + 1e-12);
    }
    // Near z = 0 it is the exponential to the stated order: z = −0.01 leaves |z|^{order+1}.
    CHECK(std::abs(stability_function(*t, -0.01, t->m) - std::exp(-0.01)) <
          std::pow(0.01, t->order + 1) + 1e-14);
    const double embedded_limit = t->name == "ROS34PW2" ? 0.478350 : 0;
    CHECK(std::abs(stability_function(*t, -1e12, t->m - t->e)) ==
          Approx(embedded_limit).margin(1e-6));
  }
}
