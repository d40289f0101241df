#include "study/point.hpp"

#include "experiment/experiment.hpp"
#include "experiment/recording.hpp"
#include "numerics/memory.hpp"

namespace gradflow {

void require_run_memory() {
  constexpr double margin = 32 << 20;
  require_memory(margin);
}

PointResult failed_point(Status status, const std::string& message) {
  PointResult result;
  result.status = status;
  result.message = message;
  add_status(result.data, status);
  add_message(result.data, message);
  return result;
}

std::map<std::string, std::int64_t> absent_point() {
  return {{"status", static_cast<std::int64_t>(Status::not_run)},
          {"warning", 0},
          {"attempts", 0},
          {"steps", 0},
          {"rhs_evaluations", 0}};
}

PointResult run_point(const Config& config, const StudyRun& run, PhaseReferences& references,
                      const std::function<bool()>& interrupted, Journal* journal) {
  Experiment experiment =
      run_experiment(config.setup(run.chain, run.bisected), references, interrupted, journal);
  const Outcome& outcome = experiment.outcome;
  return {std::move(experiment.data), outcome.status, outcome.warnings, outcome.message,
          outcome.wall_seconds};
}

}  // namespace gradflow
