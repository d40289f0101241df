#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// F(w) = 1/2 |X w - y|^2, X (samples, dimension). The flow with weight decay has a closed form
/// along the singular vectors of X: mode rates sigma^2 + lambda.
ModelInfo linear_regression();

}  // namespace gradflow
