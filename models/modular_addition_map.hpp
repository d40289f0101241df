#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "flow/output_map.hpp"

namespace gradflow {

/// Pairs (a, b) of numbers modulo p.
using ModularPairs = std::vector<std::pair<Index, Index>>;

/// f(a, b) = V (W x)^2 with x the one-hot vectors of a and b one after the other, so that W x is
/// the sum of two columns of W. Outputs pair by pair: p of each. Parameters W (width, 2p), V (p,
/// width), row by row.
std::unique_ptr<OutputMap> make_modular_addition_map(Index modulus, Index width,
                                                     std::shared_ptr<const ModularPairs> pairs);

}  // namespace gradflow
