#include "study/config.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <set>
#include <sstream>

#include "io/atomic_file.hpp"
#include "io/data_file.hpp"
#include "io/netcdf_file.hpp"
#include "models/registry.hpp"
#include "solve/stepper.hpp"
#include "study/unused_settings.hpp"

namespace gradflow {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// For a text that is none of the choices: the one it is nearest to.
std::string nearest_choice(const ParameterInfo& info, const ParameterValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return "";
  const auto& choices = info.choices;
  if (std::find(choices.begin(), choices.end(), *text) != choices.end()) return "";
  const std::string nearest = nearest_name(*text, choices);
  return nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?";
}

std::pair<std::string, std::string> split(const std::string& key) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

std::string dotted(const std::string& section, const std::string& name) {
  return section.empty() ? name : section + "." + name;
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

/// Where a `--set` option replaces or adds a value in the document.
void override_value(TomlValue& document, const std::string& key, TomlValue value) {
  const auto put = [&](TomlValue& table, const std::string& name) -> TomlValue& {
    auto& entries = std::get<TomlValue::Table>(table.value);
    for (auto& [existing, entry] : entries)
      if (existing == name) return entry;
    entries.emplace_back(name, TomlValue{TomlValue::Table{}, value.position});
    return entries.back().second;
  };
  const auto [section, name] = split(key);
  TomlValue* table = &document;
  if (!section.empty()) {
    table = &put(document, section);
    if (table->table() == nullptr)
      throw ConfigError(value.position, key + ": '" + section + "' is not a section of the config");
  }
  put(*table, name) = std::move(value);
}

const std::string option_origin = "--set ";

bool from_option(const SourcePosition& position) {
  return position.origin.starts_with(option_origin);
}

TomlValue parse_override(const std::string& option, std::string& key) {
  const SourcePosition position{option_origin + option, 0, 0};
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos || equals == 0)
    throw ConfigError(position, "expected KEY=VALUE, as in --set model.width=200");
  key = option.substr(0, equals);
  // An axis may be quoted as in the file: study."flow.weight_decay".
  std::erase(key, '"');
  TomlValue::Table parsed;
  try {
    parsed =
        std::get<TomlValue::Table>(parse_toml("value = " + option.substr(equals + 1), "").value);
  } catch (const ConfigError&) {
  }
  if (parsed.size() != 1 || option.find('\n') != std::string::npos)
    throw ConfigError(position, key +
                                    ": the value is not valid TOML; texts need quotes, as in "
                                    "--set 'model.name=\"linear_regression\"'");
  TomlValue value = parsed.front().second;
  const auto place = [&](auto&& self, TomlValue& v) -> void {
    v.position = position;
    if (auto* list = std::get_if<TomlValue::List>(&v.value))
      for (TomlValue& entry : *list) self(self, entry);
    if (auto* table = std::get_if<TomlValue::Table>(&v.value))
      for (auto& [name, entry] : *table) self(self, entry);
  };
  place(place, value);
  return value;
}

}  // namespace

std::string toml_value(const ParameterValue& value) {
  const auto list = [](const auto& entries, auto&& item) {
    std::string out;
    for (const auto& entry : entries) out += (out.empty() ? "" : ", ") + item(entry);
    return "[" + out + "]";
  };
  return std::visit(
      [&](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>)
          return v ? "true" : "false";
        else if constexpr (std::is_same_v<T, std::int64_t>)
          return std::to_string(v);
        else if constexpr (std::is_same_v<T, double>)
          return toml_number(v);
        else if constexpr (std::is_same_v<T, std::string>)
          return toml_text(v);
        else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>)
          return list(v, [](std::int64_t i) { return std::to_string(i); });
        else if constexpr (std::is_same_v<T, std::vector<double>>)
          return list(v, toml_number);
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
          return list(v, toml_text);
        else
          return "";
      },
      value);
}

std::uint64_t RunConfig::seed() const {
  return static_cast<std::uint64_t>(sections.at("").integer("seed"));
}

