#include "study/config.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "experiment/experiment.hpp"
#include "experiment/recording.hpp"
#include "flow/loss_model.hpp"
#include "io/atomic_file.hpp"
#include "numerics/memory.hpp"
#include "solve/stepper.hpp"
#include "study/key_name.hpp"
#include "study/overrides.hpp"
#include "study/run_summary.hpp"
#include "study/unused_settings.hpp"

namespace gradflow {
Config Config::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Config config;
  const bool typed = path == standard_input;
  config.path_ = typed ? "<stdin>" : path;
  config.name_ = typed ? "stdin" : path.stem().string();
  config.text_ = typed ? read_standard_input(config.path_, largest_config)
                       : read_text_file(path, largest_config);
  TomlValue document = parse_toml(config.text_, config.path_.string());
  for (const std::string& option : overrides) {
    apply_override(document, option);
    if (!config.text_.empty() && config.text_.back() != '\n') config.text_ += '\n';
    config.text_ += "# --set " + option + "\n";
  }
  config.read(document);
  return config;
}

void Config::read(const TomlValue& document) {
  Complaints complaints;
  schema_ = Schema::of(document, path_.string(), complaints);
  inputs_ = Inputs(path_.parent_path());
  const TomlValue* study = nullptr;
  for (const auto& [key, value] : *document.table()) {
    if (key == "study")
      study = &value;
    else
      read_section(key, value, complaints);
  }
  // Check every value against its declaration now, with its position at hand.
  RunConfig base = defaults();
  for (const auto& [key, value] : given_)
    complaints.hear([&, &key = key, &value = value] { set(base, key, value); });
  if (study != nullptr) design_ = Design(*study, schema_, inputs_, complaints);
  for (const ConfigAxis& axis : axes()) {
    positions_["study." + axis.key] = axis.position;
    given_sections_.insert(KeyName::of(axis.key).section);
  }
  if (const GivenBisection* given = design_.bisection()) {
    positions_["study." + given->bisection.key] = given->position("key");
    given_sections_.insert(KeyName::of(given->bisection.key).section);
  }
  complaints.hear([&] { check_options(); });
  check_expressions(complaints);
  worked_out_ = work_out({design_, schema_, written_, base.sections}, complaints);
  // What seems to be missing may be among what is misspelt.
  if (complaints.none()) check_end(base);
  complaints.raise();
}

void Config::read_section(const std::string& key, const TomlValue& value, Complaints& complaints) {
  // Of a model that is not known, nobody can say.
  if (key == "model" && !schema_.has_model()) return;
  const auto take_one = [&](const std::string& whole, const TomlValue& entry) {
    complaints.hear([&] { take(whole, entry); });
  };
  if (!schema_.has_section(key)) {
    if (schema_.has_key(key)) take_one(key, value);  // else it is complained of already
  } else if (value.table() == nullptr) {
    complaints.hear([&] {
      throw ConfigError(value.position,
                        key + ": is " + value.description() + ", expected a section [" + key + "]");
    });
  } else {
    positions_[key] = value.position;
    given_sections_.insert(key);
    for (const auto& [name, entry] : *value.table()) take_one(KeyName{key, name}.whole(), entry);
  }
}

void Config::take(const std::string& key, const TomlValue& value) {
  const ParameterInfo& info = schema_.declared(key, value.position);
  positions_[key] = value.position;
  ParameterValue converted = convert(key, info, value);
  if (is_expression(info, converted))
    written_[key] = {std::get<std::string>(converted), value.position};
  else
    given_.emplace_back(key, std::move(converted));
}

void Config::check_expressions(Complaints& complaints) const {
  for (const auto& [key, written] : written_)
    if (const ConfigAxis* axis = design_.axis(key))
      complaints.hear([&, &key = key, &written = written] {
        throw ConfigError(axis->position, design_.called(*axis) +
                                              ": is worked out by an expression already, at " +
                                              written.position.text());
      });
}

