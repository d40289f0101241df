#include "study/point.hpp"

#include "experiment/experiment.hpp"
#include "experiment/recording.hpp"

namespace gradflow {

Dataset failed_setup(const std::string& message) {
  Dataset data;
  add_status(data, Status::setup_failed);
  add_message(data, message);
  return data;
}

std::map<std::string, std::int64_t> absent_point() {
  return {{"status", static_cast<std::int64_t>(Status::not_run)},
          {"warning", 0},
          {"steps", 0},
          {"rhs_evaluations", 0}};
}

PointResult run_point(const Config& config, std::size_t point, PhaseReferences& references,
                      const std::function<bool()>& interrupted, Journal* journal) {
  Experiment experiment = run_experiment(config.setup(point), references, interrupted, journal);
  const Outcome& outcome = experiment.outcome;
  return {std::move(experiment.data), outcome.status, outcome.warnings, outcome.message,
          outcome.wall_seconds};
}

}  // namespace gradflow