Config Config::load(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  Config config;
  config.path_ = path;
  config.name_ = path.stem().string();
  config.text_ = read_text_file(path, largest_config);
  TomlValue document = parse_toml(config.text_, path.string());
  for (const std::string& option : overrides) {
    std::string key;
    TomlValue value = parse_override(option, key);
    // `study` keys are themselves dotted: study.flow.weight_decay is the axis "flow.weight_decay".
    override_value(document, key, std::move(value));
    if (!config.text_.empty() && config.text_.back() != '\n') config.text_ += '\n';
    config.text_ += "# --set " + option + "\n";
  }
  config.read_sections(document);
  return config;
}

void Config::read_sections(const TomlValue& document) {
  sections_ = {{"", {integer_parameter("seed", 0, "every random draw follows from it", 0, 9.2e18)}},
               {"model", {}},
               {"flow", FlowSettings::declaration()},
               {"solver", SolverSettings::declaration()},
               {"time", TimeSettings::declaration()},
               {"output", OutputSettings::declaration()},
               {"measure", MeasureSettings::declaration()}};
  ParameterInfo name{"name", ParameterType::text, {}, "the model"};
  const TomlValue::Table& top = *document.table();

  std::vector<std::string> section_names{"study"};
  for (const Section& section : sections_)
    section_names.push_back(section.name.empty() ? "seed" : section.name);
  for (const auto& [key, value] : top)
    if (std::find(section_names.begin(), section_names.end(), key) == section_names.end())
      throw ConfigError(value.position, key + ": unknown " +
                                            (value.table() != nullptr ? "section" : "key") +
                                            suggestion(key, section_names));

  // The model's name first: its declaration is needed for all else.
  std::vector<std::string> model_names;
  for (const ModelInfo& info : models()) model_names.push_back(info.name);
  const TomlValue* model_section = nullptr;
  const TomlValue* study = nullptr;
  for (const auto& [key, value] : top) {
    if (key == "model") model_section = &value;
    if (key == "study") study = &value;
  }
  if (model_section == nullptr)
    throw ConfigError({path_.string(), 1, 1},
                      "model.name: missing; expected one of " + joined(model_names));
  if (model_section->table() == nullptr)
    throw ConfigError(model_section->position,
                      "model: is " + model_section->description() + ", expected a section [model]");
  for (const auto& [key, value] : *model_section->table()) {
    if (key != "name") continue;
    const auto* text = std::get_if<std::string>(&value.value);
    if (text == nullptr)
      throw ConfigError(value.position, "model.name: is " + value.description() +
                                            ", expected one of " + joined(model_names));
    model_ = find_model(*text);
    if (model_ == nullptr)
      throw ConfigError(value.position, "model.name: there is no model " + toml_text(*text) +
                                            suggestion(*text, model_names));
    name.default_value = *text;
  }
  if (model_ == nullptr) {
    for (const auto& [key, value] : *model_section->table())
      if (!nearest_name(key, {"name"}).empty())
        throw ConfigError(value.position, "model." + key + ": unknown key; did you mean \"name\"?");
    throw ConfigError(model_section->position,
                      "model.name: missing; expected one of " + joined(model_names));
  }
  name.choices = {model_->name};
  sections_[1].declaration = model_->parameters;
  sections_[1].declaration.insert(sections_[1].declaration.begin(), name);
  if (model_->flows.front() != "gradient") {
    for (ParameterInfo& info : sections_[2].declaration)
      if (info.name == "kind") info.default_value = model_->flows.front();
    if (flow_kind(model_->flows.front()).accelerates)
      for (ParameterInfo& info : sections_[4].declaration)
        if (info.name == "variable") info.default_value = std::string("accelerated");
  }

  const auto take = [&](const std::string& key, const TomlValue& value) {
    const ParameterInfo& info = declared(key, value.position);
    positions_[key] = value.position;
    given_.emplace_back(key, convert(key, info, value));
  };
  for (const auto& [key, value] : top) {
    if (key == "study") continue;
    if (key == "seed") {
      take(key, value);
      continue;
    }
    if (value.table() == nullptr)
      throw ConfigError(value.position,
                        key + ": is " + value.description() + ", expected a section [" + key + "]");
    positions_[key] = value.position;
    for (const auto& [name_in_section, entry] : *value.table())
      take(key + "." + name_in_section, entry);
  }
  // Check every value against its declaration now, with its position at hand.
  RunConfig base;
  base.model = model_;
  for (const Section& section : sections_)
    base.sections.emplace(section.name, Parameters(section.declaration));
  for (const auto& [key, value] : given_) set(base, key, value);
  if (study != nullptr) read_axes(*study);
  // In the file a key may stand beside its axis, which counts; an option is meant to count itself.
  for (const ConfigAxis& axis : axes_)
    if (const auto at = positions_.find(axis.key);
        at != positions_.end() && from_option(at->second))
      throw ConfigError(at->second, axis.key + ": is an axis of the study; set \"study." +
                                        axis.key + "\" to a list of values");
  const bool end_is_axis = std::any_of(
      axes_.begin(), axes_.end(), [](const ConfigAxis& axis) { return axis.key == "time.end"; });
  if (!base.sections.at("time").has("end") && !end_is_axis &&
      !flow_kind(base.sections.at("flow").text("kind")).accelerates) {
    const auto section = positions_.find("time");
    throw ConfigError(
        section != positions_.end() ? section->second : SourcePosition{path_.string(), 1, 1},
        "time.end: missing, expected a number > 0: the last time");
  }
}

