#pragma once

#include <cstddef>

#include "study/config.hpp"
#include "study/run_options.hpp"
#include "study/store.hpp"

namespace gradflow {

/// Runs a config into a folder. What an earlier call left there is believed only where its checksum
/// fits; a point that is damaged is run again. Points remember the build that made them, and the
/// result names all builds that had a part in it.
///
/// Points are independent, and run in worker processes forked from this one (study/supervisor.hpp);
/// a point is a chain of runs, of length one without a bisection: the unit that is scheduled,
/// resumed and sharded. `points` counts the runs that all chains may have. Every point that counts
/// as done is on disk (points/*.points); result.nc is put together from them. Together with others,
/// the last to end does that. \throws ConfigError, FileError, FolderRefused
RunSummary run_study(const Config& config, const RunOptions& options);

/// What `run_study` would do, without doing it.
struct RunPlan {
  /// Of a bisection runs; there may be fewer `to_run`, where chains end early.
  std::size_t points = 0, there = 0, reusable = 0, to_run = 0;
  Config::Largest largest;
  double mean_seconds = 0;  ///< of finished points; 0 where there are none
};
RunPlan plan_run(const Config& config, const RunOptions& options);

}  // namespace gradflow
