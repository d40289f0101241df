#pragma once

#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "study/study_head.hpp"

namespace gradflow {

/// Escape from a metastable state, of a study over flow.temperature in which seeds are repetitions:
/// a run escapes where a stop condition ends it, and one that none ends counts with its time. Over
/// the axes but seed: escapes, their number; escape_time, the whole time of all runs over it, with
/// escape_time_error, one standard error of a Poisson process. Over those that remain without the
/// temperature: arrhenius_barrier and arrhenius_prefactor of escape_time = exp(barrier/T)/prefactor
/// by least squares, the logarithms weighted with their errors, and _error of both. Runs that
/// failed are left out. Fewer than two temperatures with escapes give NaN, and a sentence among
/// those returned and in the variables' attribute `comment`.
std::vector<std::string> add_arrhenius(const StudyHead& head, Dataset& study);

}  // namespace gradflow
