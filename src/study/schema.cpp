#include "study/schema.hpp"

#include <algorithm>

#include "experiment/settings.hpp"
#include "experiment/sweep_settings.hpp"
#include "flow/registry.hpp"
#include "study/key_name.hpp"
#include "study/range.hpp"

namespace gradflow {
namespace {

/// Every section of a config besides [study], whatever the model.
std::vector<Section> all_sections() {
  return {
      {"",
       {integer_parameter("seed", 0, "every random draw follows from it", 0, 9.2e18),
        integer_parameter("data_seed", std::nullopt,
                          "what data, masks and teachers follow from in place of seed", 0, 9.2e18),
        integer_parameter("init_seed", std::nullopt, "what the start follows from in place of seed",
                          0, 9.2e18)}},
      {"model", {}},
      {"flow", FlowSettings::declaration()},
      {"solver", SolverSettings::declaration()},
      {"time", TimeSettings::declaration()},
      {"output", OutputSettings::declaration()},
      {"measure", MeasureSettings::declaration()},
      {"sweep", SweepSettings::declaration(), true},
      {"continuation", ContinuationSettings::declaration(), true}};
}

const TomlValue* entry_of(const TomlValue::Table& table, const std::string& name) {
  for (const auto& [key, value] : table)
    if (key == name) return &value;
  return nullptr;
}

void check_section_names(const TomlValue::Table& top, const std::vector<Section>& sections,
                         Complaints& complaints) {
  std::vector<std::string> names{"study"};
  for (const Section& section : sections) {
    if (section.name.empty())
      for (const ParameterInfo& info : section.declaration) names.push_back(info.name);
    else
      names.push_back(section.name);
  }
  for (const auto& [key, value] : top)
    if (std::find(names.begin(), names.end(), key) == names.end())
      complaints.hear([&, &key = key, &value = value] {
        throw ConfigError(value.position, key + ": unknown " +
                                              (value.table() != nullptr ? "section" : "key") +
                                              suggestion(key, names));
      });
}

const ModelInfo& named_model(const TomlValue& name) {
  std::vector<std::string> names;
  for (const ModelInfo& info : models()) names.push_back(info.name);
  const auto* text = std::get_if<std::string>(&name.value);
  if (text == nullptr)
    throw ConfigError(name.position, "model.name: is " + name.description() + ", expected one of " +
                                         joined(names));
  const ModelInfo* model = find_model(*text);
  if (model == nullptr)
    throw ConfigError(name.position, "model.name: there is no model " + toml_text(*text) +
                                         suggestion(*text, names));
  return *model;
}

const ModelInfo& model_of(const TomlValue::Table& top, const std::string& file) {
  std::vector<std::string> names;
  for (const ModelInfo& info : models()) names.push_back(info.name);
  const std::string missing = "model.name: missing; expected one of " + joined(names);
  const TomlValue* section = entry_of(top, "model");
  if (section == nullptr) throw ConfigError({file, 1, 1}, missing);
  if (section->table() == nullptr)
    throw ConfigError(section->position,
                      "model: is " + section->description() + ", expected a section [model]");
  if (const TomlValue* name = entry_of(*section->table(), "name")) return named_model(*name);
  for (const auto& [key, value] : *section->table())
    if (!nearest_name(key, {"name"}).empty())
      throw ConfigError(value.position, "model." + key + ": unknown key; did you mean \"name\"?");
  throw ConfigError(section->position, missing);
}

/// Does [model] name one, or seem to?
bool names_model(const TomlValue::Table& top) {
  const TomlValue* section = entry_of(top, "model");
  if (section == nullptr) return false;
  const TomlValue::Table* keys = section->table();
  return keys == nullptr || std::any_of(keys->begin(), keys->end(), [](const auto& entry) {
           return !nearest_name(entry.key, {"name"}).empty();
         });
}

/// The model names of all variants, "model.name" in quotes or without.
std::vector<const TomlValue*> models_of_variants(const TomlValue::Table& top) {
  std::vector<const TomlValue*> names;
  const auto each = [](const TomlValue* value, const auto& visit) {
    if (value != nullptr && value->table() != nullptr)
      for (const auto& [key, entry] : *value->table()) visit(key, entry);
  };
  const auto in_variant = [&](const std::string& key, const TomlValue& value) {
    if (key == "model.name") names.push_back(&value);
    if (key == "model")
      each(&value, [&](const std::string& name, const TomlValue& entry) {
        if (name == "name") names.push_back(&entry);
      });
  };
  const TomlValue* study = entry_of(top, "study");
  if (study == nullptr || study->table() == nullptr) return names;
  each(entry_of(*study->table(), variant_kind), [&](const std::string&, const TomlValue& group) {
    each(&group, [&](const std::string&, const TomlValue& variant) { each(&variant, in_variant); });
  });
  return names;
}

/// The entries of a list, each made by `read`, which gives false where an entry is something else.
template <class T, class Read, class Wrong>
std::vector<T> list_of(const TomlValue::List& list, const Read& read, const Wrong& wrong) {
  std::vector<T> out(list.size());
  for (std::size_t i = 0; i < list.size(); ++i)
    if (!read(list[i], out[i])) wrong(list[i]);
  return out;
}

template <class T>
bool read_exactly(const TomlValue& value, T& out) {
  const T* found = std::get_if<T>(&value.value);
  if (found != nullptr) out = *found;
  return found != nullptr;
}

bool read_number(const TomlValue& value, double& out) {
  std::int64_t integer = 0;
  if (!read_exactly(value, integer)) return read_exactly(value, out);
  out = static_cast<double>(integer);
  return true;
}

std::vector<double> numbers_of(const Range& range) {
  std::vector<double> numbers;
  for (const ParameterValue& value : range.values) {
    const auto* integer = std::get_if<std::int64_t>(&value);
    numbers.push_back(integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value));
  }
  return numbers;
}

}  // namespace

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string nearest_choice(const std::vector<std::string>& choices, const ParameterValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return "";
  if (std::find(choices.begin(), choices.end(), *text) != choices.end()) return "";
  const std::string nearest = nearest_name(*text, choices);
  return nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?";
}

