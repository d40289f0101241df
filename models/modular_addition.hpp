#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F = 1/(2n) sum over n pairs of |f(a, b) - onehot(a + b mod p)|^2.
ModelInfo modular_addition();

}  // namespace gradflow
