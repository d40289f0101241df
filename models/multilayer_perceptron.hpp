#pragma once

#include "flow/model.hpp"

namespace gradflow {

/// Any depth, widths and number of outputs; squared error or cross-entropy.
ModelInfo multilayer_perceptron();

}  // namespace gradflow
