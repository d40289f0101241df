#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "study/config.hpp"
#include "study/point.hpp"
#include "study/store.hpp"

namespace gradflow {

struct RunOptions {
  std::filesystem::path folder;
  int jobs = 1;
  bool resume = false;
  bool quiet = false;
  const std::atomic<bool>* interrupt = nullptr;
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
  bool interrupted = false;
  bool already_complete = false;
  std::vector<PointNote> notes;       ///< failures and warnings of points
  std::vector<std::string> warnings;  ///< of the study as a whole
};

/// Runs a config into a folder. What an earlier call left there is believed only where its checksum
/// fits; a point that is damaged is run again. Points remember the build that made them, and the
/// result names all builds that had a part in it. Every finished point is on disk
/// (points/NNNNNN.nc, by rename) before it counts as done, while the next ones are computed;
/// result.nc is put together from them. Points are independent; a point is a chain of length one,
/// the unit that is scheduled, resumed and sharded. \throws ConfigError, FileError, FolderRefused
RunSummary run_config(const Config& config, const RunOptions& options);

/// Text of the whole of build information: version, commit, flags, libraries.
std::vector<Attribute> provenance();

}  // namespace gradflow
