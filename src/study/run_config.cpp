#include "study/run_config.hpp"

#include <algorithm>
#include <cmath>

#include "experiment/measurement.hpp"
#include "numerics/memory.hpp"
#include "study/names.hpp"

namespace gradflow {
namespace {

/// [time] of a run that ends: `first` before `end`, and both of them numbers in t as well.
/// Returns the end in t.
double resolve_end(Parameters& time, const FlowSettings& flow) {
  const double end = time.real("end"), first = time.real("first");
  // A run that is prolonged keeps its first times.
  const std::vector<double> earlier = TimeSettings::from(time).earlier_ends;
  const double first_end = earlier.empty() ? end : earlier.front();
  if (time.text("spacing") == "log" && first >= first_end) {
    if (time.given("first"))
      throw ParameterError("first", "is " + toml_number(first) + ", expected a number below time." +
                                        (earlier.empty() ? "end = " : "earlier_ends[0] = ") +
                                        toml_number(first_end));
    time.resolve("first", first_end / 1000);
  }
  TimeSettings::from(time).check_earlier_ends();
  const bool slow = time.text("variable") == "slow" && !flow.traits().slow_limit;
  if (slow && flow.weight_decay <= 0)
    throw ParameterError("variable",
                         "is \"slow\" (tau = lambda t), which needs flow.weight_decay > 0");
  const double horizon = slow ? end / flow.weight_decay : end;
  if (!std::isfinite(horizon))
    throw ParameterError("end", "is " + toml_number(end) +
                                    " in tau = lambda t, which is beyond the largest number in t");
  return horizon;
}

/// How many steps of iterates there are is the config's own word, not a sign that something went
/// wrong.
void resolve_iterates(const Parameters& time, Parameters& solver, const FlowSettings& flow,
                      double horizon) {
  const double end = time.real("end");
  if (horizon < flow.step)
    throw ParameterError(
        "end", "is " + toml_number(end) +
                   ", expected at least one step of flow.step = " + toml_number(flow.step));
  if (solver.given("max_steps")) return;
  const double steps = std::ceil(horizon / flow.step) + 1, most = solver.find("max_steps")->maximum;
  // Where a stop condition is to end the run, any end will do.
  if (steps > most && !TimeSettings::from(time).may_stop())
    throw ParameterError("end", "is " + toml_number(end) + ", which is " + toml_number(steps) +
                                    " steps of flow.step = " + toml_number(flow.step) +
                                    ", expected at most " + toml_number(most) + " steps");
  if (steps > static_cast<double>(solver.integer("max_steps")))
    solver.resolve("max_steps", static_cast<std::int64_t>(std::min(steps, most)));
}

void check_two_phases(const RunConfig& run, const FlowSettings& flow) {
  if (!contains(run.model->flows, slow_limit_kind()))
    throw ParameterError("two_phases", "needs the flow " + toml_text(slow_limit_kind()) +
                                           ", which " + run.model->name + " does not offer");
  if (!flow.learning_rates.empty())
    throw ParameterError("two_phases",
                         "does not go with flow.learning_rates: its slow limit is that of one "
                         "learning rate for all");
}

void check_fit_axis(const MeasureSettings& settings, const Design& design) {
  const ConfigAxis* named = design.find(settings.against);
  if (!settings.against.empty() && named == nullptr) {
    std::vector<std::string> names;
    for (const ConfigAxis& axis : design.axes())
      if (!design.is_of_variants(axis)) names.push_back(axis.name);
    throw ParameterError("against", "is " + toml_text(settings.against) +
                                        ", which is no axis of the study" +
                                        suggestion(settings.against, names));
  }
  if (named != nullptr && named->is_of_seeds())
    throw ParameterError("against", "is " + toml_text(settings.against) +
                                        ", whose values make repetitions; expected an axis that a "
                                        "power law may follow");
  const ConfigAxis* fitted = design.fit_axis(settings.against);
  if (fitted == nullptr)
    throw ParameterError("exponents", "needs a [study] with an axis to fit along");
  const ConfigAxis& along = *fitted;
  if (!std::holds_alternative<double>(along.values.front()) &&
      !std::holds_alternative<std::int64_t>(along.values.front()))
    throw ParameterError(settings.against.empty() ? "exponents" : "against",
                         "needs an axis of numbers to fit along, which " + along.name + " is not");
}

/// The values that a run without weight decay follows from, a line each.
std::string text_without_decay(const RunConfig& run) {
  std::string text;
  for (const std::string section : {"", "model", "flow", "solver"}) {
    const Parameters& parameters = run.sections.at(section);
    for (const ParameterInfo& info : parameters.declared())
      if (section != "flow" || info.name != "weight_decay")
        text += section + "." + info.name + " = " + toml_value(parameters.value(info.name)) + "\n";
  }
  return text;
}

/// Whether a model has an observable with its defaults, if not with other keys.
bool has_by_default(const ModelInfo& info, const std::string& name) {
  Parameters parameters(info.parameters);
  FlowSettings flow;
  flow.kind = info.flows.front();
  const std::vector<Observable> all = info.make(parameters, 0)->observables(flow);
  return std::any_of(all.begin(), all.end(),
                     [&](const Observable& observable) { return observable.name == name; });
}

}  // namespace

std::string not_taken(const std::string& name) {
  for (const MeasurementInfo& info : measurements())
    for (const NumberInfo& number : info.numbers)
      if (number.name == name)
        return ", which no run here has: the measurement \"" + info.name + "\" (" +
               joined(info.keys) + ") is not taken";
  return "";
}

std::uint64_t RunConfig::seed() const {
  return static_cast<std::uint64_t>(sections.at("").integer("seed"));
}

std::uint64_t RunConfig::data_seed() const {
  const Parameters& top = sections.at("");
  return top.has("data_seed") ? static_cast<std::uint64_t>(top.integer("data_seed")) : seed();
}

void RunConfig::give_init_seed() {
  const Parameters& top = sections.at("");
  Parameters& own = sections.at("model");
  const std::string key = "init_seed";
  if (own.find(key) == nullptr) {
    if (top.has(key)) throw ParameterError(key, "is given, but this model draws no start");
    return;
  }
  if (top.has(key)) {
    if (own.has(key) && own.integer(key) != top.integer(key))
      throw ParameterError(key, "is " + std::to_string(top.integer(key)) +
                                    ", but model.init_seed = " + std::to_string(own.integer(key)));
    own.resolve(key, top.integer(key));
  } else if (top.has("data_seed") && !own.has(key)) {
    own.resolve(key, top.integer("seed"));
  }
}

FlowSettings RunConfig::flow() const {
  FlowSettings settings = FlowSettings::from(sections.at("flow"));
  const Parameters& time = sections.at("time");
  settings.accelerated = time.text("variable") == "accelerated";
  settings.until_settled = !time.has("end");
  settings.seed = seed();
  const MeasureSettings measured = measure();
  settings.curvature_probes = measured.curvature_probes;
  settings.rank_tolerance = measured.rank_tolerance;
  return settings;
}

Setup RunConfig::setup(std::unique_ptr<Model> built) const {
  const MeasureSettings measured = measure();
  return {std::move(built),
          flow(),
          solver(),
          time(),
          output(),
          measured,
          measured.two_phases ? text_without_decay(*this) : std::string(),
          sweep(),
          continuation()};
}

std::optional<SweepSettings> RunConfig::sweep() const {
  if (!has("sweep")) return std::nullopt;
  return SweepSettings::from(sections.at("sweep"));
}

std::optional<ContinuationSettings> RunConfig::continuation() const {
  if (!has("continuation")) return std::nullopt;
  return ContinuationSettings::from(sections.at("continuation"));
}

std::optional<Misplaced> misplaced_beside_rest(const RunConfig& run) {
  if (!run.of_rest()) return std::nullopt;
  const std::string beside = run.has("sweep") ? "[sweep]" : "[continuation]";
  if (run.has("sweep") && run.has("continuation"))
    return Misplaced{"continuation",
                     {"range", "does not go beside [sweep]: a config has one of the two"}};
  const auto given = [&](const std::string& section, const std::string& name) {
    return run.sections.at(section).given(name);
  };
  for (const ParameterInfo& info : run.sections.at("time").declared())
    if (info.name != "end" && given("time", info.name))
      return Misplaced{"time",
                       {info.name, "does not go with " + beside +
                                       ", which has no time axis; of [time] it takes \"end\" "
                                       "alone, the longest time that the flow is followed"}};
  if (!run.flow().traits().descent)
    return Misplaced{"flow",
                     {"kind", "is " + toml_text(run.flow().kind) + ", expected " +
                                  toml_text(descent_kind()) + " with " + beside}};
  if (!run.flow().weight_decays.empty())
    return Misplaced{"flow", {"weight_decays", "does not go with " + beside}};
  if (run.has("continuation") && !run.flow().learning_rates.empty())
    return Misplaced{"flow", {"learning_rates", "does not go with " + beside}};
  if (run.solver().verify)
    return Misplaced{"solver",
                     {"verify", "does not go with " + beside +
                                    ": a point is certified by its Newton step and its modes"}};
  for (const char* name : {"snapshot_times", "snapshot_observables", "trajectories"})
    if (given("output", name)) return Misplaced{"output", {name, "does not go with " + beside}};
  if (run.measure().two_phases)
    return Misplaced{"measure", {"two_phases", "does not go with " + beside}};
  return std::nullopt;
}

void check_flow(const RunConfig& run) {
  const FlowSettings flow = run.flow();
  const std::vector<std::string>& offered = run.model->flows;
  if (!contains(offered, flow.kind))
    throw ParameterError("kind", "is \"" + flow.kind + "\", but " + run.model->name + " offers " +
                                     joined(offered) + nearest_choice(offered, flow.kind));
  if (flow.weight_decay != 0 && !flow.weight_decays.empty())
    throw ParameterError("weight_decays",
                         "does not go with flow.weight_decay: there is either one lambda, which "
                         "the slow time is measured in, or one for each group");
}

void resolve_time(RunConfig& run) {
  run.time().check_bounds();
  const FlowSettings flow = run.flow();
  Parameters& time = run.sections.at("time");
  if (flow.accelerated) {
    if (!flow.traits().accelerates)
      throw ParameterError("variable", "is \"accelerated\", which needs flow.kind = \"mirror\"");
    if (!time.given("spacing")) time.resolve("spacing", std::string("linear"));
  }
  if (!time.has("end")) return;
  const double horizon = resolve_end(time, flow);
  if (flow.discrete()) resolve_iterates(time, run.sections.at("solver"), flow, horizon);
}

void check_memory(const SolverSettings& solver) {
  if (solver.max_memory == 0) return;
  // Rounded up, so that the message is the same from call to call.
  constexpr double unit = 1 << 26;
  const double least = (std::ceil(process_bytes() / unit) + 1) * unit;
  if (static_cast<double>(solver.max_memory) < least)
    throw ParameterError("max_memory", "is " + std::to_string(solver.max_memory) +
                                           ", expected 0 or at least " + toml_number(least) +
                                           " bytes: the program takes nearly so much before a run");
}

void check_measure(const RunConfig& run, const Design& design) {
  const MeasureSettings settings = run.measure();
  if (settings.slow_window.size() != 2 || settings.slow_window[0] >= settings.slow_window[1])
    throw ParameterError("slow_window", "expected two numbers, the first the smaller");
  if (settings.curvature_probes == 1 || settings.curvature_probes == 2)
    throw ParameterError("curvature_probes",
                         "is " + std::to_string(settings.curvature_probes) +
                             ", expected 3 or more, or 0 for the exact scalar_curvature");
  if (settings.two_phases) check_two_phases(run, run.flow());
  settings.check_arrhenius(run.flow(), run.time(), design.is_axis(temperature_axis));
  // With a bisection there is none at all, which `Config::check_bisection` says.
  if (!settings.exponents.empty() && design.bisection() == nullptr)
    check_fit_axis(settings, design);
}

void check_exponents(const RunConfig& run, const std::vector<NumberInfo>& numbers) {
  std::vector<std::string> names;
  for (const NumberInfo& number : numbers)
    if (!contains(names, number.name)) names.push_back(number.name);
  for (const std::string& name : run.measure().exponents) {
    if (contains(names, name)) continue;
    const std::string reason = not_taken(name);
    throw ParameterError(
        "exponents",
        "has " + toml_text(shortened(name)) +
            (reason.empty() ? ", which is no number of a run" + suggestion(name, names) : reason));
  }
}

void check_output(const RunConfig& run, const std::vector<Observable>& observables) {
  const OutputSettings output = run.output();
  std::vector<std::string> names;
  for (const Observable& observable : observables) names.push_back(observable.name);
  const auto check_names = [&](const std::string& key, const std::vector<std::string>& wanted) {
    for (const std::string& name : wanted)
      if (!contains(names, name))
        throw ParameterError(key, "has " + toml_text(name) + ", which " + run.model->name +
                                      (has_by_default(*run.model, name)
                                           ? " has with its default [model], not with this one"
                                           : " does not have" + suggestion(name, names)));
  };
  check_names("observables", output.observables);
  check_names("snapshot_observables", output.snapshot_observables);
  const double end = run.time().end;
  for (const double t : output.snapshot_times)
    if (end > 0 && t > end)
      throw ParameterError(
          "snapshot_times",
          "has " + toml_number(t) + ", expected times up to time.end = " + toml_number(end));
  if (output.parameters && !output.trajectories)
    throw ParameterError("parameters", "does not go with output.trajectories = false");
  if (!output.snapshot_observables.empty() && output.snapshot_times.empty())
    throw ParameterError("snapshot_observables", "needs output.snapshot_times");
}

}  // namespace gradflow
