#include "flow/max_margin.hpp"

#include <cmath>

#include "numerics/linear_program.hpp"
#include "numerics/power_program.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

SeparablePotential all(std::shared_ptr<const Potential> phi, Index d) {
  return SeparablePotential(static_cast<std::size_t>(d), std::move(phi));
}

Matrix separable_margins(std::uint64_t seed, Index n, Index d) {
  RandomStream stream(seed, "data");
  Matrix z(n, d);
  stream.fill_normal(z);
  Vector teacher(d);
  stream.fill_normal(teacher);
  teacher.normalize();
  for (Index i = 0; i < n; ++i) {
    if (z.row(i).dot(teacher) < 0) z.row(i) *= -1;
    z.row(i) += 0.4 * teacher.transpose();
  }
  return z;
}

Matrix rows(std::initializer_list<std::initializer_list<double>> list) {
  return Matrix(list);
}

}  // namespace

TEST_CASE("linear programs: optimum, multipliers, infeasible and unbounded", "[linear_program]") {
  const double inf = std::numeric_limits<double>::infinity();
  // min x + 2y, x + y >= 3, x <= 1, y >= 0: (1, 2), multiplier 2.
  LinearProgram program(rows({{1, 1}}), Vector::Constant(1, 3), Vector::Zero(2),
                        (Vector(2) << 1, inf).finished());
  const LinearSolution found = program.minimise((Vector(2) << 1, 2).finished());
  CHECK(found.value == Approx(5));
  CHECK(found.x[0] == Approx(1));
  CHECK(found.multipliers[0] == Approx(2));
  CHECK(program.minimise((Vector(2) << 3, 1).finished()).value == Approx(3));
  CHECK_FALSE(program.minimise((Vector(2) << 0, -1).finished()).bounded);
  LinearProgram empty(rows({{1, 0}, {-1, 0}}), Vector::Ones(2), Vector::Constant(2, -inf),
                      Vector::Constant(2, inf));
  CHECK_FALSE(empty.minimise(Vector::Zero(2)).feasible);
}

TEST_CASE("maximum margins satisfy their optimality conditions", "[max_margin]") {
  for (const Index d : {2, 5, 20})
    for (const std::uint64_t seed : {1, 2, 3}) {
      const Matrix z = separable_margins(seed, 50, d);
      for (const double p : {1.5, 2.0, 3.0, 6.0}) {
        INFO("d = " << d << ", seed " << seed << ", p = " << p);
        const MaxMargin m = solve_max_margin(
            z, Horizon(all(p == 2.0 ? squared_norm_potential() : power_potential(p), d)));
        REQUIRE(m.separable);
        CHECK(m.unique);
        CHECK(m.converged);
        // Feasible, with support on the margin, and the gradient of |b|_p^p in their cone.
        const Vector margins = z * m.solution;
        CHECK(margins.minCoeff() == Approx(1).epsilon(1e-8));
        for (const Index i : m.support) CHECK(margins[i] == Approx(1).epsilon(1e-7));
        CHECK(m.multipliers.minCoeff() >= 0);
        Vector gradient = m.solution.array().abs().pow(p - 1) * m.solution.array().sign();
        const Vector cone = z.transpose() * m.multipliers;
        CHECK((gradient.normalized() - cone.normalized()).norm() < 1e-6);
      }
      // Duality of norms: max min z b over |b| <= 1 is min |Z^T mu| in the dual norm over the
      // simplex.
      const MaxMargin one = solve_max_margin(z, Horizon(all(hyperbolic_entropy_potential(), d)));
      CHECK(1 / one.horizon ==
            Approx((z.transpose() * one.multipliers).lpNorm<Eigen::Infinity>()).epsilon(1e-8));
      CHECK((z * one.solution).minCoeff() == Approx(1).epsilon(1e-8));
      CHECK(one.solution.lpNorm<1>() == Approx(one.horizon).epsilon(1e-8));
      const MaxMargin most = solve_max_margin(z, Horizon(all(cosh_potential(), d)));
      CHECK(1 / most.horizon ==
            Approx((z.transpose() * most.multipliers).lpNorm<1>()).epsilon(1e-8));
      CHECK(most.solution.lpNorm<Eigen::Infinity>() == Approx(most.horizon).epsilon(1e-8));
    }
}

TEST_CASE("margins that are not unique, and data that are not separable, are said to be so",
          "[max_margin]") {
  // One point (1, 1): every (b, 1 - b) with b in [0, 1] has 1-norm 1.
  const MaxMargin many =
      solve_max_margin(rows({{1, 1}}), Horizon(all(hyperbolic_entropy_potential(), 2)));
  CHECK(many.separable);
  CHECK_FALSE(many.unique);
  CHECK(many.horizon == Approx(1));
  CHECK(many.lowest[0] == Approx(0).margin(1e-7));
  CHECK(many.highest[0] == Approx(1).epsilon(1e-7));
  // The same for the max-norm and (1, 0); unique for the others.
  CHECK_FALSE(solve_max_margin(rows({{1, 0}}), Horizon(all(cosh_potential(), 2))).unique);
  CHECK(solve_max_margin(rows({{1, 0}}), Horizon(all(hyperbolic_entropy_potential(), 2))).unique);
  CHECK(solve_max_margin(rows({{1, 1}}), Horizon(all(cosh_potential(), 2))).unique);
  CHECK_FALSE(
      solve_max_margin(rows({{1, 0}, {-1, 0}}), Horizon(all(cosh_potential(), 2))).separable);
}

TEST_CASE("where the limit shape is degenerate the fastest potential is minimised first",
          "[max_margin]") {
  // x^2 + y^4: y is 0 where x separates alone, and as small as it can be where not.
  const Horizon quartic({squared_norm_potential(), power_potential(4)});
  const MaxMargin alone = solve_max_margin(rows({{1, 2}, {2, -1}}), quartic);
  CHECK(alone.direction[0] == Approx(1));
  CHECK(alone.direction[1] == Approx(0).margin(1e-12));
  const MaxMargin both = solve_max_margin(rows({{1, 1}, {-1, 2}}), quartic);
  CHECK(both.solution[1] == Approx(2.0 / 3).epsilon(1e-6));
  CHECK(both.solution[0] == Approx(1.0 / 3).epsilon(1e-5));
}

TEST_CASE("nonnegative least squares satisfy the conditions of Kuhn and Tucker",
          "[power_program]") {
  RandomStream stream(5, "data");
  Matrix m(12, 20);
  Vector y(12);
  stream.fill_normal(m);
  stream.fill_normal(y);
  const Vector x = nonnegative_least_squares(m, y);
  const Vector w = m.transpose() * (y - m * x);
  CHECK(x.minCoeff() >= 0);
  CHECK(w.maxCoeff() < 1e-10 * m.norm() * y.norm());
  CHECK(std::abs(w.dot(x)) < 1e-10 * m.norm() * y.norm() * (1 + x.norm()));
}
