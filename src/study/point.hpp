#pragma once

#include <functional>
#include <string>

#include "experiment/journal.hpp"
#include "io/dataset.hpp"
#include "measure/phase_references.hpp"
#include "solve/outcome.hpp"
#include "study/chains.hpp"
#include "study/config.hpp"

namespace gradflow {

/// What one run leaves: its dataset, and how it went in words.
struct PointResult {
  Dataset data;
  Status status = Status::ok;
  std::int32_t warnings = 0;
  std::string message;
  double wall_seconds = 0;
};

/// To be asked before a run is begun: Eigen does not bear to be refused memory in the middle (a
/// matrix that is to grow frees its old entries first, and again when it is unwound).
/// \throws OutOfMemory
void require_run_memory();

/// Makes one run: builds model and flow, integrates, records observables, takes measurements.
/// Numerical failure is a status in the result. `references` are those of all points; what is done
/// of a point in several parts is kept in `journal`. \throws ConfigError where the point's values
/// do not go together.
PointResult run_point(const Config& config, const StudyRun& run, PhaseReferences& references,
                      const std::function<bool()>& interrupted, Journal* journal = nullptr);

/// What there is of a point that has come to nothing.
PointResult failed_point(Status status, const std::string& message);

/// The integer variables that stand for a point that has not been run, for `stack`.
std::map<std::string, std::int64_t> absent_point();

}  // namespace gradflow
