#include "solve/rock4_coefficients.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>

#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

/// The longest interval with a ripple of 0.95 is 0.351 s^2 - 2.8 for all s; 3 % less damps what is
/// stiff by another fifth in every step, for 1.6 % more stages.
constexpr double length_factor = 0.34, length_offset = 2.8;

/// From one degree to the next.
constexpr double ladder = 1.05;

/// The error estimate for y' = z y, over z^4. Ten times the error of cubic interpolation: with
/// less, what a bent slow manifold leaves in the stiff modes, where the estimate is bounded by so
/// much less too, adds up to a hundred tolerances in long runs (the diagonal network of the
/// tolerance test).
constexpr double error_factor = 1.0 / 40;

/// b_1 at degree 5; with more stages G_1 is shorter, and rounding counts more.
constexpr double first_share = 1.0 / 512;

/// Zeros 1 - A / s^2 +- i B / s^2 of w, two pairs; their limits for s to infinity, from which
/// Newton's method finds those of every s.
using Zeros = Eigen::Vector4d;
const Zeros limits_of_zeros{14.942, 7.898, 1.781, 21.385};

/// A polynomial of z up to z^4.
using Series = Eigen::Matrix<double, 5, 1>;

Series product(const Series& u, const Series& v) {
  Series uv = Series::Zero();
  for (Index i = 0; i < uv.size(); ++i)
    for (Index j = 0; i + j < uv.size(); ++j) uv[i + j] += u[i] * v[j];
  return uv;
}

/// One factor |x - zero|^2 of w, for numbers and for series.
struct Factor {
  double real, square_of_imaginary;
  Factor(const Zeros& zeros, int pair, int degree) {
    const double size = static_cast<double>(degree) * degree;
    real = 1 - zeros[2 * pair] / size;
    square_of_imaginary = std::pow(zeros[2 * pair + 1] / size, 2);
  }
  Eigen::ArrayXd operator()(const Eigen::ArrayXd& x) const {
    return (x - real).square() + square_of_imaginary;
  }
  Series operator()(Series x) const {
    x[0] -= real;
    Series value = product(x, x);
    value[0] += square_of_imaginary;
    return value;
  }
};

Eigen::ArrayXd chebyshev_nodes(Index count) {
  const double last = static_cast<double>(count - 1);
  return ((Eigen::ArrayXd::LinSpaced(count, 0, last) + 0.5) * (M_PI / (last + 1))).cos();
}

/// b_k p_{k+1} = (x - a_k) p_k - b_{k-1} p_{k-1} of the orthonormal polynomials of the weight
/// w^2 / sqrt(1 - x^2), by Stieltjes' procedure on Chebyshev's nodes, of which s + 2 make all
/// integrals exact.
struct Recurrence {
  Vector a, b;
};

Recurrence orthonormal_polynomials(const Factor& first, const Factor& second, int degree) {
  const Index last = degree - 4, nodes = degree + 2;
  const Eigen::ArrayXd x = chebyshev_nodes(nodes);
  const Eigen::ArrayXd weight = (first(x) * second(x)).square();
  Eigen::ArrayXd before = Eigen::ArrayXd::Zero(nodes),
                 p = Eigen::ArrayXd::Constant(nodes, 1 / std::sqrt(weight.sum())), next(nodes);
  Recurrence r{Vector(last), Vector(last)};
  for (Index k = 0; k < last; ++k) {
    r.a[k] = (weight * x * p.square()).sum();
    next = (x - r.a[k]) * p - (k > 0 ? r.b[k - 1] : 0.0) * before;
    r.b[k] = std::sqrt((weight * next.square()).sum());
    before.swap(p);
    p = next / r.b[k];
  }
  return r;
}

/// p_{k+1}(1) / p_k(1).
Vector ratios_at_one(const Recurrence& r) {
  Vector ratio(r.a.size());
  for (Index k = 0; k < ratio.size(); ++k)
    ratio[k] = (1 - r.a[k] - (k > 0 ? r.b[k - 1] / ratio[k - 1] : 0)) / r.b[k];
  return ratio;
}

