#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "experiment/experiment.hpp"
#include "experiment/recording.hpp"
#include "flow/loss_model.hpp"
#include "study/config.hpp"
#include "study/key_name.hpp"
#include "study/unused_settings.hpp"

/// Of a config: what is tried of it before anything is run.
namespace gradflow {

std::vector<std::size_t> Config::tried_values(const ConfigAxis& axis) const {
  std::vector<std::size_t> all(axis.values.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const ParameterType type = schema_.declared(axis.key, axis.position).type;
  // What is right at both ends is right between them. Of texts and lists there are few; files are
  // all read, since what is in them belongs to the config.
  if (type != ParameterType::integer && type != ParameterType::real) return all;
  const auto [least, most] = std::minmax_element(
      all.begin(), all.end(),
      [&](std::size_t a, std::size_t b) { return axis.values[a] < axis.values[b]; });
  return {*least, *most};
}

std::vector<std::size_t> Config::tried_points() const {
  std::set<std::size_t> tried;
  for (std::size_t d = 0; d < design_.dimensions().size(); ++d)
    if (design_.dimensions()[d].is_variant())
      for (std::size_t k = 0; k < design_.dimensions()[d].length; ++k)
        tried.insert(k * design_.stride(d));
  for (const ConfigAxis& axis : axes()) {
    if (design_.is_of_variants(axis)) continue;
    if (!axis.is_of_seeds()) {
      for (const std::size_t k : tried_values(axis))
        tried.insert(k * design_.stride(axis.dimension));
      continue;
    }
    // What is right with one seed is right with all; another tells what follows from it.
    const auto other = std::find_if(axis.values.begin(), axis.values.end(),
                                    [&](const auto& seed) { return seed != axis.values.front(); });
    if (other != axis.values.end())
      tried.insert(static_cast<std::size_t>(other - axis.values.begin()) *
                   design_.stride(axis.dimension));
  }
  tried.erase(0);  // the first is tried before
  return {tried.begin(), tried.end()};
}

namespace {

/// Adds the keys that both have, with different values.
void add_different(const RunConfig& a, const RunConfig& b, std::set<std::string>& keys) {
  for (const auto& [section, parameters] : a.sections) {
    const auto other = b.sections.find(section);
    if (other == b.sections.end()) continue;
    for (const ParameterInfo& info : parameters.declared())
      if (other->second.find(info.name) != nullptr &&
          other->second.value(info.name) != parameters.value(info.name))
        keys.insert(KeyName{section, info.name}.whole());
  }
}

}  // namespace

void Config::validate() const {
  if (!resolved_.empty()) return;
  for (const char* taken :
       {"time", "sample", "parameter", "status", "message", bisection_dimension})
    check_group_name(taken);
  check_variants();
  std::vector<NumberInfo> numbers;      // of any point
  std::vector<Observable> observables;  // of the point tried last
  const auto unused_of = [&](RunConfig& config, std::size_t point) {
    const Setup setup = config.setup(build(config));
    note_size(setup, point);
    for (NumberInfo& number : numbers_of(setup, config.model->numbers))
      numbers.push_back(std::move(number));
    observables = setup.model->observables(setup.flow);
    return unused_settings(config, observables);
  };
  std::vector<std::size_t> tried = tried_points();
  tried.insert(tried.begin(), 0);
  // What the model makes of a default may differ from point to point (a size that a file of the
  // point fixes); left to the model, it comes to the same again.
  std::set<std::string> differs, differs_by_model;
  for (const ConfigAxis& axis : axes())
    if (axis.key != "model.name") differs.insert(axis.key);
  for (const WorkedOutKey& key : worked_out_)
    if (!key.dimensions.empty() || follows_bisection(key)) differs.insert(key.key);
  if (bisection() != nullptr) differs.insert(bisection()->key);
  std::map<std::size_t, RunConfig> first;  // of each model
  const auto take = [&](std::size_t point, std::optional<double> bisected) {
    RunConfig config = run(point, bisected);
    const auto unused = unused_of(config, point);
    if (first.empty())
      unused_ = unused;
    else
      std::erase_if(unused_, [&](const auto& entry) { return unused.count(entry.first) == 0; });
    const std::size_t model = design_.model_at(design_.places(point));
    for (const auto& [other, earlier] : first)
      add_different(earlier, config, other == model ? differs : differs_by_model);
    first.try_emplace(model, std::move(config));
  };
  for (const std::size_t point : tried) take(point, std::nullopt);
  if (bisection() != nullptr) {
    take(0, bisection()->high());
    check_bisection(first.at(design_.model_at(design_.places(0))), numbers, observables);
  }
  try {
    check_exponents(first.at(design_.model_at(design_.places(0))), numbers);
  } catch (const ParameterError& error) {
    complain("measure", error);
  }
  common_.resize(schema_.models());
  for (const auto& [model, run] : first) common_[model] = contents_of(run, differs);
  differs.merge(differs_by_model);
  resolved_ = as_toml(first, differs);
}

void Config::check_variants() const {
  for (std::size_t d = 0; d < design_.dimensions().size(); ++d) {
    const StudyDimension& group = design_.dimensions()[d];
    std::map<std::string, std::size_t> known;
    for (std::size_t k = 0; k < group.variants.size(); ++k) {
      // Expressions that differ may come to the same at the first point.
      std::string text;
      for (const ConfigAxis& axis : axes())
        if (axis.dimension == d &&
            is_expression(schema_.declared(axis.key, axis.position), axis.values[k]))
          text += axis.key + toml_value(axis.values[k]) + "\n";
      const RunConfig one = run(k * design_.stride(d));
      for (const auto& [section, parameters] : one.sections)
        for (const ParameterInfo& info : parameters.declared())
          text += KeyName{section, info.name}.whole() + " = " +
                  toml_value(parameters.value(info.name)) + "\n";
      if (const auto [other, is_new] = known.try_emplace(std::move(text), k); !is_new)
        throw ConfigError(group.positions[k], "study." + group.key + "." + group.variants[k] +
                                                  ": has the same values as " +
                                                  group.variants[other->second] +
                                                  ", expected alternatives");
    }
  }
}

void Config::check_group_name(const std::string& taken) const {
  for (const StudyDimension& group : design_.dimensions())
    if (group.is_group() && group.name == taken)
      throw ConfigError(group.position, "study." + group.key + ": the points have " + taken +
                                            " of their own; expected another name");
}

void Config::note_size(const Setup& setup, std::size_t point) const {
  const auto length = static_cast<double>(setup.model->initial_state(setup.flow).size());
  lengths_.try_emplace(point, length);
  double sample = setup.output.parameters ? length : 0;
  for (const Observable& observable :
       chosen_observables(setup.model->observables(setup.flow), setup.output)) {
    double entries = 1;
    check_group_name(observable.name);
    for (const Axis& axis : observable.axes) {
      check_group_name(axis.name);
      entries *= static_cast<double>(axis.coordinate.size());
    }
    sample += entries;
  }
  constexpr double numbers = 1000;  // status, counts, measurements
  if (auto* model = dynamic_cast<LossModel*>(setup.model.get()))
    largest_.residuals = std::max(largest_.residuals, static_cast<double>(model->loss().outputs()));
  largest_.sample_bytes = std::max(largest_.sample_bytes, 8 * sample);
  const double bytes = 8 * sample * static_cast<double>(setup.time.samples + 1) + numbers;
  largest_.parameters = std::max(largest_.parameters, length);
  largest_.bytes = std::max(largest_.bytes, bytes);
}

Config::Largest Config::largest_point() const {
  validate();
  return largest_;
}

const std::string& Config::solver_text() const {
  validate();
  return solver_text_;
}

std::vector<double> Config::log_lengths(std::size_t dimension) const {
  validate();
  const std::size_t stride = design_.stride(dimension);
  std::vector<double> logs(design_.dimensions()[dimension].length, 0);
  std::size_t before = 0;
  for (std::size_t i = 1; i < logs.size(); ++i) {
    const auto tried = lengths_.find(i * stride);
    if (tried == lengths_.end()) {
      logs[i] = logs[before];
      continue;
    }
    logs[i] = std::log(tried->second / lengths_.at(0));
    for (std::size_t k = before + 1; k < i; ++k)
      logs[k] += (logs[i] - logs[before]) * static_cast<double>(k - before) /
                 static_cast<double>(i - before);
    before = i;
  }
  return logs;
}

}  // namespace gradflow
