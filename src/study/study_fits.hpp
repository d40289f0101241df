#pragma once

#include "io/dataset.hpp"
#include "study/study_head.hpp"

namespace gradflow {

/// Measurements of a whole study: for each measurement named in `measure.exponents`, the power law
/// along the axis `measure.against` (over the axes that remain): NAME_exponent with its standard
/// error NAME_exponent_error, and NAME_prefactor. Points that failed are left out; fewer than three
/// give NaN, and a sentence among those returned and in the variables' attribute `comment`.
std::vector<std::string> add_study_fits(const StudyHead& head, Dataset& study);

}  // namespace gradflow
