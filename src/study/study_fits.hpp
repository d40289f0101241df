#pragma once

#include "io/dataset.hpp"
#include "study/config.hpp"

namespace gradflow {

/// That a finished point has the measurements that `measure.exponents` names, unless it is one of
/// those that lack some which other points of the study have (without weight decay there is no
/// grok_time). False for such a point, which settles nothing. \throws ConfigError
bool check_exponents(const Config& config, std::size_t point, const Dataset& data);

/// Measurements of a whole study: for each measurement named in `measure.exponents`, the power law
/// along the axis `measure.against` (over the axes that remain): NAME_exponent with its standard
/// error NAME_exponent_error, and NAME_prefactor. Points that failed are left out; fewer than three
/// give NaN, and a sentence among those returned and in the variables' attribute `comment`.
std::vector<std::string> add_study_fits(const Config& config, Dataset& study);

}  // namespace gradflow
