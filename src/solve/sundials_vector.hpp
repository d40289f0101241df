#pragma once

#include "solve/sundials.hpp"

namespace gradflow::sundials {

/// Gives a serial N_Vector, and all that is cloned from it, vector operations that wait until a
/// number of theirs is asked for and are then carried out together, stretch by stretch in the
/// cache, with this build's vector instructions. BDF's prediction at order 5 alone is 15 sums of
/// two vectors; one by one, for vectors beyond the cache, such sums are most of a step's cost.
/// The numbers are the same as one by one.
void use_deferred_operations(N_Vector v);

/// Carries out what waits. To be called before memory that a vector views is read by another way
/// than N_VGetArrayPointer.
void finish_operations();

}  // namespace gradflow::sundials
