#include "solve/stepper.hpp"

namespace gradflow {

void Stepper::interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) {
  for (std::size_t k = 0; k < nodes; ++k) {
    interpolate(t[k], y.col(static_cast<Index>(k)));
    interpolate_derivative(t[k], ydot.col(static_cast<Index>(k)));
  }
}

}  // namespace gradflow
