#pragma once

#include "numerics/types.hpp"

/// Activations that have a name: what the class Activation (numerics/activation.hpp) and functions
/// of a formula (numerics/formula_operations.hpp) are worked out by.
namespace gradflow {

enum class ActivationKind {
  relu,        ///< max(z, 0)
  leaky_relu,  ///< z for z >= 0, z/100 for z < 0
  tanh,        ///< tanh z
  erf,         ///< erf z = 2/sqrt(pi) * integral of exp(-t^2) from 0 to z (not scaled by 1/sqrt 2)
  gelu,        ///< z Phi(z), Phi the standard normal distribution function (exact, no tanh fit)
  softplus,    ///< log(1 + e^z)
  sigmoid,     ///< 1/(1 + e^-z)
  quadratic,   ///< z^2
  identity,    ///< z
  formula      ///< of a config's own
};

/// Slope of leaky_relu on the negative half line.
constexpr double leaky_relu_slope = 0.01;

/// Arrays are worked through in chunks that stay in the first-level cache, padded to a multiple of
/// the widest SIMD packet: the vectorised exponential then has no scalar remainder, which would
/// differ in the last bit and make a result depend on its place in the array.
constexpr Index activation_chunk = 128;
constexpr Index padded_to_packets(Index count) {
  constexpr Index packet = 8;
  return (count + packet - 1) / packet * packet;
}

using ActivationBuffer = Eigen::Array<double, activation_chunk, 1>;

/// Activation::evaluate of an activation that is not a formula.
void evaluate_named(ActivationKind kind, const double* z, Index n, double* value, double* first,
                    double* second);

}  // namespace gradflow