std::string nearest_choice(const ParameterInfo& info, const ParameterValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && !info.names_choice(*text) ? "" : nearest_choice(info.choices, value);
}

bool takes_number(const ParameterInfo& info) {
  return info.type == ParameterType::integer || info.type == ParameterType::real ||
         info.type == ParameterType::text_or_real;
}

bool is_expression(const ParameterInfo& info, const ParameterValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || !takes_number(info)) return false;
  const std::size_t first = text->find_first_not_of(" \t\n\r");
  return first != std::string::npos && (*text)[first] == '=';
}

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

Schema Schema::of(const TomlValue& document, const std::string& file, Complaints& complaints) {
  const TomlValue::Table& top = *document.table();
  Schema schema;
  schema.models_.push_back({nullptr, all_sections()});
  check_section_names(top, schema.sections(), complaints);
  const std::vector<const TomlValue*> others = models_of_variants(top);
  // A section called nearly so is complained of already.
  const bool misspelt = !complaints.none() && entry_of(top, "model") == nullptr;
  schema.has_model_ = !misspelt;
  if (!misspelt && (others.empty() || names_model(top))) {
    schema.has_own_model_ = complaints.hear([&] { schema.take_model(model_of(top, file)); });
    schema.has_model_ = schema.has_own_model_;
  }
  for (const TomlValue* name : others)
    if (!complaints.hear([&] { schema.take_model(named_model(*name)); })) schema.has_model_ = false;
  return schema;
}

std::size_t Schema::index_of(const std::string& model) const {
  for (std::size_t m = 0; m < models_.size(); ++m)
    if (models_[m].info != nullptr && models_[m].info->name == model) return m;
  throw std::logic_error("a config has no model " + model);
}

