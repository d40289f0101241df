#include "numerics/hermite.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <vector>

namespace gradflow {

namespace {

using std::numbers::pi;

double root(Index k) {
  return std::sqrt(static_cast<double>(k));
}

/// h_n(x) = scaled_n 2^exponent and h_{n-1}(x) = scaled_before 2^exponent: far out, polynomials of
/// high degree overflow.
struct HermitePair {
  double scaled_n = 1;
  double scaled_before = 0;
  int exponent = 0;

  /// From degree k to k + 1.
  void raise(Index k, double x) {
    const double next = next_hermite(k, x, scaled_n, scaled_before);
    scaled_before = scaled_n;
    scaled_n = next;
    if (std::abs(next) > 0x1p300) {
      scaled_n *= 0x1p-300;
      scaled_before *= 0x1p-300;
      exponent += 300;
    }
  }
};

/// The ends of panels: [-reach, reach] and the kinks inside.
std::vector<double> break_points(double reach, std::span<const double> kinks) {
  std::vector<double> breaks = {-reach, reach};
  for (const double kink : kinks) {
    if (std::abs(kink) < reach) breaks.push_back(kink);
  }
  std::sort(breaks.begin(), breaks.end());
  breaks.erase(std::unique(breaks.begin(), breaks.end()), breaks.end());
  return breaks;
}

/// A rule of Gauss-Legendre panels, of at most the given width, between the break points.
QuadratureRule panel_rule(const std::vector<double>& breaks, double width) {
  const QuadratureRule unit = gauss_legendre(24);
  std::vector<double> nodes, weights;
  for (std::size_t b = 0; b + 1 < breaks.size(); ++b) {
    const double length = breaks[b + 1] - breaks[b];
    const auto panels = static_cast<Index>(std::ceil(length / width));
    const double h = length / static_cast<double>(panels);
    for (Index p = 0; p < panels; ++p) {
      for (Index i = 0; i < unit.nodes.size(); ++i) {
        nodes.push_back(breaks[b] + h * (static_cast<double>(p) + unit.nodes[i]));
        weights.push_back(h * unit.weights[i]);
      }
    }
  }
  const auto size = static_cast<Index>(nodes.size());
  return {Eigen::Map<Vector>(nodes.data(), size), Eigen::Map<Vector>(weights.data(), size)};
}

/// log sqrt(phi(x)), phi the density of N(0, 1).
double log_root_density(double x) {
  return -0.25 * x * x - 0.25 * std::log(2 * pi);
}

/// psi[k] = h_k(x) sqrt(phi(x)): orthonormal on the line and moderate everywhere, where h_k alone
/// overflows and phi alone underflows. Integrals are taken of f sqrt(phi) times psi.
void hermite_functions(double x, VectorRef psi) {
  HermitePair h;
  double factor = std::exp(log_root_density(x));
  for (Index k = 0; k < psi.size(); ++k) {
    psi[k] = h.scaled_n * factor;
    const int before = h.exponent;
    h.raise(k, x);
    if (h.exponent != before) {
      factor = std::exp(log_root_density(x) + h.exponent * std::numbers::ln2);
    }
  }
}

struct Projection {
  Vector coefficients;
  double norm = 0;  ///< sqrt(E f^2)
};

Projection project(const QuadratureRule& rule, const std::function<double(double)>& f,
                   Index degree) {
  Projection result{Vector::Zero(degree + 1), 0};
  Vector psi(degree + 1);
  double square = 0;
  for (Index i = 0; i < rule.nodes.size(); ++i) {
    const double x = rule.nodes[i];
    const double value = f(x) * std::exp(log_root_density(x));
    hermite_functions(x, psi);
    result.coefficients += rule.weights[i] * value * psi;
    square += rule.weights[i] * value * value;
  }
  result.norm = std::sqrt(square);
  return result;
}

/// sqrt(E (f - sum_k c_k h_k)^2): the norm of the remainder itself, since the difference
/// E f^2 - sum c_k^2 has no digits left once the tail is below 1e-8 of f.
double remainder_norm(const std::function<double(double)>& f, const Vector& coefficients,
                      std::span<const double> kinks, double largest_width) {
  // psi_K reaches to its turning point 2 sqrt(K), further than f sqrt(phi), and oscillates with
  // wave number sqrt(K): a panel holds few of the oscillations of the square.
  const double wave_number = root(coefficients.size());
  const double reach = std::max(14.0, 10 + 2 * wave_number);
  const double width = std::min(largest_width, 8 / wave_number);
  const QuadratureRule rule = panel_rule(break_points(reach, kinks), width);
  Vector psi(coefficients.size());
  double square = 0;
  for (Index i = 0; i < rule.nodes.size(); ++i) {
    const double x = rule.nodes[i];
    hermite_functions(x, psi);
    const double remainder = f(x) * std::exp(log_root_density(x)) - coefficients.dot(psi);
    square += rule.weights[i] * remainder * remainder;
  }
  return std::sqrt(square);
}

void require_degree(Index degree) {
  if (degree < 0) throw std::invalid_argument("the degree of a Hermite series is at least 0");
}

/// relu: 1/sqrt(2 pi), 1/2, then He_{k-2}(0)/sqrt(2 pi k!), with He_k(0) = -(k - 1) He_{k-2}(0).
Vector relu_coefficients(Index degree) {
  Vector c = Vector::Zero(degree + 1);
  c[0] = 1 / std::sqrt(2 * pi);
  if (degree >= 1) c[1] = 0.5;
  if (degree >= 2) c[2] = 0.5 / std::sqrt(pi);
  for (Index k = 2; k + 2 <= degree; k += 2) {
    c[k + 2] = -c[k] * static_cast<double>(k - 1) / (root(k + 1) * root(k + 2));
  }
  return c;
}

/// The coefficients of odd degree of g with g'(x) = height exp(-(1/v - 1) x^2/2): from
/// E g He_k = E g' He_{k-1} and E He_{2j}(y) = (2j - 1)!! (v - 1)^j for y ~ N(0, v).
Vector gaussian_integral_coefficients(Index degree, double height, double v) {
  Vector c = Vector::Zero(degree + 1);
  if (degree >= 1) c[1] = height * std::sqrt(v);
  for (Index k = 1; k + 2 <= degree; k += 2) {
    c[k + 2] = c[k] * static_cast<double>(k) * (v - 1) / (root(k + 1) * root(k + 2));
  }
  return c;
}

/// x Phi(x): the coefficients of Phi, and (x f)_k = sqrt(k) f_{k-1} + sqrt(k + 1) f_{k+1}.
Vector gelu_coefficients(Index degree) {
  Vector cdf = gaussian_integral_coefficients(degree + 1, 1 / std::sqrt(2 * pi), 0.5);
  cdf[0] = 0.5;
  Vector c(degree + 1);
  for (Index k = 0; k <= degree; ++k) {
    c[k] = root(k + 1) * cdf[k + 1] + (k > 0 ? root(k) * cdf[k - 1] : 0);
  }
  return c;
}

/// Closed forms, or an empty vector.
Vector exact_coefficients(const Activation& activation, Index degree) {
  using Kind = Activation::Kind;
  Vector c = Vector::Zero(degree + 1);
  switch (activation.kind()) {
    case Kind::relu:
      return relu_coefficients(degree);
    case Kind::leaky_relu:
      // s x + (1 - s) relu(x)
      c = (1 - Activation::leaky_slope) * relu_coefficients(degree);
      if (degree >= 1) c[1] += Activation::leaky_slope;
      return c;
    case Kind::erf:
      return gaussian_integral_coefficients(degree, 2 / std::sqrt(pi), 1.0 / 3);
    case Kind::gelu:
      return gelu_coefficients(degree);
    case Kind::quadratic:
      c[0] = 1;
      if (degree >= 2) c[2] = std::sqrt(2.0);
      return c;
    case Kind::identity:
      if (degree >= 1) c[1] = 1;
      return c;
    case Kind::tanh:
    case Kind::softplus:
    case Kind::sigmoid:
    case Kind::formula:
      break;
  }
  return {};
}

}  // namespace

QuadratureRule gauss_legendre(Index n) {
  if (n < 1) throw std::invalid_argument("a Gauss-Legendre rule has at least one node");
  const auto count = static_cast<double>(n);
  QuadratureRule rule{Vector(n), Vector(n)};
  for (Index i = 0; i < (n + 1) / 2; ++i) {
    // The i-th largest root on [-1, 1]: Newton's method from Tricomi's approximation converges to
    // rounding in at most four steps for every n.
    double x = 2 * i + 1 == n ? 0 : std::cos(pi * (static_cast<double>(i) + 0.75) / (count + 0.5));
    double slope = 0;
    for (int step = 0; step < 6; ++step) {
      double p = x, before = 1;
      for (Index k = 1; k < n; ++k) {
        const auto degree = static_cast<double>(k);
        const double next = ((2 * degree + 1) * x * p - degree * before) / (degree + 1);
        before = p;
        p = next;
      }
      slope = count * (before - x * p) / (1 - x * x);
      x -= p / slope;
    }
    rule.nodes[i] = 0.5 * (1 - x);
    rule.nodes[n - 1 - i] = 0.5 * (1 + x);
    rule.weights[i] = rule.weights[n - 1 - i] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

HermiteSeries hermite_series_by_quadrature(const std::function<double(double)>& f, Index degree,
                                           std::span<const double> kinks) {
  require_degree(degree);
  constexpr int max_halvings = 5;
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  constexpr double reach = 14;
  const std::vector<double> breaks = break_points(reach, kinks);

  double width = 1;
  Projection coarse = project(panel_rule(breaks, width), f, degree);
  HermiteSeries series;
  for (int halving = 0; halving < max_halvings; ++halving) {
    width /= 2;
    Projection fine = project(panel_rule(breaks, width), f, degree);
    const double change = (fine.coefficients - coarse.coefficients).lpNorm<Eigen::Infinity>();
    // Rounding in the sums over some 10^3 nodes: a random walk.
    const double rounding = 20 * epsilon * fine.norm;
    series.quadrature_error = std::max(change, rounding);
    coarse = std::move(fine);
    if (change <= rounding) break;
  }
  series.coefficients = coarse.coefficients;
  series.tail = remainder_norm(f, series.coefficients, kinks, width);
  series.beyond = std::max(std::abs(f(-reach)), std::abs(f(reach))) *
                  std::exp(log_root_density(reach)) / std::max(coarse.norm, 1e-300);
  return series;
}

HermiteSeries hermite_series(const Activation& activation, Index degree) {
  require_degree(degree);
  HermiteSeries series;
  series.coefficients = exact_coefficients(activation, degree);
  if (series.coefficients.size() == 0) {
    return hermite_series_by_quadrature(activation, degree);
  }
  // The kink, if any, is at 0.
  constexpr std::array<double, 1> kinks = {0};
  series.tail = remainder_norm(activation, series.coefficients, kinks, 0.5);
  return series;
}

}  // namespace gradflow
