#pragma once

#include <cstddef>
#include <vector>

#include "study/config.hpp"
#include "study/point_files.hpp"

namespace gradflow {

/// Points in the order in which they are best begun: those that are expected to be long first, so
/// that none is left for the end. The expectation is a product over the axes: of a value with
/// finished points their geometric mean time, of others the state's length. Where it tells little
/// (less than a factor of 2 between all points) the order stays as it is; true where it was
/// changed.
bool sort_long_first(const Config& config, const PointFiles& finished,
                     std::vector<std::size_t>& points);

}  // namespace gradflow