void Schema::take_model(const ModelInfo& model) {
  for (const OfModel& known : models_)
    if (known.info == &model) return;
  if (models_.front().info != nullptr) models_.push_back({nullptr, all_sections()});
  models_.back().info = &model;
  const auto declaration = [&](const std::string& section) -> std::vector<ParameterInfo>& {
    for (Section& candidate : models_.back().sections)
      if (candidate.name == section) return candidate.declaration;
    throw std::logic_error("a config has no section [" + section + "]");
  };
  std::vector<ParameterInfo>& keys = declaration("model");
  keys = model.parameters;
  ParameterInfo name{"name", ParameterType::text, model.name, "the model"};
  name.choices = {model.name};
  keys.insert(keys.begin(), std::move(name));

  const std::string& usual = model.flows.front();
  const auto set_default = [&](const std::string& section, const std::string& key,
                               const std::string& value) {
    for (ParameterInfo& info : declaration(section))
      if (info.name == key) info.default_value = value;
  };
  set_default("flow", "kind", usual);
  if (flow_kind(usual).accelerates) set_default("time", "variable", "accelerated");
}

bool Schema::has_section(const std::string& name) const {
  return std::any_of(sections().begin(), sections().end(),
                     [&](const Section& section) { return section.name == name; });
}

bool Schema::has_key(const std::string& name) const {
  return std::any_of(sections().begin(), sections().end(), [&](const Section& section) {
    return section.name.empty() &&
           std::any_of(section.declaration.begin(), section.declaration.end(),
                       [&](const ParameterInfo& info) { return info.name == name; });
  });
}

const ParameterInfo* Schema::find(const std::string& key, std::size_t model) const {
  const KeyName wanted = KeyName::of(key);
  for (const Section& section : sections(model))
    if (section.name == wanted.section)
      for (const ParameterInfo& info : section.declaration)
        if (info.name == wanted.name) return &info;
  return nullptr;
}

const ParameterInfo& Schema::declared(const std::string& key,
                                      const SourcePosition& position) const {
  for (std::size_t m = 0; m < models_.size(); ++m)
    if (const ParameterInfo* info = find(key, m)) return *info;
  const KeyName wanted = KeyName::of(key);
  std::vector<std::string> names;
  for (const OfModel& model : models_)
    for (const Section& section : model.sections)
      for (const ParameterInfo& info : section.declaration) {
        // The name may be right and the section wrong.
        if (info.name == wanted.name)
          throw ConfigError(position, key + ": unknown key; did you mean \"" +
                                          KeyName{section.name, info.name}.whole() + "\"?");
        if (section.name == wanted.section &&
            std::find(names.begin(), names.end(), info.name) == names.end())
          names.push_back(info.name);
      }
  throw ConfigError(position, key + ": unknown key" + suggestion(wanted.name, names));
}

std::map<std::string, Parameters> Schema::defaults(const std::set<std::string>& given,
                                                   std::size_t model) const {
  std::map<std::string, Parameters> all;
  for (const Section& section : sections(model))
    if (!section.optional || given.count(section.name) != 0)
      all.emplace(section.name, Parameters(section.declaration));
  return all;
}

ParameterValue convert(const std::string& key, const ParameterInfo& info, const TomlValue& value) {
  const auto wrong = [&](const TomlValue& at) {
    throw ConfigError(at.position,
                      key + ": is " + at.description() + ", expected " + info.expectation());
  };
  if (const auto* b = std::get_if<bool>(&value.value)) return *b;
  if (const auto* i = std::get_if<std::int64_t>(&value.value)) return *i;
  if (const auto* d = std::get_if<double>(&value.value)) return *d;
  if (const auto* s = std::get_if<std::string>(&value.value)) return *s;
  const TomlValue::List* list = value.list();
  if (info.type == ParameterType::real_list && value.table() != nullptr)
    return numbers_of(read_range(key, value, false));
  if (list == nullptr) wrong(value);
  switch (info.type) {
    case ParameterType::text_list:
    case ParameterType::text_or_list:
      return list_of<std::string>(*list, read_exactly<std::string>, wrong);
    case ParameterType::integer_list:
      return list_of<std::int64_t>(*list, read_exactly<std::int64_t>, wrong);
    case ParameterType::real_list:
      return list_of<double>(*list, read_number, wrong);
    default:
      wrong(value);
      return {};
  }
}

}  // namespace gradflow