/// In the file a key may stand beside its axis, which counts; an option is meant to count itself.
void Config::check_options() const {
  for (const ConfigAxis& axis : axes())
    if (const auto at = positions_.find(axis.key);
        at != positions_.end() && from_option(at->second))
      throw ConfigError(at->second, axis.key + ": is an axis of the study; set \"study." +
                                        axis.key + "\" to a list of values");
  if (const Bisection* bisected = bisection())
    if (const auto at = positions_.find(bisected->key);
        at != positions_.end() && from_option(at->second))
      throw ConfigError(at->second, bisected->key +
                                        ": is bisected by the study; set study.bisect.between to "
                                        "its first two values");
}

void Config::check_end(const RunConfig& base) const {
  if (base.of_rest() || base.sections.at("time").has("end") || written_.count("time.end") != 0 ||
      design_.varies("time.end") || flow_kind(base.sections.at("flow").text("kind")).accelerates)
    return;
  const auto section = positions_.find("time");
  throw ConfigError(
      section != positions_.end() ? section->second : SourcePosition{path_.string(), 1, 1},
      "time.end: missing, expected a number > 0: the last time");
}

SourcePosition Config::position_of(const std::string& key) const {
  for (const std::string& candidate : {key, "study." + key, KeyName::of(key).section}) {
    const auto found = positions_.find(candidate);
    if (found != positions_.end()) return found->second;
  }
  return {path_.string(), 1, 1};
}

void Config::complain(const std::string& section, const ParameterError& error) const {
  const std::string key = KeyName{section, error.parameter()}.whole();
  throw ConfigError(position_of(key), key + ": " + error.what());
}

void Config::complain_of_memory(const Parameters& model) const {
  const ParameterInfo* largest = nullptr;
  for (const ParameterInfo& info : model.declared())
    if (info.type == ParameterType::integer && model.given(info.name) &&
        (largest == nullptr || model.integer(info.name) > model.integer(largest->name)))
      largest = &info;
  if (largest == nullptr)
    throw ConfigError(position_of("model"), "model: needs more memory than there is");
  complain("model",
           ParameterError(largest->name, "is " + std::to_string(model.integer(largest->name)) +
                                             ", which needs more memory than there is"));
}

RunConfig Config::defaults() const {
  return {schema_.has_model() ? &schema_.model() : nullptr, schema_.defaults(given_sections_)};
}

void Config::set(RunConfig& run, const std::string& key, const ParameterValue& value) const {
  const auto [section, name] = KeyName::of(key);
  Parameters& parameters = run.sections.at(section);
  const ParameterInfo& info = *parameters.find(name);
  try {
    parameters.set(name, value);
    if (info.type == ParameterType::file) set_file(parameters, key, std::get<std::string>(value));
  } catch (const ParameterError& error) {
    complain(section,
             ParameterError(error.parameter(), error.what() + nearest_choice(info, value)));
  }
}

void Config::set_file(Parameters& parameters, const std::string& key,
                      const std::string& file) const {
  const std::string name = KeyName::of(key).name;
  const std::filesystem::path path = inputs_.locate(file, position_of(key));
  try {
    // A start may be that of an earlier result; everything else is data.
    if (name != "initial" && std::filesystem::is_directory(path))
      throw FileError(path, "is a folder, expected " + parameters.find(name)->expectation());
    if (name != "initial" && path.extension() == ".nc")
      throw FileError(path, "is a result, expected " + parameters.find(name)->expectation());
    parameters.set_file(name, path.string(), inputs_.numbers(path));
  } catch (const FileError& error) {
    throw ParameterError(name, error.what());
  }
}

const ConfigAxis* Config::fit_axis(const std::string& against) const {
  const ConfigAxis* axis = design_.find(against);
  return axis != nullptr || axes().empty() ? axis : &axes().front();
}

