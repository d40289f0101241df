#include "study/config.hpp"

#include <algorithm>
#include <sstream>

#include "io/input_file.hpp"
#include "numerics/memory.hpp"
#include "solve/method_choice.hpp"
#include "solve/stepper.hpp"
#include "study/key_name.hpp"
#include "study/overrides.hpp"
#include "study/summary_lines.hpp"

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
  const std::vector<RunConfig> bases = checked_bases(complaints);
  if (study != nullptr) design_ = Design(*study, schema_, inputs_, complaints);
  for (const ConfigAxis& axis : axes()) {
    positions_["study." + axis.key] = axis.position;
    if (!design_.is_of_variants(axis)) given_sections_.insert(KeyName::of(axis.key).section);
  }
  if (const GivenBisection* given = design_.bisection()) {
    positions_["study." + given->bisection.key] = given->position("key");
    given_sections_.insert(KeyName::of(given->bisection.key).section);
  }
  complaints.hear([&] { check_options(); });
  complaints.hear([&] { check_bisected_key(); });
  check_expressions(complaints);
  worked_out_ = work_out({design_, schema_, written_, bases}, complaints);
  // What seems to be missing may be among what is misspelt.
  if (complaints.none() && schema_.models() == 1) check_end(bases.front());
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

void Config::check_bisected_key() const {
  const GivenBisection* given = design_.bisection();
  if (given == nullptr) return;
  const std::string& key = given->bisection.key;
  if (const auto written = written_.find(key); written != written_.end())
    given->complain("key", "is " + toml_text(key) + ", which is worked out by an expression, at " +
                               written->second.position.text());
  for (std::size_t model = 0; model < models(); ++model)
    if (schema_.has_model() && schema_.find(key, model) == nullptr)
      given->complain("key",
                      "is " + toml_text(key) + ", which " + schema_.model(model).name + " lacks");
}

void Config::check_expressions(Complaints& complaints) const {
  for (const auto& [key, written] : written_)
    if (const ConfigAxis* axis = design_.axis(key);
        axis != nullptr && !design_.is_of_variants(*axis))
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
        at != positions_.end() && from_option(at->second) && !design_.is_of_variants(axis))
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
  throw ConfigError(blamed_position(key), key + ": " + error.what());
}

