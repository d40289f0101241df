#pragma once

#include <functional>
#include <map>
#include <string>

#include "experiment/result.hpp"
#include "experiment/setup.hpp"

namespace gradflow {

/// Follows the branches of `setup.continuation`. \throws ParameterError as `check_continuation`
Experiment run_continuation(const Setup& setup, const std::function<bool()>& interrupted);

/// Throws where the model, its flow or a start does not go with continuation. `files` are the
/// states that continuation.starts names, by the names that are given there.
void check_continuation(Model& model, const FlowSettings& flow,
                        const ContinuationSettings& settings,
                        const std::map<std::string, Vector>& files);

}  // namespace gradflow
