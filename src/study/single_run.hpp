#pragma once

#include "study/config.hpp"
#include "study/run_options.hpp"

namespace gradflow {

/// Runs a config without axes, or goes on with it.
RunSummary run_single(const Config& config, const RunOptions& options);

}  // namespace gradflow
