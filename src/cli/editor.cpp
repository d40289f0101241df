#include "cli/editor.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "flow/flow_kind.hpp"
#include "flow/registry.hpp"
#include "study/bisection.hpp"
#include "study/design_groups.hpp"
#include "study/key_name.hpp"
#include "study/schema.hpp"

namespace gradflow {
namespace {

using Json = nlohmann::ordered_json;

Schema schema_of(const std::string& model) {
  Complaints none;
  Schema schema =
      Schema::of(parse_toml("[model]\nname = " + toml_text(model) + "\n", ""), "", none);
  none.raise();
  return schema;
}

/// Text of a man page: a point or a quote that begins a line would be a command.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string joined_by_blanks(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> names_of_models() {
  std::vector<std::string> names;
  for (const ModelInfo& model : models()) names.push_back(model.name);
  return names;
}

/// "flow.kind=" and the others, but for those of [model], which depend on its name.
std::vector<std::string> keys_to_set() {
  std::vector<std::string> keys{"model.name="};
  const Schema schema = schema_of(models().front().name);
  for (const Section& section : schema.sections())
    if (section.name != "model")
      for (const ParameterInfo& info : section.declaration)
        keys.push_back(KeyName{section.name, info.name}.whole() + "=");
  for (const ParameterInfo& info : Bisection::declaration())
    keys.push_back("study.bisect." + info.name + "=");
  return keys;
}

Json json_value(const ParameterValue& value) {
  return std::visit(
      [](const auto& v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
          return nullptr;
        else
          return v;
      },
      value);
}

Json number_type(const ParameterInfo& info, const char* type) {
  Json json{{"type", type}};
  if (std::isfinite(info.minimum))
    json[info.minimum_excluded ? "exclusiveMinimum" : "minimum"] = info.minimum;
  if (std::isfinite(info.maximum))
    json[info.maximum_excluded ? "exclusiveMaximum" : "maximum"] = info.maximum;
  return json;
}

Json text_type(const ParameterInfo& info) {
  Json json{{"type", "string"}};
  // A choice, which editors offer, or another text.
  if (!info.formula_variables.empty()) return {{"anyOf", {Json{{"enum", info.choices}}, json}}};
  if (!info.choices.empty()) json["enum"] = info.choices;
  return json;
}

/// A number, or an expression in its place.
Json or_expression(Json number) {
  number["type"] = {number["type"], "string"};
  number["pattern"] = "^\\s*=";
  return number;
}

Json list_of(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

Json type_of(const ParameterInfo& info) {
  switch (info.type) {
    case ParameterType::boolean:
      return {{"type", "boolean"}};
    case ParameterType::integer:
      return or_expression(number_type(info, "integer"));
    case ParameterType::real:
      return or_expression(number_type(info, "number"));
    case ParameterType::integer_list:
      return list_of(number_type(info, "integer"));
    case ParameterType::real_list:  // or a range
      return {{"anyOf", {list_of({{"type", "number"}}), {{"type", "object"}}}}};
    case ParameterType::text_list:
      return list_of(text_type(info));
    case ParameterType::text_or_real:
      return {{"anyOf", {text_type(info), or_expression(number_type(info, "number"))}}};
    case ParameterType::text_or_list:
      return {{"anyOf", {text_type(info), list_of(text_type(info))}}};
    case ParameterType::file: {
      Json path = text_type(info);
      path["format"] = "path";
      return path;
    }
    default:
      return text_type(info);
  }
}

Json keys_of(const std::vector<ParameterInfo>& declaration) {
  Json properties = Json::object();
  for (const ParameterInfo& info : declaration) {
    Json json = type_of(info);
    json["description"] = info.meaning + " (" + info.expectation() + ")";
    if (const Json value = json_value(info.default_value); !value.is_null())
      json["default"] = value;
    properties[info.name] = std::move(json);
  }
  return properties;
}

Json section_of(const std::vector<ParameterInfo>& declaration) {
  return {
      {"type", "object"}, {"properties", keys_of(declaration)}, {"additionalProperties", false}};
}

/// Of configs in which variants may name models of their own.
Json with_variants() {
  return {{"required", {"study"}}, {"properties", {{"study", {{"required", {variant_kind}}}}}}};
}

Json keys_of_model(const ModelInfo& model) {
  const Schema schema = schema_of(model.name);
  for (const Section& section : schema.sections())
    if (section.name == "model") {
      Json json = section_of(section.declaration);
      json["description"] = model.summary;
      return {{"if",
               {{"properties", {{"model", {{"properties", {{"name", {{"const", model.name}}}}}}}}},
                {"not", with_variants()}}},
              {"then", {{"properties", {{"model", std::move(json)}}}}}};
    }
  return {};
}

}  // namespace

std::string man_page(const std::vector<CommandInfo>& commands) {
  std::string page =
      ".TH GRADFLOW 1\n.SH NAME\ngradflow \\- the gradient flow of machine\\-learning losses as a "
      "stiff ODE\n.SH SYNOPSIS\n.B gradflow\n.I COMMAND\n[arguments]\n.SH COMMANDS\n";
  for (const CommandInfo& command : commands) {
    page += ".SS " + roff(command.name) + "\n" + roff(command.meaning) + "\n";
    for (const CommandOption& option : command.options)
      page += ".TP\n.B " + roff(option.name) + (option.takes_value ? " \\fIvalue\\fR" : "") + "\n" +
              roff(option.meaning) + "\n";
  }
  page +=
      ".SH EXIT STATUS\n.TP\n0\nall done\n.TP\n1\nsome run failed numerically; the others are "
      "there\n.TP\n2\nbad config, bad option, unreadable or unwritable file\n.TP\n130\n"
      "interrupted; what is done is saved\n";
  return page;
}

std::string bash_completion(const std::vector<CommandInfo>& commands) {
  std::vector<std::string> names;
  std::string cases, with_value;
  for (const CommandInfo& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> options;
    for (const CommandOption& option : command.options)
      if (option.name.starts_with("-")) options.push_back(option.name);
    cases += "    " + command.name + ") options=\"" + joined_by_blanks(options) + "\" ;;\n";
  }
  return "# bash completion for gradflow\n"
         "_gradflow() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  local options=\"\"\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         joined_by_blanks(names) +
         " --help --version\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  if [ \"$before\" = --set ]; then\n"
         "    compopt -o nospace\n"
         "    COMPREPLY=($(compgen -W \"" +
         joined_by_blanks(keys_to_set()) +
         "\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]}\" in\n"
         "    models | new)\n"
         "      COMPREPLY=($(compgen -W \"" +
         joined_by_blanks(names_of_models()) +
         "\" -- \"$current\"))\n"
         "      return ;;\n"
         "    help)\n"
         "      COMPREPLY=($(compgen -W \"" +
         joined_by_blanks(names) + "\" -- \"$current\"))\n      return ;;\n" + cases +
         "  esac\n"
         "  case \"$current\" in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options --help\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _gradflow gradflow\n";
}

std::string config_schema() {
  Json properties = Json::object(), by_model = Json::array();
  const Schema any = schema_of(models().front().name);
  for (const Section& section : any.sections()) {
    if (section.name.empty()) {
      const Json keys = keys_of(section.declaration);
      properties.update(keys);
    } else if (section.name == "model") {
      properties["model"] = {{"type", "object"},
                             {"properties", {{"name", {{"enum", names_of_models()}}}}}};
    } else {
      properties[section.name] = section_of(section.declaration);
    }
  }
  Json bisection = section_of(Bisection::declaration());
  bisection["description"] = "where a number of the run crosses a level, by bisection";
  bisection["required"] = {"key", "between", "measure", "level"};
  Json designs = Json::object();
  for (const std::string& kind : group_kinds())
    designs[kind] = {
        {"type", "object"},
        {"additionalProperties", {{"type", "object"}}},
        {"description", "groups of keys, each one dimension: [study." + kind + ".NAME]"}};
  designs["bisect"] = std::move(bisection);
  properties["study"] = {{"type", "object"},
                         {"properties", std::move(designs)},
                         {"description", "axes: a key in quotes with a list of values or a range"}};
  for (const ModelInfo& model : models()) by_model.push_back(keys_of_model(model));
  const Json named{{"required", {"model"}}, {"properties", {{"model", {{"required", {"name"}}}}}}};
  const Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                    {"title", "config of gradflow"},
                    {"type", "object"},
                    {"properties", std::move(properties)},
                    {"additionalProperties", false},
                    {"anyOf", {named, with_variants()}},
                    {"allOf", std::move(by_model)}};
  return schema.dump(1) + "\n";
}

std::string new_config(const std::string& model) {
  const Schema schema = schema_of(model);
  const ModelInfo& info = schema.model();
  std::string text = "# " + info.name + ": " + info.summary + "\n#   " + info.equations +
                     "\n#\n# What is in comments is the default. Run it: gradflow run THIS_FILE\n";
  for (const Section& section : schema.sections()) {
    if (section.optional) continue;
    text += "\n";
    if (!section.name.empty()) text += "[" + section.name + "]\n";
    for (const ParameterInfo& key : section.declaration) {
      const std::string value = toml_value(key.default_value);
      const std::string what = "  # " + key.meaning + " (" + key.expectation() + ")\n";
      const bool accelerated = flow_kind(info.flows.front()).accelerates;
      if (section.name == "model" && key.name == "name")
        text += "name = " + toml_text(info.name) + "\n";
      else if (section.name == "time" && key.name == "end" && !accelerated)
        text += "end = 1e3" + what;
      else if (value.empty())
        text += "# " + key.name + what;
      else
        text += "# " + key.name + " = " + value + what;
    }
  }
  return text +
         "\n# Every combination of these is run; their keys may be any above.\n# [study]\n"
         "# seed = { count = 10 }\n";
}

}  // namespace gradflow
