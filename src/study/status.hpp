#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "study/point_files.hpp"

namespace gradflow {

/// What there is of a study.
struct StudyStatus {
  struct Process {
    std::string host;
    std::int64_t id = 0;
    std::size_t done = 0;
    bool alive = false;
  };
  /// Of a bisection runs, those that its chains may have.
  std::size_t points = 0, done = 0, failed = 0, running = 0, missing = 0, reused = 0, damaged = 0;
  std::size_t unneeded = 0;  ///< runs that chains of a bisection ended without
  std::vector<Process> processes;
  std::map<std::string, std::size_t> failures;  ///< by the status's name
  std::vector<std::string> running_points;      ///< where they are, the first few
  std::optional<double> seconds_left;           ///< where finished points and live processes tell
  std::string result;                           ///< "none", "partial", "complete"
};

/// Of the study in a folder, whoever works on it. Writes nothing, and holds no lock.
/// \throws FileError where there is no study
StudyStatus study_status(const std::filesystem::path& folder);
std::string as_json(const StudyStatus& status);

/// That a folder holds a study whose points this program can take. `option` is named in the
/// message. \throws FileError
void require_study_folder(const std::filesystem::path& folder, const std::string& option);

/// DIR/processes.json: who made the points. \throws FileError
void write_processes(const std::filesystem::path& folder, const PointFiles& points);

}  // namespace gradflow
