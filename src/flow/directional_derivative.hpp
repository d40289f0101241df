#pragma once

#include <algorithm>

#include "numerics/types.hpp"

namespace gradflow {

/// Central differences of order 4 of f, with values in vectors or matrices, along v at w. With
/// h = 2e-4 of |w| the rounding (2e-16/h) is near 1e-12 of |f|, and so is the truncation (h^4/30)
/// for functions that vary on a tenth of |w|.
template <class F>
auto directional_derivative(F&& f, const Vector& w, const Vector& v) {
  const double h = 2e-4 * std::max(1.0, w.norm()) / std::max(1e-300, v.norm());
  return ((8.0 * (f(w + h * v) - f(w - h * v)) - (f(w + 2 * h * v) - f(w - 2 * h * v))) / (12 * h))
      .eval();
}

}  // namespace gradflow