RunConfig Config::run(std::size_t point, std::optional<double> bisected) const {
  RunConfig run = defaults();
  for (const auto& [key, value] : given_) set(run, key, value);
  const std::vector<std::size_t> index = coordinates(point);
  for (std::size_t a = 0; a < axes().size(); ++a)
    set(run, axes()[a].key, axes()[a].values[index[a]]);
  if (const Bisection* by = bisection()) set(run, by->key, by->value(bisected.value_or(by->low())));
  const std::vector<std::size_t> places = design_.places(point);
  for (const WorkedOutKey& key : worked_out_)
    if (const auto value = key.at(key.index(design_, places))) set(run, key.key, *value);
  try {
    run.give_init_seed();
  } catch (const ParameterError& error) {
    complain("", error);
  }
  return run;
}

Setup Config::setup(std::size_t point, std::optional<double> bisected) const {
  RunConfig config = run(point, bisected);
  const RunConfig given = config;  // without what the model makes of its defaults
  std::unique_ptr<Model> model = build(config, false);
  Setup setup = config.setup(std::move(model));
  if (setup.sweep) setup.at = swept(given, *setup.model);
  if (setup.continuation) setup.start_files = start_files(*setup.continuation);
  return setup;
}

std::unique_ptr<Model> Config::build(RunConfig& run, bool try_stepper) const {
  const RunConfig given = run;
  const auto in_section = [&](const std::string& section, auto&& action) {
    try {
      action();
    } catch (const ParameterError& error) {
      complain(section, error);
    } catch (const std::bad_alloc&) {
      complain_of_memory(run.sections.at("model"));
    }
  };
  const FlowSettings flow = run.flow();
  std::unique_ptr<Model> model;
  std::unique_ptr<System> system;
  Complaints complaints;
  const auto hear_in = [&](const std::string& section, auto&& action) {
    complaints.hear([&] { in_section(section, action); });
  };
  hear_in("flow", [&] { check_flow(run); });
  hear_in("time", [&] { resolve_time(run); });
  hear_in("model", [&] { model = run.model->make(run.sections.at("model"), run.data_seed()); });
  complaints.raise();
  hear_in("flow", [&] {
    system = model->system(flow);
    model->initial_state(flow);
  });
  hear_in("time", [&] {
    if (!run.of_rest() && !run.sections.at("time").has("end") && !model->default_end(flow))
      throw ParameterError("end", "missing, expected a number > 0: the last time");
  });
  if (try_stepper) hear_in("solver", [&] { check_memory(run.solver()); });
  complaints.raise();
  if (try_stepper && !flow.discrete())
    hear_in("solver", [&] {
      const SolverSettings solver = run.solver();
      const LargestRequired required;
      const std::unique_ptr<Stepper> stepper = make_stepper(*system, solver);
      largest_.matrix = std::max(largest_.matrix, required.bytes());
      if (solver_text_.empty())
        solver_text_ = solver_line(stepper->method(), stepper->linear(), solver.method != "auto");
    });
  complaints.hear([&] { check_rest(given, *model); });
  hear_in("measure", [&] { check_measure(run, design_); });
  hear_in("output", [&] { check_output(run, model->observables(flow)); });
  complaints.raise();
  return model;
}

std::vector<std::size_t> Config::tried_values(const ConfigAxis& axis) const {
  // What is right at so many values of a range is right between them.
  const std::size_t most = axis.range ? 100 : 1000;
  const std::size_t last = axis.values.size() - 1;
  // Files are all read, since what is in them belongs to the config.
  const bool files = schema_.declared(axis.key, axis.position).type == ParameterType::file;
  const std::size_t count = files ? last : std::min(last, most);
  std::vector<std::size_t> tried;
  for (std::size_t i = 1; i <= count; ++i) tried.push_back(i * last / count);
  return tried;
}

