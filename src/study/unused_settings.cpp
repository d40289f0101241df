#include "study/unused_settings.hpp"

#include <algorithm>

#include "solve/solver_method.hpp"
#include "study/names.hpp"

namespace gradflow {

std::map<std::string, std::string> unused_settings(const RunConfig& run,
                                                   const std::vector<Observable>& observables) {
  std::map<std::string, std::string> unused;
  const auto say = [&](const std::string& section, const std::string& name,
                       const std::string& reason) {
    if (run.sections.at(section).given(name)) unused.emplace(section + "." + name, reason);
  };
  const auto by = [](const std::string& key, const std::string& value) {
    return "not used by " + key + " = " + toml_text(value);
  };
  for (const auto& [name, reason] : run.sections.at("model").ineffective())
    unused.emplace("model." + name, "not used by " + reason);

  const FlowSettings flow = run.flow();
  const FlowKind& kind = flow.traits();
  const bool decays = flow.weight_decay > 0 && !kind.slow_limit && !run.of_rest();
  for (const ParameterInfo& info : run.sections.at("flow").declared())
    if (info.name != "kind" && !contains(kind.keys, info.name))
      say("flow", info.name, by("flow.kind", flow.kind));
  if (contains(kind.keys, "temperature") && flow.temperature == 0)
    unused.emplace("flow.temperature",
                   "is 0: without noise the iterates are those of "
                   "gradient_descent");

  if (const auto sweep = run.sweep(); sweep && sweep->key.starts_with("flow."))
    say("flow", sweep->key.substr(5), "not used: it is swept");
  if (run.has("continuation")) say("flow", "weight_decay", "not used: branches are over it");
  const SolverSettings solver = run.solver();
  if (kind.iterates) {
    for (const char* name :
         {"method", "linear", "rtol", "atol", "verify", "retries", "saddle_guard", "condition"})
      say("solver", name, by("flow.kind", flow.kind));
  } else if (solver.method != "auto" &&
             solver_method(solver.method).linear != SolverMethod::Linear::newton_matrix) {
    say("solver", "linear", by("solver.method", solver.method));
  }

  const TimeSettings time = run.time();
  if (time.spacing != "log") say("time", "first", by("time.spacing", time.spacing));
  const auto observed = [&](const std::string& name) {
    return std::any_of(observables.begin(), observables.end(),
                       [&](const Observable& o) { return o.name == name; });
  };
  for (const auto& [key, name] : {std::pair{"stop_gradient_norm", "gradient_norm"},
                                  std::pair{"stop_train_loss", "train_loss"},
                                  std::pair{"stop_train_loss_above", "train_loss"}})
    if (!observed(name))
      say("time", key, "not used: " + run.model->name + " has no observable " + name);

  if (run.of_rest()) {
    const std::string beside = run.has("sweep") ? "a [sweep]" : "a [continuation]";
    say("solver", "retries", "not used by " + beside);
    say("output", "checkpoint_seconds", "not used by " + beside);
  }
  const OutputSettings output = run.output();
  if (output.snapshot_observables.empty())
    say("output", "snapshot_times", "not used without output.snapshot_observables");

  const MeasureSettings measure = run.measure();
  if (measure.two_phases && !(kind.descent && decays))
    unused.emplace("measure.two_phases", kind.descent ? "not used without flow.weight_decay > 0"
                                                      : by("flow.kind", flow.kind));
  if (!measure.two_phases)
    for (const char* name : {"slow_window", "fast_end"})
      say("measure", name, "not used without measure.two_phases");
  if (!decays || !observed("train_error") || !observed("test_error"))
    say("measure", "fit_threshold",
        decays ? "not used without test data" : "not used without flow.weight_decay > 0");
  const auto recorded = [&](const Observable& observable) {
    return observable.by_default || observable.named_in(output.observables) ||
           observable.named_in(output.snapshot_observables);
  };
  const auto measured_with = [&](const std::string& key) {
    return std::any_of(observables.begin(), observables.end(),
                       [&](const Observable& o) { return recorded(o) && contains(o.keys, key); });
  };
  for (const char* key : {"curvature_probes", "rank_tolerance"})
    if (!measured_with(key)) say("measure", key, "not used by any of the observables recorded");
  if (measure.exponents.empty()) say("measure", "against", "not used without measure.exponents");
  return unused;
}

}  // namespace gradflow
