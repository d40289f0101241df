#pragma once

#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "study/config.hpp"

namespace gradflow {

/// The values of a point's axes: "weight_decay = 0.001, seed = 2".
std::string where(const Config& config, std::size_t point);

/// What of a point's build is not as in this one: "gradflow_commit 0123456789ab"; empty where
/// nothing is.
std::string other_build(const Dataset& point);

/// One dataset of all points (null: not there), over the axes of the study: stacked, with the
/// builds that made them, the fits along an axis, and the config. Sentences about the fits go to
/// `warnings`.
Dataset assemble(const Config& config, const std::vector<const Dataset*>& points,
                 std::vector<std::string>& warnings);

}  // namespace gradflow
