#pragma once

#include <cmath>

/// One mode of a deep linear network with L matrices and target strength s, balanced layers of
/// strength u: stationary where (s - u^L) u^(L-2) = lambda (Ziyin, Li, Meng, arXiv 2202.04777).
namespace gradflow::testing {

struct DeepLinearMode {
  int depth;  ///< L
  double s;

  /// End of the learnt branch, L >= 3.
  double spinodal() const {
    const double l = depth;
    return l / (l - 2) * std::pow(s * (l - 2) / (2 * (l - 1)), 2 * (l - 1) / l);
  }
  /// Equal depth of the learnt minimum and the trivial one, L >= 3.
  double maxwell() const {
    const double l = depth;
    return s / (l - 1) * std::pow(s * (l - 2) / (l - 1), (l - 2) / l);
  }
  double spinodal_strength() const { return s * (depth - 2) / (2.0 * (depth - 1)); }
  /// lambda at which a seed of u = epsilon begins to grow.
  double learnt_from(double epsilon) const {
    return (s - std::pow(epsilon, depth)) * std::pow(epsilon, depth - 2);
  }
  /// The end-to-end strength u^L of the learnt minimum, or of the saddle below it.
  double strength(double lambda, bool upper) const {
    double low = upper ? std::pow(spinodal_strength(), 1.0 / depth) : 0;
    double high = upper ? std::pow(s, 1.0 / depth) : std::pow(spinodal_strength(), 1.0 / depth);
    for (int k = 0; k < 200; ++k) {
      const double u = 0.5 * (low + high);
      const double excess = (s - std::pow(u, depth)) * std::pow(u, depth - 2) - lambda;
      ((excess > 0) == upper ? low : high) = u;
    }
    return std::pow(0.5 * (low + high), depth);
  }
  /// 1/2 (s - p)^2 + L lambda/2 p^(2/L).
  double regularised_loss(double p, double lambda) const {
    return 0.5 * (s - p) * (s - p) + 0.5 * depth * lambda * std::pow(p, 2.0 / depth);
  }
};

}  // namespace gradflow::testing
