#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// A two-layer network on a single-index target with its weights on the sphere: population flow,
/// empirical flow, SGD. Berthier, Montanari, Zhou, arXiv 2303.00055.
ModelInfo single_index_network();

}  // namespace gradflow
