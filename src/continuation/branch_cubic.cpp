#include "continuation/branch_cubic.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradflow {
namespace {

/// Cubic Hermite basis in s from 0 to 1, and its derivative.
std::array<double, 4> hermite(double s) {
  const double r = 1 - s;
  return {(1 + 2 * s) * r * r, s * r * r, s * s * (3 - 2 * s), -s * s * r};
}
std::array<double, 4> hermite_slope(double s) {
  return {6 * s * (s - 1), (1 - s) * (1 - 3 * s), 6 * s * (1 - s), s * (3 * s - 2)};
}

}  // namespace

double arc(const BranchPoint& a, const BranchPoint& b) {
  const Plane turn{b.tangent.w - a.tangent.w, b.tangent.lambda - a.tangent.lambda};
  return std::hypot((b.w - a.w).norm(), b.lambda - a.lambda) *
         (1 + (turn.w.squaredNorm() + turn.lambda * turn.lambda) / 24);
}

SlopeDefects slope_defects(const BranchPoint& a, const BranchPoint& b) {
  const double ds = arc(a, b);
  // Gauss-Legendre, 5 nodes: exact for the degree 8 of |w|^2 lambda'.
  constexpr std::array<double, 5> nodes{-0.9061798459386640, -0.5384693101056831, 0,
                                        0.5384693101056831, 0.9061798459386640};
  constexpr std::array<double, 5> weights{0.2369268850561891, 0.4786286704993665,
                                          0.5688888888888889, 0.4786286704993665,
                                          0.2369268850561891};
  SlopeDefects sum;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const double s = 0.5 * (1 + nodes[k]);
    const auto h = hermite(s), d = hermite_slope(s);
    const Vector w = h[0] * a.w + ds * h[1] * a.tangent.w + h[2] * b.w + ds * h[3] * b.tangent.w;
    const Vector dw = d[0] * a.w + ds * d[1] * a.tangent.w + d[2] * b.w + ds * d[3] * b.tangent.w;
    const double lambda = h[0] * a.lambda + ds * h[1] * a.tangent.lambda + h[2] * b.lambda +
                          ds * h[3] * b.tangent.lambda;
    const double dlambda = d[0] * a.lambda + ds * d[1] * a.tangent.lambda + d[2] * b.lambda +
                           ds * d[3] * b.tangent.lambda;
    sum.loss += 0.5 * weights[k] * 0.5 * w.squaredNorm() * dlambda;
    sum.error -= 0.5 * weights[k] * lambda * w.dot(dw);
  }
  return {std::abs(b.regularised_loss() - a.regularised_loss() - sum.loss),
          std::abs(b.loss - a.loss - sum.error)};
}

Vector interpolated(const BranchPoint& a, const BranchPoint& b, double lambda) {
  const double ds = arc(a, b);
  const auto at = [&](double s) {
    const auto h = hermite(s);
    return h[0] * a.lambda + ds * h[1] * a.tangent.lambda + h[2] * b.lambda +
           ds * h[3] * b.tangent.lambda;
  };
  double low = 0, high = 1;
  for (int k = 0; k < 60; ++k) {
    const double middle = 0.5 * (low + high);
    if ((at(middle) - lambda) * (a.lambda - lambda) > 0)
      low = middle;
    else
      high = middle;
  }
  const auto h = hermite(0.5 * (low + high));
  return h[0] * a.w + ds * h[1] * a.tangent.w + h[2] * b.w + ds * h[3] * b.tangent.w;
}

SlopeDefects slope_defects(const Branch& branch) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double low = infinity, high = -infinity, least = infinity, most = -infinity;
  SlopeDefects worst;
  const std::vector<BranchPoint>& points = branch.points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    low = std::min(low, points[i].regularised_loss());
    high = std::max(high, points[i].regularised_loss());
    least = std::min(least, points[i].loss);
    most = std::max(most, points[i].loss);
    if (i == 0) continue;
    const SlopeDefects between = slope_defects(points[i - 1], points[i]);
    worst.loss = std::max(worst.loss, between.loss);
    worst.error = std::max(worst.error, between.error);
  }
  return {high > low ? worst.loss / (high - low) : 0,
          most > least ? worst.error / (most - least) : 0};
}

}  // namespace gradflow
