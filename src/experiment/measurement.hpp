#pragma once

#include <string>
#include <vector>

#include "experiment/setup.hpp"
#include "experiment/trajectory.hpp"
#include "measure/phase_references.hpp"

namespace gradflow {

/// A finished run, as measurements take it.
struct MeasuredRun {
  const Setup& setup;
  const FlowSettings& flow;      ///< as it was followed
  const SolverSettings& solver;  ///< likewise
  const TrajectoryRun& run;
  PhaseReferences& references;  ///< of the study that the run belongs to
  /// For runs that the measurement makes.
  const RunsControl& runs;
};

/// What a measurement leaves: its numbers, and what there is to say. A measurement that fails
/// throws a SolverError.
struct MeasuredNumbers {
  std::vector<Measurement> numbers;
  Status status = Status::ok;
  std::int32_t warnings = 0;
  std::string message;
};

/// A measurement of runs, beside those that models have of their own: declared once, and taken
/// where it applies.
struct MeasurementInfo {
  std::string name;
  std::string summary;
  std::vector<std::string> keys;         ///< of [measure] and [time] that it takes
  std::vector<std::string> observables;  ///< that it reads
  std::vector<std::string> flows;        ///< that the model must offer
  std::vector<NumberInfo> numbers;       ///< without axes, that it leaves
  /// True where a run of these settings has it.
  bool (*applies)(const Setup& setup);
  MeasuredNumbers (*take)(const MeasuredRun& run);
};

/// In the order in which they are taken. One more is a file beside these and its line there.
const std::vector<MeasurementInfo>& measurements();
/// Those that runs of a model may have.
std::vector<MeasurementInfo> measurements_of(const std::vector<std::string>& flows,
                                             const std::vector<Observable>& observables);

}  // namespace gradflow
