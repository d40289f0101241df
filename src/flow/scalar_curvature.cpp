#include "flow/scalar_curvature.hpp"

#include <cmath>
#include <stdexcept>

namespace gradflow {
namespace {

/// What R has of the gradient: exact, by one product.
struct AlongGradient {
  double weight = 1;     ///< 1/W^2
  double curvature = 0;  ///< g.Hg
  double square = 0;     ///< |Hg|^2

  AlongGradient(ConstVectorRef gradient, const HessianTimes& hessian)
      : weight(1 / (1 + gradient.squaredNorm())) {
    Vector product(gradient.size());
    hessian(gradient, product);
    curvature = gradient.dot(product);
    square = product.squaredNorm();
  }
  /// R for tr H, (tr H)^2 and tr H^2, each exact or estimated.
  double scalar_curvature(double trace, double trace_squared, double trace_of_square) const {
    return weight * (trace_squared - trace_of_square - 2 * weight * (trace * curvature - square));
  }
};

}  // namespace

double scalar_curvature(ConstVectorRef gradient, const HessianTimes& hessian) {
  const Index p = gradient.size();
  Vector unit = Vector::Zero(p), column(p);
  double trace = 0, trace_of_square = 0;
  for (Index i = 0; i < p; ++i) {
    unit[i] = 1;
    hessian(unit, column);
    unit[i] = 0;
    trace += column[i];
    trace_of_square += column.squaredNorm();
  }
  return AlongGradient(gradient, hessian).scalar_curvature(trace, trace * trace, trace_of_square);
}

CurvatureEstimate estimate_scalar_curvature(ConstVectorRef gradient, const HessianTimes& hessian,
                                            Index probes, RandomStream& stream) {
  if (probes < 3) throw std::invalid_argument("a scalar curvature needs three probes or more");
  const Index p = gradient.size();
  Vector z(p), product(p), traces(probes), squares(probes);
  for (Index k = 0; k < probes; ++k) {
    for (Index i = 0; i < p; ++i) z[i] = stream.next() >> 63U == 0 ? 1.0 : -1.0;
    hessian(z, product);
    traces[k] = z.dot(product);
    squares[k] = product.squaredNorm();
  }
  const AlongGradient along(gradient, hessian);
  // Of n probes with the given sums of traces, of their squares and of |Hz|^2. The pairs are summed
  // about the mean of all: the square of a sum would lose what the probes have in common.
  const double centre = traces.mean();
  const auto from = [&](double n, double deviation, double deviation_squared, double square) {
    const double mean = centre + deviation / n;
    const double variance = (deviation_squared - deviation * deviation / n) / (n - 1);
    return along.scalar_curvature(mean, mean * mean - variance / n, square / n);
  };
  const Vector deviations = traces.array() - centre;
  const double n = static_cast<double>(probes), sum = deviations.sum(),
               sum_of_squares = deviations.squaredNorm(), square = squares.sum();
  Vector without(probes);
  for (Index k = 0; k < probes; ++k)
    without[k] = from(n - 1, sum - deviations[k], sum_of_squares - deviations[k] * deviations[k],
                      square - squares[k]);
  const double spread = (without.array() - without.mean()).matrix().squaredNorm();
  return {from(n, sum, sum_of_squares, square), std::sqrt((n - 1) / n * spread)};
}

}  // namespace gradflow
