#pragma once

#include <utility>
#include <vector>

#include "flow/model.hpp"
#include "flow/output_map.hpp"

namespace gradflow {

/// f(a, b) = V (W x)^2 with x the one-hot vectors of a and b one after the other, so that W x is
/// the sum of two columns of W. Outputs pair by pair: p of each. Parameters W (width, 2p), V (p,
/// width), row by row.
std::unique_ptr<OutputMap> make_modular_addition_map(
    Index modulus, Index width, std::shared_ptr<const std::vector<std::pair<Index, Index>>> pairs);

/// F = 1/(2n) sum over n pairs of |f(a, b) - onehot(a + b mod p)|^2.
ModelInfo modular_addition();

}  // namespace gradflow
