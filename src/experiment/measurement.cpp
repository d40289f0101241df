#include "experiment/measurement.hpp"

#include <algorithm>

namespace gradflow {

MeasurementInfo grokking_measurement();
MeasurementInfo two_phase_measurement();
MeasurementInfo rest_measurement();

const std::vector<MeasurementInfo>& measurements() {
  static const std::vector<MeasurementInfo> all{grokking_measurement(), two_phase_measurement(),
                                                rest_measurement()};
  return all;
}

std::vector<MeasurementInfo> measurements_of(const std::vector<std::string>& flows,
                                             const std::vector<Observable>& observables) {
  std::vector<MeasurementInfo> all;
  for (const MeasurementInfo& info : measurements()) {
    const bool offered =
        std::all_of(info.flows.begin(), info.flows.end(), [&](const std::string& flow) {
          return std::find(flows.begin(), flows.end(), flow) != flows.end();
        });
    const bool observed =
        std::all_of(info.observables.begin(), info.observables.end(), [&](const std::string& name) {
          return std::any_of(observables.begin(), observables.end(),
                             [&](const Observable& o) { return o.name == name; });
        });
    if (offered && observed) all.push_back(info);
  }
  return all;
}

}  // namespace gradflow
