#pragma once

#include "solve/sundials.hpp"

namespace gradflow::sundials {

/// Gives a serial N_Vector, and all that is cloned from it, vector operations that use this build's
/// vector instructions. Those of a packaged SUNDIALS are scalar loops, and with structured Newton
/// matrices they are most of a step's cost.
void use_vectorised_operations(N_Vector v);

}  // namespace gradflow::sundials
