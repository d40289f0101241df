#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "experiment/settings.hpp"
#include "experiment/sweep_settings.hpp"
#include "flow/model.hpp"

namespace gradflow {

/// Model and flow at one value of a key that is swept.
struct SweptSetup {
  std::shared_ptr<Model> model;
  FlowSettings flow;
};

/// All that one run is made from, parsed and checked.
struct Setup {
  std::unique_ptr<Model> model;
  FlowSettings flow;
  SolverSettings solver;
  TimeSettings time;
  OutputSettings output;
  MeasureSettings measure;
  /// All that the run without weight decay follows from, as text: equal for runs whose limits as
  /// lambda -> 0 are the same. Empty: not known.
  std::string without_decay = {};
  std::optional<SweepSettings> sweep = {};                ///< a chain of values in place of a run
  std::optional<ContinuationSettings> continuation = {};  ///< branches in place of a run
  std::function<SweptSetup(double)> at = {};              ///< of a sweep: at a value of its key
  /// Of a continuation: the states of files that continuation.starts names.
  std::map<std::string, Vector> start_files = {};
};

}  // namespace gradflow