/// P_{s-4} / P_{s-4}(1) as a series of z.
Series polynomial_at_zero(const Recurrence& r, const Vector& ratio, int degree) {
  const Series x{1, 2 / rock4_length(degree), 0, 0, 0};
  Series before = Series::Zero(), p = Series::Unit(0), next;
  for (Index k = 0; k < ratio.size(); ++k) {
    next = (product(x, p) - r.a[k] * p) / (r.b[k] * ratio[k]);
    if (k > 0) next -= r.b[k - 1] / (r.b[k] * ratio[k] * ratio[k - 1]) * before;
    before = p;
    p = next;
  }
  return p;
}

/// The first derivatives of R_s at z = 0, less those of exp.
Zeros defect_at_zero(const Zeros& zeros, int degree) {
  const Factor first(zeros, 0, degree), second(zeros, 1, degree);
  const Recurrence r = orthonormal_polynomials(first, second, degree);
  const Series p = polynomial_at_zero(r, ratios_at_one(r), degree);
  const Series x{1, 2 / rock4_length(degree), 0, 0, 0};
  Series R = product(product(first(x), second(x)), p);
  R /= R[0];
  return {R[1] - 1, 2 * R[2] - 1, 6 * R[3] - 1, 24 * R[4] - 1};
}

Zeros zeros_of_w(int degree) {
  constexpr int most_iterations = 20;
  constexpr double increment = 1e-6;
  Zeros zeros = limits_of_zeros;
  Zeros defect = defect_at_zero(zeros, degree);
  for (int k = 0; k < most_iterations; ++k) {
    Eigen::Matrix4d derivative;
    for (Index j = 0; j < zeros.size(); ++j) {
      Zeros moved = zeros;
      moved[j] += increment * zeros[j];
      derivative.col(j) = (defect_at_zero(moved, degree) - defect) / (increment * zeros[j]);
    }
    const Zeros next = zeros - derivative.partialPivLu().solve(defect);
    const Zeros next_defect = defect_at_zero(next, degree);
    if (!(next_defect.norm() < 0.5 * defect.norm())) break;  // as far as rounding lets it
    zeros = next;
    defect = next_defect;
  }
  return zeros;
}

/// P_{s-4}(x) / P_{s-4}(1).
Eigen::ArrayXd normalised_polynomial(const Recurrence& r, const Vector& ratio,
                                     const Eigen::ArrayXd& x) {
  Eigen::ArrayXd before = Eigen::ArrayXd::Zero(x.size()), p = Eigen::ArrayXd::Ones(x.size()), next;
  for (Index k = 0; k < ratio.size(); ++k) {
    next = (x - r.a[k]) * p / (r.b[k] * ratio[k]);
    if (k > 0) next -= r.b[k - 1] / (r.b[k] * ratio[k] * ratio[k - 1]) * before;
    before.swap(p);
    p.swap(next);
  }
  return p;
}

/// The Chebyshev coefficients up to `degree` of a polynomial of that degree, from its values at the
/// nodes.
Vector chebyshev_coefficients(const Eigen::ArrayXd& x, const Eigen::ArrayXd& values, int degree) {
  Vector c(degree + 1);
  Eigen::ArrayXd before = x, t = Eigen::ArrayXd::Ones(x.size()), next;  // T_{-1} = T_1
  for (Index k = 0; k <= degree; ++k) {
    c[k] = (k == 0 ? 1.0 : 2.0) * (t * values).mean();
    next = 2 * x * t - before;
    before.swap(t);
    t.swap(next);
  }
  return c;
}

/// z Q P for the Q of degree 2 that makes it z times `growth` up to z^3: a slope, times h, without
/// what is stiff, of which P is free.
Eigen::ArrayXd damped_slope(const Series& p, const Series& growth, const Eigen::ArrayXd& z,
                            const Eigen::ArrayXd& p_at_nodes) {
  const double q0 = growth[0], q1 = growth[1] - p[1] * q0, q2 = growth[2] - p[1] * q1 - p[2] * q0;
  return z * (q0 + z * (q1 + z * q2)) * p_at_nodes;
}

