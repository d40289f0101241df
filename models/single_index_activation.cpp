#include "models/single_index_activation.hpp"

#include <cmath>

#include "numerics/hermite.hpp"

namespace gradflow {

NetworkActivation::NetworkActivation(const SingleIndexProblem& problem)
    : named_(problem.activation), sigma_(problem.sigma) {}

void NetworkActivation::evaluate(const double* z, Index n, double* value, double* first,
                                 double* second) const {
  if (named_) {
    // The second derivative needs a place for the first.
    named_->evaluate(z, n, value, first, second);
    return;
  }
  // h_k' = sqrt(k) h_{k-1}, h_k'' = sqrt(k(k-1)) h_{k-2}.
  for (Index i = 0; i < n; ++i) {
    double h = 1, before = 0, before2 = 0, v = 0, d1 = 0, d2 = 0;
    for (Index k = 0; k < sigma_.size(); ++k) {
      const double root = std::sqrt(static_cast<double>(k));
      v += sigma_[k] * h;
      d1 += sigma_[k] * root * before;
      if (k >= 2) d2 += sigma_[k] * root * std::sqrt(static_cast<double>(k - 1)) * before2;
      const double next = next_hermite(k, z[i], h, before);
      before2 = before;
      before = h;
      h = next;
    }
    value[i] = v;
    if (first != nullptr) first[i] = d1;
    if (second != nullptr) second[i] = d2;
  }
}

double target_value(const Vector& phi, double z) {
  double h = 1, before = 0, sum = 0;
  for (Index k = 0; k < phi.size(); ++k) {
    sum += phi[k] * h;
    const double next = next_hermite(k, z, h, before);
    before = h;
    h = next;
  }
  return sum;
}

}  // namespace gradflow
