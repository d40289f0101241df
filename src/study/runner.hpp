#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "study/config.hpp"
#include "study/point.hpp"
#include "study/progress.hpp"
#include "study/run_summary.hpp"
#include "study/store.hpp"

namespace gradflow {

/// The points of a study (of a bisection its chains) whose number is `part` modulo `parts`.
struct Shard {
  std::size_t part = 0, parts = 1;
};

struct RunOptions {
  std::filesystem::path folder;
  int jobs = 1;  ///< worker processes of a study
  bool resume = false;
  /// Of a single run that was prolonged (study/prolonged_run.hpp): what it was before.
  std::string prolongs = {};
  /// Work on a study together with all others that run it into the same folder.
  bool join = false;
  Shard shard = {};                               ///< with `join`
  std::vector<std::filesystem::path> reuse = {};  ///< folders of studies whose points may be taken
  ProgressMode progress = ProgressMode::automatic;
  const std::atomic<bool>* interrupt = nullptr;
  bool interrupted() const {
    return interrupt != nullptr && interrupt->load(std::memory_order_relaxed);
  }
  /// What an earlier call's results are found to be, a line at a time, before anything is run.
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

struct PointNote {
  std::size_t point;
  std::string where;  ///< "weight_decay = 0.001, seed = 2"
  Status status;
  std::string message;
  std::int32_t warnings = 0;  ///< 0: the message is no more than a note
};

struct RunSummary {
  std::filesystem::path result;
  std::size_t points = 0, ran = 0, failed = 0;
  std::size_t reused = 0;    ///< taken from other folders
  std::size_t missing = 0;   ///< of the whole study: neither done nor failed
  std::size_t unneeded = 0;  ///< runs that chains of a bisection ended without
  bool interrupted = false;
  bool begins_anew = false;  ///< a single run that was cut before there was a state to go on from
  bool already_complete = false;
  bool wrote_result = true;           ///< false: of several processes another does
  std::vector<PointNote> notes;       ///< failures and warnings of points
  std::vector<std::string> warnings;  ///< of the study as a whole
  std::vector<SummaryLine> lines;     ///< what a single run, or a study's fits, came to
};

/// Runs a config into a folder. What an earlier call left there is believed only where its checksum
/// fits; a point that is damaged is run again. Points remember the build that made them, and the
/// result names all builds that had a part in it.
///
/// Points are independent, and run in worker processes forked from this one (study/supervisor.hpp);
/// a point is a chain of runs, of length one without a bisection: the unit that is scheduled,
/// resumed and sharded. `points` counts the runs that all chains may have. Every point that counts
/// as done is on disk (points/*.points); result.nc is put together from them. Together with others,
/// the last to end does that. \throws ConfigError, FileError, FolderRefused
RunSummary run_config(const Config& config, const RunOptions& options);

/// What `run_config` would do, without doing it.
struct RunPlan {
  /// Of a bisection runs; there may be fewer `to_run`, where chains end early.
  std::size_t points = 0, there = 0, reusable = 0, to_run = 0;
  Config::Largest largest;
  double mean_seconds = 0;  ///< of finished points; 0 where there are none
};
RunPlan plan_run(const Config& config, const RunOptions& options);

}  // namespace gradflow