const ParameterInfo& Config::declared(const std::string& key,
                                      const SourcePosition& position) const {
  const auto [section_name, name] = split(key);
  std::vector<std::string> names;
  for (const Section& section : sections_) {
    if (section.name != section_name) continue;
    for (const ParameterInfo& info : section.declaration) {
      if (info.name == name) return info;
      names.push_back(info.name);
    }
  }
  // The name may be right and the section wrong.
  const auto elsewhere = all_keys();
  for (const std::string& other : elsewhere)
    if (split(other).second == name)
      throw ConfigError(position, key + ": unknown key; did you mean \"" + other + "\"?");
  throw ConfigError(position, key + ": unknown key" + suggestion(name, names));
}

std::vector<std::string> Config::all_keys() const {
  std::vector<std::string> keys;
  for (const Section& section : sections_)
    for (const ParameterInfo& info : section.declaration)
      keys.push_back(dotted(section.name, info.name));
  return keys;
}

ParameterValue Config::convert(const std::string& key, const ParameterInfo& info,
                               const TomlValue& value) const {
  const auto wrong = [&](const TomlValue& at) {
    throw ConfigError(at.position,
                      key + ": is " + at.description() + ", expected " + info.expectation());
  };
  if (const auto* b = std::get_if<bool>(&value.value)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&value.value)) return *i;
  if (const auto* d = std::get_if<double>(&value.value)) return *d;
  if (const auto* s = std::get_if<std::string>(&value.value)) return *s;
  if (value.list() == nullptr) wrong(value);
  const TomlValue::List& list = *value.list();
  const bool texts =
      info.type == ParameterType::text_list || info.type == ParameterType::text_or_list;
  if (texts) {
    std::vector<std::string> out;
    for (const TomlValue& entry : list) {
      const auto* text = std::get_if<std::string>(&entry.value);
      if (text == nullptr) wrong(entry);
      out.push_back(*text);
    }
    return out;
  }
  if (info.type == ParameterType::integer_list) {
    std::vector<std::int64_t> out;
    for (const TomlValue& entry : list) {
      const auto* integer = std::get_if<std::int64_t>(&entry.value);
      if (integer == nullptr) wrong(entry);
      out.push_back(*integer);
    }
    return out;
  }
  if (info.type == ParameterType::real_list) {
    std::vector<double> out;
    for (const TomlValue& entry : list) {
      if (const auto* integer = std::get_if<std::int64_t>(&entry.value))
        out.push_back(static_cast<double>(*integer));
      else if (const auto* real = std::get_if<double>(&entry.value))
        out.push_back(*real);
      else
        wrong(entry);
    }
    return out;
  }
  wrong(value);
  return {};
}

