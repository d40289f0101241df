#include "experiment/branch_experiment.hpp"
#include "io/file_error.hpp"
#include "study/config.hpp"
#include "study/key_name.hpp"

/// Of a config: sweeps and branches, which a run at rest is made of in place of one over time.
namespace gradflow {

std::function<SweptSetup(double)> Config::swept(const RunConfig& config, Model& model) const {
  const KeyName key = KeyName::of(config.sweep()->key);
  if (key.section == "flow")  // the model is the same at all values
    return [this, config, key, &model](double value) {
      RunConfig at = config;
      set(at, key.whole(), value);
      return SweptSetup{std::shared_ptr<Model>(std::shared_ptr<Model>(), &model), at.flow()};
    };
  return [this, config, key](double value) {
    RunConfig at = config;
    set(at, key.whole(), value);
    return SweptSetup{at.model->make(at.sections.at("model"), at.data_seed()), at.flow()};
  };
}

std::map<std::string, Vector> Config::start_files(const ContinuationSettings& settings) const {
  std::map<std::string, Vector> files;
  for (const std::string& start : settings.starts) {
    if (start == "flow" || start == "zero") continue;
    try {
      const std::filesystem::path path = inputs_.locate(start, position_of("continuation.starts"));
      const Matrix& numbers = inputs_.numbers(path);
      files[start] = Eigen::Map<const Vector>(numbers.data(), numbers.size());
    } catch (const FileError& error) {
      throw ParameterError("starts", "has " + toml_text(start) +
                                         ", which is neither \"flow\" nor \"zero\" nor a file of "
                                         "parameters: " +
                                         error.what());
    }
  }
  return files;
}

void Config::check_sweep(const RunConfig& run, Model& model) const {
  const SweepSettings sweep = *run.sweep();
  const KeyName key = KeyName::of(sweep.key);
  const ParameterInfo* info = nullptr;
  std::vector<std::string> numbers;
  for (const char* section : {"flow", "model"})
    for (const ParameterInfo& candidate : run.sections.at(section).declared()) {
      if (candidate.type == ParameterType::real)
        numbers.push_back(KeyName{section, candidate.name}.whole());
      if (key.section == section && key.name == candidate.name) info = &candidate;
    }
  if (info == nullptr || info->type != ParameterType::real)
    throw ParameterError("key", "is " + toml_text(sweep.key) +
                                    (info == nullptr ? ", which is no key of [flow] or [model]"
                                                     : ", which is no real number") +
                                    ", expected one of " + joined(numbers) +
                                    nearest_choice(numbers, sweep.key));
  if (design_.varies(sweep.key))
    throw ParameterError("key",
                         "is " + toml_text(sweep.key) + ", which is an axis of the study too");
  for (const WorkedOutKey& other : worked_out_)
    if (other.sources.count(sweep.key) != 0)
      throw ParameterError("key", "is " + toml_text(sweep.key) + ", which the expression of " +
                                      other.key + " needs one value of at a point");
  Parameters section = run.sections.at(key.section);
  for (const double value : sweep.values) try {
      section.set(key.name, value);
    } catch (const ParameterError& error) {
      throw ParameterError("values",
                           "has " + toml_number(value) + ": " + sweep.key + " " + error.what());
    }
  if (sweep.down_perturbation_law == "initial" && sweep.direction != "up" &&
      model.initial_state(run.flow()).isZero(0))
    throw ParameterError("down_perturbation_law",
                         "is \"initial\", but w(0) = 0 makes no perturbation");
  const auto at = swept(run, model);
  const Index p = model.initial_state(run.flow()).size();
  for (const double value : {sweep.values.front(), sweep.values.back()}) {
    const SweptSetup setup = at(value);
    if (setup.model->initial_state(setup.flow).size() != p)
      throw ParameterError(
          "key", "is " + toml_text(sweep.key) + ", which changes the number of parameters");
    if (!setup.model->system(setup.flow)->has_energy())
      throw ParameterError("key", "needs a flow that descends a loss, which this model's does not");
  }
}

void Config::check_rest(const RunConfig& run, Model& model) const {
  if (const auto misplaced = misplaced_beside_rest(run))
    complain(misplaced->section, misplaced->error);
  try {
    if (run.has("sweep")) check_sweep(run, model);
  } catch (const ParameterError& error) {
    complain("sweep", error);
  }
  try {
    if (const auto continuation = run.continuation())
      check_continuation(model, run.flow(), *continuation, start_files(*continuation));
  } catch (const ParameterError& error) {
    complain("continuation", error);
  }
}

}  // namespace gradflow
