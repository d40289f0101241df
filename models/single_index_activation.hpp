#pragma once

#include <optional>

#include "models/single_index.hpp"
#include "numerics/activation.hpp"

namespace gradflow {

/// sigma with two derivatives: a named function, or a finite Hermite series.
class NetworkActivation {
 public:
  explicit NetworkActivation(const SingleIndexProblem& problem);
  /// first and second may be null.
  void evaluate(const double* z, Index n, double* value, double* first, double* second) const;

 private:
  std::optional<Activation> named_;
  Vector sigma_;
};

/// phi(z) by its series.
double target_value(const Vector& phi, double z);

}  // namespace gradflow
