#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "solve/outcome.hpp"
#include "study/progress.hpp"
#include "study/summary_lines.hpp"

/// What the running of a config (study/runner.hpp, study/single_run.hpp) is asked for, and what it
/// tells when it is over.
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

}  // namespace gradflow
