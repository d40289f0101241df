#include "study/unused_settings.hpp"

#include <algorithm>

#include "solve/solver_method.hpp"
#include "study/names.hpp"

namespace gradflow {

namespace {

std::string not_used_by(const std::string& key, const std::string& value) {
  return "not used by " + key + " = " + toml_text(value);
}

class UnusedSettings {
 public:
  UnusedSettings(const RunConfig& run, const std::vector<Observable>& observables)
      : run_(run),
        observables_(observables),
        flow_(run.flow()),
        kind_(flow_.traits()),
        decays_(flow_.weight_decay > 0 && !kind_.slow_limit && !run.of_rest()) {}

  std::map<std::string, std::string> all() && {
    for (const auto& [name, reason] : run_.sections.at("model").ineffective())
      unused_.emplace("model." + name, "not used by " + reason);
    of_flow();
    of_solver();
    of_time();
    of_output();
    of_measure();
    return std::move(unused_);
  }

 private:
  /// Where it is given.
  void say(const std::string& section, const std::string& name, const std::string& reason) {
    if (run_.sections.at(section).given(name)) unused_.emplace(section + "." + name, reason);
  }

  void of_flow() {
    for (const ParameterInfo& info : run_.sections.at("flow").declared())
      if (info.name != "kind" && !contains(kind_.keys, info.name))
        say("flow", info.name, not_used_by("flow.kind", flow_.kind));
    if (contains(kind_.keys, "temperature") && flow_.temperature == 0)
      unused_.emplace("flow.temperature",
                      "is 0: without noise the iterates are those of "
                      "gradient_descent");
    if (const auto sweep = run_.sweep(); sweep && sweep->key.starts_with("flow."))
      say("flow", sweep->key.substr(5), "not used: it is swept");
    if (run_.has("continuation")) say("flow", "weight_decay", "not used: branches are over it");
  }

  void of_solver() {
    const SolverSettings solver = run_.solver();
    if (kind_.iterates) {
      for (const char* name :
           {"method", "linear", "rtol", "atol", "verify", "retries", "saddle_guard", "condition"})
        say("solver", name, not_used_by("flow.kind", flow_.kind));
    } else if (solver.method != "auto" &&
               solver_method(solver.method).linear != SolverMethod::Linear::newton_matrix) {
      say("solver", "linear", not_used_by("solver.method", solver.method));
    }
    if (run_.of_rest()) say("solver", "retries", "not used by " + beside());
  }

  void of_time() {
    const TimeSettings time = run_.time();
    if (time.spacing != "log") say("time", "first", not_used_by("time.spacing", time.spacing));
    for (const auto& [key, name] : {std::pair{"stop_gradient_norm", "gradient_norm"},
                                    std::pair{"stop_train_loss", "train_loss"},
                                    std::pair{"stop_train_loss_above", "train_loss"}})
      if (!observed(name))
        say("time", key, "not used: " + run_.model->name + " has no observable " + name);
  }

  void of_output() {
    if (run_.of_rest()) say("output", "checkpoint_seconds", "not used by " + beside());
    if (run_.output().snapshot_observables.empty())
      say("output", "snapshot_times", "not used without output.snapshot_observables");
  }

  void of_measure() {
    const MeasureSettings measure = run_.measure();
    if (measure.two_phases && !(kind_.descent && decays_))
      unused_.emplace("measure.two_phases", kind_.descent ? "not used without flow.weight_decay > 0"
                                                          : not_used_by("flow.kind", flow_.kind));
    if (!measure.two_phases)
      for (const char* name : {"slow_window", "fast_end"})
        say("measure", name, "not used without measure.two_phases");
    if (!decays_ || !observed("train_error") || !observed("test_error"))
      say("measure", "fit_threshold",
          decays_ ? "not used without test data" : "not used without flow.weight_decay > 0");
    for (const char* key : {"curvature_probes", "rank_tolerance"})
      if (!measured_with(key)) say("measure", key, "not used by any of the observables recorded");
    if (measure.exponents.empty()) say("measure", "against", "not used without measure.exponents");
  }

  std::string beside() const { return run_.has("sweep") ? "a [sweep]" : "a [continuation]"; }

  bool observed(const std::string& name) const {
    return std::any_of(observables_.begin(), observables_.end(),
                       [&](const Observable& o) { return o.name == name; });
  }

  bool measured_with(const std::string& key) const {
    const OutputSettings output = run_.output();
    return std::any_of(observables_.begin(), observables_.end(), [&](const Observable& o) {
      return (o.by_default || o.named_in(output.observables) ||
              o.named_in(output.snapshot_observables)) &&
             contains(o.keys, key);
    });
  }

  const RunConfig& run_;
  const std::vector<Observable>& observables_;
  const FlowSettings flow_;
  const FlowKind& kind_;
  const bool decays_;
  std::map<std::string, std::string> unused_;
};

}  // namespace

std::map<std::string, std::string> unused_settings(const RunConfig& run,
                                                   const std::vector<Observable>& observables) {
  return UnusedSettings(run, observables).all();
}

}  // namespace gradflow
