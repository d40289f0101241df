#include "experiment/measurement.hpp"
#include "measure/grokking.hpp"

namespace gradflow {
namespace {

const NumberInfo fit_time{"fit_time",
                          "time at which the training error is below measure.fit_threshold times "
                          "its start"};
const NumberInfo plateau_time{"plateau_time",
                              "time at which the test error, after the fit, moves least in log t; "
                              "NaN without a plateau"};
const NumberInfo plateau_test_error{"plateau_test_error", "test error at plateau_time"};
const NumberInfo grok_time{"grok_time",
                           "time at which the test error is halfway between plateau and end"};
const NumberInfo slow_grok_time{"slow_grok_time", "lambda times grok_time"};

bool grokking_applies(const Setup& setup) {
  return setup.flow.weight_decay > 0 && !setup.flow.traits().slow_limit;
}

MeasuredNumbers take_grokking(const MeasuredRun& run) {
  const std::vector<double>* train = run.run.samples.values("train_error");
  const std::vector<double>* test = run.run.samples.values("test_error");
  if (train == nullptr || test == nullptr) return {};
  const FlowSettings& flow = run.flow;
  MeasuredNumbers out;
  const GrokkingTimes times =
      grokking_times(run.run.samples.coordinate(), *train, *test, run.setup.measure.fit_threshold,
                     0.1 / flow.weight_decay);
  if (times.falls_without_plateau) out.warnings = no_plateau;
  if (!times.missing.empty()) out.message = "no grok_time: " + times.missing;
  out.numbers = {
      measured(fit_time, times.fit),
      measured(plateau_time, times.plateau),
      measured(plateau_test_error, times.plateau_error),
      measured(grok_time, times.grok),
      measured(slow_grok_time, flow.weight_decay * times.grok),
  };
  return out;
}

}  // namespace

MeasurementInfo grokking_measurement() {
  return {"grokking",
          "when the training error falls, where the test error stays, and when it falls",
          {"measure.fit_threshold"},
          {"train_error", "test_error"},
          {},
          {fit_time, plateau_time, plateau_test_error, grok_time, slow_grok_time},
          grokking_applies,
          take_grokking};
}

}  // namespace gradflow