SourcePosition Config::blamed_position(const std::string& key) const {
  const ConfigAxis* axis = places_.empty() ? nullptr : design_.axis(key);
  if (axis == nullptr || !design_.is_of_variants(*axis)) return position_of(key);
  const std::size_t variant = places_[axis->dimension];
  return std::holds_alternative<std::monostate>(axis->values[variant]) ? position_of(key)
                                                                       : axis->positions[variant];
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

RunConfig Config::defaults(std::size_t model, const std::set<std::string>& given) const {
  return {schema_.has_model() ? &schema_.model(model) : nullptr, schema_.defaults(given, model)};
}

RunConfig Config::base(std::size_t model) const {
  RunConfig run = defaults(model, given_sections_);
  for (const auto& [key, value] : given_)
    if (key != "model.name" && schema_.find(key, model) != nullptr) set(run, key, value);
  return run;
}

std::vector<RunConfig> Config::checked_bases(Complaints& complaints) const {
  std::vector<RunConfig> bases;
  std::set<std::string> wrong;  // with one model already
  for (std::size_t m = 0; m < schema_.models(); ++m) {
    bases.push_back(defaults(m, given_sections_));
    for (const auto& [key, value] : given_) {
      // Which model it is, the schema says: the name of [model] is not that of all.
      if (key == "model.name" || schema_.find(key, m) == nullptr || wrong.count(key) != 0) continue;
      if (!complaints.hear([&, &key = key, &value = value] { set(bases.back(), key, value); }))
        wrong.insert(key);
    }
  }
  return bases;
}

std::set<std::string> Config::sections_at(const std::vector<std::size_t>& places) const {
  std::set<std::string> sections = given_sections_;
  for (const ConfigAxis& axis : axes())
    if (!std::holds_alternative<std::monostate>(axis.values[places[axis.dimension]]))
      sections.insert(KeyName::of(axis.key).section);
  return sections;
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

std::vector<std::pair<std::string, ParameterValue>> Config::following_bisection(
    std::size_t point, double bisected) const {
  std::vector<std::pair<std::string, ParameterValue>> values;
  if (std::none_of(worked_out_.begin(), worked_out_.end(),
                   [&](const WorkedOutKey& key) { return follows_bisection(key); }))
    return values;
  const std::vector<std::size_t> places = design_.places(point);
  std::vector<RunConfig> bases;
  for (std::size_t model = 0; model < models(); ++model) bases.push_back(base(model));
  Complaints complaints;
  for (const WorkedOutKey& key :
       work_out({design_, schema_, written_, bases, bisected, &places}, complaints))
    if (const auto value = follows_bisection(key) ? key.at(0) : std::nullopt)
      values.emplace_back(key.key, *value);
  complaints.raise();
  return values;
}

RunConfig Config::run(std::size_t point, std::optional<double> bisected) const {
  const std::vector<std::size_t> places = design_.places(point);
  places_ = places;
  const std::size_t model = design_.model_at(places);
  RunConfig run = defaults(model, sections_at(places));
  const auto set_own = [&](const std::string& key, const ParameterValue& value) {
    const ParameterInfo* info = schema_.find(key, model);
    if (key != "model.name" && info != nullptr && !std::holds_alternative<std::monostate>(value) &&
        !is_expression(*info, value))
      set(run, key, value);
  };
  for (const auto& [key, value] : given_) set_own(key, value);
  for (const ConfigAxis& axis : axes()) set_own(axis.key, axis.values[places[axis.dimension]]);
  for (const WorkedOutKey& key : worked_out_)
    if (const auto value = key.at(key.index(design_, places))) set_own(key.key, *value);
  if (const Bisection* by = bisection()) {
    const double value = bisected.value_or(by->low());
    set_own(by->key, by->value(value));
    for (const auto& [key, worked_out] : following_bisection(point, value))
      set_own(key, worked_out);
  }
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

std::string Config::line_of(const std::string& key, const RunConfig& run,
                            const std::set<std::string>& differs) const {
  const auto [section, name] = KeyName::of(key);
  const auto line = [&, &name = name](const std::string& value) {
    return name + " = " + value + "\n";
  };
  if (const auto written = written_.find(key); written != written_.end())
    return line(toml_text(written->second.text));
  if (const ConfigAxis* axis = design_.axis(key);
      axis != nullptr && design_.is_of_variants(*axis)) {
    // What stands without the study holds where a variant leaves it.
    if (key == "model.name")
      return schema_.has_own_model() ? line(toml_text(schema_.model().name)) : "";
    const RunConfig given = base(schema_.index_of(run.model->name));
    const auto own = given.sections.find(section);
    return own != given.sections.end() && own->second.given(name)
               ? line(toml_value(own->second.value(name)))
               : "";
  }
  const Parameters& parameters = run.sections.at(section);
  return differs.count(key) == 0 && parameters.has(name) ? line(toml_value(parameters.value(name)))
                                                         : "";
}

std::string Config::as_toml(const std::map<std::size_t, RunConfig>& runs,
                            const std::set<std::string>& differs) const {
  std::ostringstream out;
  std::set<std::string> sections, keys;  // that are written
  for (const Section& section : schema_.sections())
    for (const auto& [model, run] : runs) {
      if (!run.has(section.name)) continue;
      if (sections.insert(section.name).second && !section.name.empty())
        out << "\n[" << section.name << "]\n";
      for (const ParameterInfo& info : run.sections.at(section.name).declared())
        if (const std::string key = KeyName{section.name, info.name}.whole();
            keys.insert(key).second)
          out << line_of(key, run, differs);
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
