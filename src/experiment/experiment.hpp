#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiment/journal.hpp"
#include "experiment/result.hpp"
#include "experiment/setup.hpp"
#include "measure/phase_references.hpp"

namespace gradflow {

/// Follows the flow, records its observables, takes its measurements; or runs the sweep or the
/// continuation that the setup asks for. Numerical failure is a status of the outcome. `references`
/// are those of the study that the run belongs to. What is done of an experiment in several parts
/// is kept in `journal`, where there is one. \throws ParameterError where settings and flow do not
/// go together after all
Experiment run_experiment(const Setup& setup, PhaseReferences& references,
                          const std::function<bool()>& interrupted, Journal* journal = nullptr);

/// "final_NAME": what the last value of an observable is called.
std::string final_name(const std::string& observable);

/// The numbers without axes that a run of this setup gives: its model's, which are `model_numbers`,
/// those of its measurements, and what every run is told of.
std::vector<NumberInfo> numbers_of(const Setup& setup,
                                   const std::vector<NumberInfo>& model_numbers);

}  // namespace gradflow
