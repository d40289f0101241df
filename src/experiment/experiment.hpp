#pragma once

#include <functional>

#include "experiment/journal.hpp"
#include "experiment/setup.hpp"
#include "io/dataset.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// What one run leaves: its dataset, and how it went.
struct Experiment {
  Dataset data;
  Outcome outcome;
};

/// Follows the flow, records its observables, takes its measurements; or runs the sweep or the
/// continuation that the setup asks for. Numerical failure is a status of the outcome. What is done
/// of an experiment in several parts is kept in `journal`, where there is one.
/// \throws ParameterError where settings and flow do not go together after all
Experiment run_experiment(const Setup& setup, const std::function<bool()>& interrupted,
                          Journal* journal = nullptr);

}  // namespace gradflow