void Config::read_axes(const TomlValue& study) {
  if (study.table() == nullptr)
    throw ConfigError(study.position,
                      "study: is " + study.description() + ", expected a section [study] of axes");
  // Unquoted dotted keys are nested tables; take them as the same axis.
  std::vector<std::pair<std::string, const TomlValue*>> entries;
  for (const auto& [key, value] : *study.table()) {
    const bool is_section = std::any_of(sections_.begin() + 1, sections_.end(),
                                        [&](const Section& s) { return s.name == key; });
    if (is_section && value.table() != nullptr)
      for (const auto& [name, entry] : *value.table())
        entries.emplace_back(key + "." + name, &entry);
    else
      entries.emplace_back(key, &value);
  }
  // All points are kept in memory until the result is written.
  constexpr std::int64_t most_points = 1'000'000;
  double points = 1;
  if (entries.empty())
    throw ConfigError(study.position,
                      "study: has no axis, expected one or more keys with a list or a range");
  for (const auto& [key, value] : entries) {
    const ParameterInfo* found = nullptr;
    try {
      found = &declared(key, value->position);
    } catch (const ConfigError& error) {
      // The same message, with the axis named as it stands in the file.
      const std::string text = error.what(), at = value->position.text() + ": ";
      throw ConfigError(value->position, "study." + text.substr(at.size()));
    }
    const ParameterInfo& info = *found;
    for (const ConfigAxis& other : axes_)
      if (other.key == key)
        throw ConfigError(value->position,
                          "study." + key + ": is an axis already, at " + other.position.text());
    if (key == "model.name" || info.type == ParameterType::integer_list ||
        info.type == ParameterType::real_list || info.type == ParameterType::text_list)
      throw ConfigError(value->position, "study." + key + ": cannot be an axis");
    ConfigAxis axis;
    bool rounded = false;  // a range on an integer key that is not of integers
    axis.key = key;
    axis.position = value->position;
    const auto bad = [&](const TomlValue& at, const std::string& what) {
      throw ConfigError(at.position, "study." + key + ": " + what);
    };
    const auto check_count = [&](const TomlValue& at, auto count) {
      if (count > static_cast<decltype(count)>(most_points))
        bad(at, "has " + std::to_string(count) + " values, expected at most " +
                    std::to_string(most_points));
    };
    if (const auto* list = value->list()) {
      if (list->empty()) bad(*value, "is an empty list, expected at least one value");
      check_count(*value, list->size());
      for (const TomlValue& entry : *list) axis.values.push_back(convert(key, info, entry));
    } else if (const auto* table = value->table()) {
      if (table->size() != 1)
        bad(*value,
            "expected a list, or one of { log = [first, last, count] }, { linear = [first, "
            "last, count] }, { count = n }");
      axis.range = true;
      const auto& [kind, range] = table->front();
      if (kind == "count") {
        const auto* count = std::get_if<std::int64_t>(&range.value);
        if (count == nullptr || *count < 1)
          bad(range, "count is " + range.description() + ", expected an integer >= 1");
        check_count(range, *count);
        for (std::int64_t k = 0; k < *count; ++k) axis.values.emplace_back(k);
      } else if (kind == "log" || kind == "linear") {
        const auto* numbers = range.list();
        double bounds[2] = {0, 0};
        const std::int64_t* count = nullptr;
        bool fits = numbers != nullptr && numbers->size() == 3;
        for (std::size_t k = 0; fits && k < 2; ++k) {
          if (const auto* real = std::get_if<double>(&(*numbers)[k].value))
            bounds[k] = *real;
          else if (const auto* integer = std::get_if<std::int64_t>(&(*numbers)[k].value))
            bounds[k] = static_cast<double>(*integer);
          else
            fits = false;
        }
        if (fits) count = std::get_if<std::int64_t>(&(*numbers)[2].value);
        if (!fits || count == nullptr || *count < 1)
          bad(range, kind + " expects [first, last, count] with count an integer >= 1");
        check_count(range, *count);
        if (!std::isfinite(bounds[0]) || !std::isfinite(bounds[1]))
          bad(range, kind + " expects finite numbers");
        if (kind == "log" && (bounds[0] <= 0 || bounds[1] <= 0))
          bad(range, "log expects first and last > 0");
        for (std::int64_t k = 0; k < *count; ++k) {
          const double s =
              *count > 1 ? static_cast<double>(k) / static_cast<double>(*count - 1) : 0;
          double x = kind == "log" ? bounds[0] * std::pow(bounds[1] / bounds[0], s)
                                   : bounds[0] + (bounds[1] - bounds[0]) * s;
          if (k > 0 && k == *count - 1) x = bounds[1];
          if (info.type == ParameterType::integer) {
            const std::int64_t whole = std::llround(x);
            rounded = rounded || std::abs(x - static_cast<double>(whole)) > 1e-9 * std::abs(x);
            axis.values.emplace_back(whole);
          } else {
            axis.values.emplace_back(x);
          }
        }
      } else {
        bad(range, "unknown range \"" + kind + "\"" + suggestion(kind, {"log", "linear", "count"}));
      }
    } else {
      bad(*value, "is " + value->description() +
                      ", expected a list, or a range such as { log = [1e-6, 1e-2, 5] }");
    }
    positions_["study." + key] = axis.position;
    RunConfig trial;
    trial.model = model_;
    for (const Section& section : sections_)
      trial.sections.emplace(section.name, Parameters(section.declaration));
    for (ParameterValue& entry : axis.values) {
      // As one path wherever the config lies: `check` may be asked to print it from elsewhere.
      if (info.type == ParameterType::file)
        if (const auto* file = std::get_if<std::string>(&entry))
          entry = absolute_path(key, *file).string();
      if (info.type == ParameterType::real && std::holds_alternative<std::int64_t>(entry))
        entry = static_cast<double>(std::get<std::int64_t>(entry));
      try {
        trial.sections.at(split(key).first).set(split(key).second, entry);
      } catch (const ParameterError& error) {
        throw ConfigError(axis.position,
                          "study." + key + ": " + error.what() + nearest_choice(info, entry));
      }
    }
    std::set<ParameterValue> distinct;
    for (const ParameterValue& entry : axis.values)
      if (!distinct.insert(entry).second)
        bad(*value, "has the value " + toml_value(entry) + " twice" +
                        (rounded ? ": the range is not of whole numbers, which the key needs"
                                 : ", expected each value once"));
    points *= static_cast<double>(axis.values.size());
    if (points > static_cast<double>(most_points))
      bad(*value, "makes a study of " + toml_number(points) + " points, expected at most " +
                      std::to_string(most_points));
    axes_.push_back(std::move(axis));
  }
  for (ConfigAxis& axis : axes_) {
    axis.name = split(axis.key).second;
    const auto same = std::count_if(axes_.begin(), axes_.end(), [&](const ConfigAxis& other) {
      return split(other.key).second == split(axis.key).second;
    });
    if (same > 1) axis.name = axis.key;
  }
}