std::vector<std::size_t> Config::tried_points() const {
  std::set<std::size_t> tried;
  for (const ConfigAxis& axis : axes()) {
    if (!axis.key.ends_with("seed")) {
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

void Config::validate() const {
  if (!resolved_.empty()) return;
  for (const char* taken :
       {"time", "sample", "parameter", "status", "message", bisection_dimension})
    check_group_name(taken);
  RunConfig first = run(0);
  std::vector<NumberInfo> numbers;      // of any point
  std::vector<Observable> observables;  // of the point tried last
  const auto unused_of = [&](RunConfig& config, std::size_t point) {
    const Setup setup = config.setup(build(config));
    note_size(setup, point);
    for (NumberInfo& number : numbers_of(setup, model().numbers))
      numbers.push_back(std::move(number));
    observables = setup.model->observables(setup.flow);
    return unused_settings(config, observables);
  };
  unused_ = unused_of(first, 0);
  // What the model makes of a default may differ from point to point (a size that a file of the
  // point fixes); left to the model, it comes to the same again.
  std::set<std::string> differs;
  for (const ConfigAxis& axis : axes()) differs.insert(axis.key);
  for (const WorkedOutKey& key : worked_out_)
    if (!key.dimensions.empty()) differs.insert(key.key);
  const auto compare = [&](RunConfig other, std::size_t point) {
    const auto unused = unused_of(other, point);
    std::erase_if(unused_, [&](const auto& entry) { return unused.count(entry.first) == 0; });
    for (const auto& [section, parameters] : first.sections)
      for (const ParameterInfo& info : parameters.declared())
        if (other.sections.at(section).value(info.name) != parameters.value(info.name))
          differs.insert(KeyName{section, info.name}.whole());
  };
  for (const std::size_t point : tried_points()) compare(run(point), point);
  if (const Bisection* bisected = bisection()) {
    differs.insert(bisected->key);
    compare(run(0, bisected->high()), 0);
    check_bisection(first, numbers, observables);
  }
  try {
    check_exponents(first, numbers);
  } catch (const ParameterError& error) {
    complain("measure", error);
  }
  resolved_ = as_toml(first, differs);
  common_ = contents_of(first, differs);
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
  for (std::size_t i = 1; i < logs.size(); ++i) {
    const auto tried = lengths_.find(i * stride);
    logs[i] = tried != lengths_.end() ? std::log(tried->second / lengths_.at(0)) : logs[i - 1];
  }
  return logs;
}

std::string Config::as_toml(const RunConfig& run, const std::set<std::string>& differs) const {
  std::ostringstream out;
  for (const Section& section : schema_.sections()) {
    if (!run.has(section.name)) continue;
    if (!section.name.empty()) out << "\n[" << section.name << "]\n";
    const Parameters& parameters = run.sections.at(section.name);
    for (const ParameterInfo& info : section.declaration) {
      const std::string key = KeyName{section.name, info.name}.whole();
      if (const auto written = written_.find(key); written != written_.end())
        out << info.name << " = " << toml_text(written->second.text) << "\n";
      else if (differs.count(key) == 0 && parameters.has(info.name))
        out << info.name << " = " << toml_value(parameters.value(info.name)) << "\n";
    }
  }
  if (!is_study()) return out.str();
  out << "\n[study]\n";
  for (const ConfigAxis& axis : axes()) {
    if (design_.dimensions()[axis.dimension].is_group()) continue;
    std::string values;
    for (const ParameterValue& value : axis.values)
      values += (values.empty() ? "" : ", ") + toml_value(value);
    out << toml_text(axis.key) << " = [" << values << "]\n";
  }
  for (const StudyDimension& group : design_.dimensions())
    if (group.is_group())
      out << "\n[study." << group.group << "." << toml_text(group.name) << "]\n" << group.text;
  if (const Bisection* bisected = bisection()) out << "\n[study.bisect]\n" << bisected->toml();
  return out.str();
}

std::vector<std::string> Config::unused() const {
  validate();
  std::vector<std::string> lines;
  for (const auto& [key, reason] : unused_)
    lines.push_back(position_of(key).text() + ": " + key + ": " + reason);
  return lines;
}

const std::string& Config::resolved() const {
  validate();
  return resolved_;
}

}  // namespace gradflow
