#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "study/point_files.hpp"
#include "study/study_head.hpp"
#include "study/summary_lines.hpp"

namespace gradflow {

/// What of a build is not as in this one: "gradflow_commit 0123456789ab"; empty where nothing is.
std::string other_build(const std::vector<std::pair<std::string, std::string>>& build);

/// What there is in a result that was put together.
struct Assembled {
  std::vector<std::string> warnings;  ///< about fits along the axes, and bisections
  std::vector<SummaryLine> lines;     ///< what those came to
  std::size_t points = 0, failed = 0, missing = 0;
  std::size_t unneeded = 0;  ///< runs that the chains of a bisection ended without
};

/// Writes the result of a study: its points over its axes (io/stacking.hpp), with the fits along an
/// axis, the config, and the builds and processors that made them. Points that are not there are
/// `not_run`. Reads a block of points at a time. \throws FileError
Assembled write_result(const StudyHead& head, const PointFiles& points,
                       const std::filesystem::path& path);

/// The result of a single run.
Dataset result_of_run(const StudyHead& head, Dataset run);

}  // namespace gradflow