const SourcePosition& Config::position_of(const std::string& key) const {
  static thread_local SourcePosition fallback;
  for (const std::string& candidate : {key, "study." + key, split(key).first}) {
    const auto found = positions_.find(candidate);
    if (found != positions_.end()) return found->second;
  }
  fallback = {path_.string(), 1, 1};
  return fallback;
}

void Config::complain(const std::string& section, const ParameterError& error) const {
  const std::string key = dotted(section, error.parameter());
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

/// The state in which a single run ended. \throws FileError, which names `path`
static Vector final_state(const Dataset& result, const std::filesystem::path& path) {
  const Variable* state = result.find("final_state");
  const Variable* status = result.find("status");
  const auto* values =
      state != nullptr ? std::get_if<std::vector<double>>(&state->values) : nullptr;
  const auto* codes =
      status != nullptr ? std::get_if<std::vector<std::int32_t>>(&status->values) : nullptr;
  if (values == nullptr || state->dimensions.size() != 1 || codes == nullptr || codes->size() != 1)
    throw FileError(path, "holds no single finished run to start from");
  if (codes->front() != 0) throw FileError(path, "holds a run that failed");
  return Eigen::Map<const Vector>(values->data(), static_cast<Index>(values->size()));
}

const Matrix& Config::numbers(const std::filesystem::path& path) const {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto found = files_.find(path.string());
  if (found != files_.end()) return found->second;
  Matrix matrix;
  if (std::filesystem::is_directory(path)) {
    // A folder of results: the state in which its run ended.
    if (!std::filesystem::exists(path / "result.nc"))
      throw FileError(path, "is a folder without result.nc");
    matrix = final_state(read_netcdf(path / "result.nc"), path);
  } else {
    matrix = read_data_file(path);
  }
  return files_.emplace(path.string(), std::move(matrix)).first->second;
}

std::filesystem::path Config::absolute_path(const std::string& key,
                                            std::filesystem::path file) const {
  // Relative to the config, or to where an option was typed.
  if (file.is_relative() && !from_option(position_of(key))) file = path_.parent_path() / file;
  return std::filesystem::absolute(file).lexically_normal();
}

void Config::set(RunConfig& run, const std::string& key, const ParameterValue& value) const {
  const auto [section, name] = split(key);
  Parameters& parameters = run.sections.at(section);
  try {
    parameters.set(name, value);
    if (parameters.find(name)->type == ParameterType::file) {
      const std::filesystem::path file = absolute_path(key, std::get<std::string>(value));
      // A start may be that of an earlier result; everything else is data.
      if (name != "initial" && std::filesystem::is_directory(file))
        throw ParameterError(name, FileError(file, "is a folder").what() +
                                       std::string(", expected ") +
                                       parameters.find(name)->expectation());
      try {
        parameters.set_file(name, file.string(), numbers(file));
      } catch (const FileError& error) {
        throw ParameterError(name, error.what());
      }
    }
  } catch (const ParameterError& error) {
    complain(section, ParameterError(error.parameter(),
                                     error.what() + nearest_choice(*parameters.find(name), value)));
  }
}

std::size_t Config::points() const {
  std::size_t n = 1;
  for (const ConfigAxis& axis : axes_) n *= axis.values.size();
  return n;
}

std::vector<std::size_t> Config::coordinates(std::size_t point) const {
  std::vector<std::size_t> index(axes_.size());
  for (std::size_t a = axes_.size(); a-- > 0;) {
    index[a] = point % axes_[a].values.size();
    point /= axes_[a].values.size();
  }
  return index;
}

std::size_t Config::fit_axis(const std::string& against) const {
  for (std::size_t a = 0; a < axes_.size(); ++a)
    if (axes_[a].name == against || axes_[a].key == against) return a;
  return 0;
}

RunConfig Config::run(std::size_t point) const {
  RunConfig run;
  run.model = model_;
  for (const Section& section : sections_)
    run.sections.emplace(section.name, Parameters(section.declaration));
  for (const auto& [key, value] : given_) set(run, key, value);
  const std::vector<std::size_t> index = coordinates(point);
  for (std::size_t a = 0; a < axes_.size(); ++a) set(run, axes_[a].key, axes_[a].values[index[a]]);
  return run;
}

FlowSettings RunConfig::flow() const {
  FlowSettings settings = FlowSettings::from(sections.at("flow"));
  const Parameters& time = sections.at("time");
  settings.accelerated = time.text("variable") == "accelerated";
  settings.until_settled = !time.has("end");
  settings.seed = seed();
  return settings;
}

Setup Config::setup(std::size_t point) const {
  RunConfig config = run(point);
  std::unique_ptr<Model> model = build(config, false);
  return {std::move(model), config.flow(),   config.solver(),
          config.time(),    config.output(), config.measure()};
}

std::unique_ptr<Model> Config::build(RunConfig& run, bool try_stepper) const {
  std::unique_ptr<Model> model;
  const auto in_section = [&](const std::string& section, auto&& action) {
    try {
      action();
    } catch (const ParameterError& error) {
      complain(section, error);
    } catch (const std::bad_alloc&) {
      complain_of_memory(run.sections.at("model"));
    }
  };
  Parameters& time = run.sections.at("time");
  const FlowSettings flow = run.flow();
  in_section("flow", [&] {
    const auto& offered = run.model->flows;
    if (std::find(offered.begin(), offered.end(), flow.kind) == offered.end())
      throw ParameterError(
          "kind", "is \"" + flow.kind + "\", but " + run.model->name + " offers " +
                      joined(offered) +
                      nearest_choice({"", ParameterType::text, {}, "", 0, 0, false, false, offered},
                                     flow.kind));
    if (flow.weight_decay != 0 && !flow.weight_decays.empty())
      throw ParameterError("weight_decays",
                           "does not go with flow.weight_decay: there is either one lambda, which "
                           "the slow time is measured in, or one for each group");
  });
  in_section("time", [&] {
    if (flow.accelerated) {
      if (!flow.traits().accelerates)
        throw ParameterError("variable", "is \"accelerated\", which needs flow.kind = \"mirror\"");
      if (!time.given("spacing")) time.resolve("spacing", std::string("linear"));
    }
    if (!time.has("end")) return;
    const double end = time.real("end"), first = time.real("first");
    if (time.text("spacing") == "log" && first >= end) {
      if (time.given("first"))
        throw ParameterError("first",
                             "is " + toml_number(first) +
                                 ", expected a number below time.end = " + toml_number(end));
      time.resolve("first", end / 1000);
    }
    const bool slow = time.text("variable") == "slow" && !flow.traits().slow_limit;
    if (slow && flow.weight_decay <= 0)
      throw ParameterError("variable",
                           "is \"slow\" (tau = lambda t), which needs "
                           "flow.weight_decay > 0");
    const double horizon = slow ? end / flow.weight_decay : end;
    if (!std::isfinite(horizon))
      throw ParameterError("end", "is " + toml_number(end) +
                                      " in tau = lambda t, which is beyond "
                                      "the largest number in t");
    if (!flow.discrete()) return;
    if (horizon < flow.step)
      throw ParameterError("end", "is " + toml_number(end) +
                                      ", expected at least one step of "
                                      "flow.step = " +
                                      toml_number(flow.step));
    // How many steps there are is the config's own word, not a sign that something went wrong.
    Parameters& solver = run.sections.at("solver");
    if (solver.given("max_steps")) return;
    const double steps = std::ceil(horizon / flow.step) + 1,
                 most = solver.find("max_steps")->maximum;
    // Where a stop condition is to end the run, any end will do.
    const bool may_stop = time.real("stop_gradient_norm") > 0 || time.real("stop_train_loss") > 0;
    if (steps > most && !may_stop)
      throw ParameterError("end", "is " + toml_number(end) + ", which is " + toml_number(steps) +
                                      " steps of flow.step = " + toml_number(flow.step) +
                                      ", expected at most " + toml_number(most) + " steps");
    if (steps > static_cast<double>(solver.integer("max_steps")))
      solver.resolve("max_steps", static_cast<std::int64_t>(std::min(steps, most)));
  });
  in_section("model", [&] { model = run.model->make(run.sections.at("model"), run.seed()); });
  std::unique_ptr<System> system;
  in_section("flow", [&] {
    system = model->system(flow);
    model->initial_state(flow);
  });
  in_section("time", [&] {
    if (!time.has("end") && !model->default_end(flow))
      throw ParameterError("end", "missing, expected a number > 0: the last time");
  });
  if (try_stepper && !flow.discrete())
    in_section("solver", [&] { make_stepper(*system, run.solver()); });
  in_section("measure", [&] {
    const MeasureSettings settings = run.measure();
    if (settings.slow_window.size() != 2 || settings.slow_window[0] >= settings.slow_window[1])
      throw ParameterError("slow_window", "expected two numbers, the first the smaller");
    const auto& offered = run.model->flows;
    if (settings.two_phases &&
        std::find(offered.begin(), offered.end(), "riemannian") == offered.end())
      throw ParameterError("two_phases", "needs the flow \"riemannian\", which " + run.model->name +
                                             " does not offer");
    if (settings.two_phases && !flow.learning_rates.empty())
      throw ParameterError("two_phases",
                           "does not go with flow.learning_rates: its slow limit is that of one "
                           "learning rate for all");
    if (!settings.against.empty() && !settings.exponents.empty()) {
      std::vector<std::string> names;
      for (const ConfigAxis& axis : axes_) names.push_back(axis.name);
      const bool known = std::any_of(axes_.begin(), axes_.end(), [&](const ConfigAxis& axis) {
        return axis.name == settings.against || axis.key == settings.against;
      });
      if (!known)
        throw ParameterError("against", "is " + toml_text(settings.against) +
                                            ", which is no axis of the study" +
                                            suggestion(settings.against, names));
    }
    if (settings.exponents.empty()) return;
    if (!is_study()) throw ParameterError("exponents", "needs a [study] with an axis to fit along");
    const ConfigAxis& along = axes_[fit_axis(settings.against)];
    if (!std::holds_alternative<double>(along.values.front()) &&
        !std::holds_alternative<std::int64_t>(along.values.front()))
      throw ParameterError(
          settings.against.empty() ? "exponents" : "against",
          "needs an axis of numbers to fit along, which " + along.name + " is not");
  });
  in_section("output", [&] {
    std::vector<std::string> names;
    for (const Observable& observable : model->observables(flow)) names.push_back(observable.name);
    const OutputSettings output = run.output();
    for (const auto* list : {&output.observables, &output.snapshot_observables})
      for (const std::string& name : *list)
        if (std::find(names.begin(), names.end(), name) == names.end())
          throw ParameterError(list == &output.observables ? "observables" : "snapshot_observables",
                               "has " + toml_text(name) + ", which " + run.model->name +
                                   " does not have" + suggestion(name, names));
    const TimeSettings settings = run.time();
    for (const double t : output.snapshot_times)
      if (settings.end > 0 && t > settings.end)
        throw ParameterError("snapshot_times", "has " + toml_number(t) +
                                                   ", expected times up to "
                                                   "time.end = " +
                                                   toml_number(settings.end));
    if (!output.snapshot_observables.empty() && output.snapshot_times.empty())
      throw ParameterError("snapshot_observables", "needs output.snapshot_times");
  });
  return model;
}

std::vector<std::size_t> Config::tried_values(const ConfigAxis& axis) const {
  // What is right at so many values of a range is right between them.
  const std::size_t most = axis.range ? 100 : 1000;
  const std::size_t last = axis.values.size() - 1;
  // Files are all read, since what is in them belongs to the config.
  const bool files = declared(axis.key, axis.position).type == ParameterType::file;
  const std::size_t count = files ? last : std::min(last, most);
  std::vector<std::size_t> tried;
  for (std::size_t i = 1; i <= count; ++i) tried.push_back(i * last / count);
  return tried;
}

void Config::validate() const {
  if (!resolved_.empty()) return;
  RunConfig first = run(0);
  const auto unused_of = [&](RunConfig& config) {
    const std::unique_ptr<Model> model = build(config);
    return unused_settings(config, model->observables(config.flow()));
  };
  unused_ = unused_of(first);
  // What the model makes of a default may differ from point to point (a size that a file of the
  // point fixes); left to the model, it comes to the same again.
  std::set<std::string> differs;
  const auto compare = [&](const RunConfig& other) {
    for (const Section& section : sections_)
      for (const ParameterInfo& info : section.declaration)
        if (other.sections.at(section.name).value(info.name) !=
            first.sections.at(section.name).value(info.name))
          differs.insert(dotted(section.name, info.name));
  };
  // One axis at a time: what depends on two of them at once shows when the point is run, and so
  // does what is wrong with a value of a long axis that is not among those tried.
  std::size_t stride = points();
  for (const ConfigAxis& axis : axes_) {
    stride /= axis.values.size();
    differs.insert(axis.key);
    if (axis.key == "seed") continue;
    for (const std::size_t k : tried_values(axis)) {
      RunConfig other = run(k * stride);
      const auto unused = unused_of(other);
      std::erase_if(unused_, [&](const auto& entry) { return unused.count(entry.first) == 0; });
      compare(other);
    }
  }

  std::ostringstream out;
  for (const Section& section : sections_) {
    if (!section.name.empty()) out << "\n[" << section.name << "]\n";
    const Parameters& parameters = first.sections.at(section.name);
    for (const ParameterInfo& info : section.declaration)
      if (differs.count(dotted(section.name, info.name)) == 0 && parameters.has(info.name))
        out << info.name << " = " << toml_value(parameters.value(info.name)) << "\n";
  }
  if (is_study()) {
    out << "\n[study]\n";
    for (const ConfigAxis& axis : axes_) {
      std::string values;
      for (const ParameterValue& value : axis.values)
        values += (values.empty() ? "" : ", ") + toml_value(value);
      out << toml_text(axis.key) << " = [" << values << "]\n";
    }
  }
  resolved_ = out.str();
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

std::string Config::fingerprint() const {
  std::uint64_t hash = fnv1a(resolved());
  for (const auto& [path, matrix] : files_)
    hash = fnv1a({reinterpret_cast<const char*>(matrix.data()),
                  static_cast<std::size_t>(matrix.size()) * sizeof(double)},
                 hash);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace gradflow
