#pragma once

#include <map>
#include <string>

#include "flow/observable.hpp"
#include "study/run_config.hpp"

namespace gradflow {

/// The settings of a run that were given and have no effect, by key ("flow.step"), with the reason
/// ("not used by flow.kind = "gradient""). `run` is as built by its model, with `observables`.
std::map<std::string, std::string> unused_settings(const RunConfig& run,
                                                   const std::vector<Observable>& observables);

}  // namespace gradflow