/// Points of D: the last stage, another at about a third of its number, and a time between them and
/// y. Nearly the smallest errors of order 5 with numbers of order one, for all s.
constexpr double inner_place = 0.35, bend_time = 0.7;

/// The condition that is left: sum_i B_i c_i^3 = 1/4 over all evaluations, B_i the weight of the
/// i-th in y_1.
void fill_bend(Rock4Coefficients& m) {
  const double g = 2 / m.length;
  // Of G_k the sum of weights times c^3, by the recurrence of G_k itself.
  double before = 0, now = 0, sum = 0;
  for (Index k = 1; k < m.degree; ++k) {
    const double cubed =
        k == 1 ? std::pow(m.share[1], 2) * std::pow(g, 3) : std::pow(m.time[k], 3) / m.share[k];
    const double next = 2 * now - before + 2 * g * cubed;
    before = now;
    now = next;
    sum += m.weights[k + 1] * now;
  }
  m.inner = std::max<Index>(2, std::lround(inner_place * m.degree));
  m.outer = m.degree - 1;
  const double c1 = m.time[m.inner], c2 = m.time[m.outer], c = bend_time;
  m.bend_time = c;
  m.inner_share = c * (c - c2) / (c1 * (c1 - c2));
  m.outer_share = c * (c - c1) / (c2 * (c2 - c1));
  m.bend = (0.25 - sum) / (c * (c - c1) * (c - c2));
}

}  // namespace

double rock4_length(int degree) {
  return length_factor * degree * degree - length_offset;
}

int rock4_degree(double length) {
  int degree = rock4_lowest_degree;
  while (degree < rock4_highest_degree && rock4_length(degree) < length)
    degree =
        std::min(rock4_highest_degree, std::max(degree + 1, static_cast<int>(ladder * degree)));
  return degree;
}

Rock4Coefficients rock4_coefficients(int degree) {
  const Zeros zeros = zeros_of_w(degree);
  const Factor first(zeros, 0, degree), second(zeros, 1, degree);
  const Recurrence r = orthonormal_polynomials(first, second, degree);
  Rock4Coefficients method;
  method.degree = degree;
  method.length = rock4_length(degree);
  const Eigen::ArrayXd x = chebyshev_nodes(degree + 2), one = Eigen::ArrayXd::Ones(1);
  const Eigen::ArrayXd z = 0.5 * method.length * (x - 1);
  const Vector ratio = ratios_at_one(r);
  const Eigen::ArrayXd p = normalised_polynomial(r, ratio, x);
  const Series p_at_zero = polynomial_at_zero(r, ratio, degree);
  const double w_at_one = (first(one) * second(one))[0];
  method.weights = chebyshev_coefficients(x, first(x) * second(x) * p / w_at_one, degree);
  method.errors = chebyshev_coefficients(x, error_factor * z.square().square() * p, degree);
  const Series constant{1, 0, 0, 0, 0}, exponential{1, 1, 0.5, 1.0 / 6, 1.0 / 24};
  method.first_slope = chebyshev_coefficients(x, damped_slope(p_at_zero, constant, z, p), degree);
  method.last_slope = chebyshev_coefficients(x, damped_slope(p_at_zero, exponential, z, p), degree);
  method.share.setZero(degree);
  method.time.setZero(degree);
  const double g = 2 / method.length;
  method.share[1] = std::min(0.25, first_share * std::pow(degree / 5.0, 2));
  method.time[1] = method.share[1] * g;
  for (Index k = 2; k < degree; ++k) {
    const double squared = static_cast<double>(k * k);
    method.share[k] = (squared - 1) / (3 * squared);
    method.time[k] = method.share[k] * squared * g;
  }
  fill_bend(method);
  return method;
}

const Rock4Coefficients& kept_rock4_coefficients(int degree) {
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<const Rock4Coefficients>> kept;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const Rock4Coefficients>& method = kept[degree];
  if (!method) method = std::make_unique<const Rock4Coefficients>(rock4_coefficients(degree));
  return *method;
}

}  // namespace gradflow
