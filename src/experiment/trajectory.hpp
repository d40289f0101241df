#pragma once

#include <functional>
#include <vector>

#include "experiment/journal.hpp"
#include "experiment/recording.hpp"
#include "experiment/setup.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// A flow followed from its start to its end, with what was recorded on the way.
struct TrajectoryRun {
  Outcome outcome;
  Recording samples;    ///< along time
  Recording snapshots;  ///< along snapshot_time
};

/// Follows the flow of `setup`, with settings of its own for what may differ from run to run.
/// Numerical failure is a status of the outcome; samples that were not reached are NaN. The run's
/// state is a part of `journal`, where there is one, by the name `part`.
TrajectoryRun run_trajectory(const Setup& setup, const FlowSettings& flow,
                             const SolverSettings& solver, const TimeSettings& time,
                             const OutputSettings& output, const std::function<bool()>& interrupted,
                             Journal* journal, const std::string& part);

/// |difference| of observable k between a run and its repetition at a tenth of the tolerances, at
/// the samples that both have (a stop condition ends them at slightly different times).
std::vector<double> observed_error(const Recording& run, const Recording& tight, std::size_t k);

/// A recorded run as measurements see it.
class RecordedTrajectory final : public Trajectory {
 public:
  explicit RecordedTrajectory(const TrajectoryRun& run) : run_(run) {}
  const std::vector<double>& times() const override { return run_.samples.coordinate(); }
  const std::vector<double>* values(const std::string& observable) const override {
    return run_.samples.values(observable);
  }
  const Vector& final_state() const override { return run_.outcome.final_state; }

 private:
  const TrajectoryRun& run_;
};

}  // namespace gradflow
