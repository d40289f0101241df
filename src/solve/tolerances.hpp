#pragma once

#include "numerics/types.hpp"
#include "solve/solver_settings.hpp"

/// Tolerances that follow from others and from a start. Those a run is made with: `tightened`
/// (integrate.hpp).
namespace gradflow {

/// Tolerances that are no larger than the given ones.
SolverSettings no_looser_than(SolverSettings settings, double rtol, double atol);
/// Both tolerances times a factor.
SolverSettings with_tolerances_times(SolverSettings settings, double factor);
/// atol at most 1e-6 of the root mean square of y0, because errors near a small start (a saddle at
/// the origin) must stay small beside the deviation that is to grow.
SolverSettings tightened_to_size(SolverSettings settings, ConstVectorRef y0);

double root_mean_square(ConstVectorRef y);
/// The smallest entry of a start other than 0, where it is so far below the others that it was put
/// there to grow; 0 without.
double hidden_deviation(ConstVectorRef y0);

}  // namespace gradflow
