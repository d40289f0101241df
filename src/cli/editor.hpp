#pragma once

#include <string>
#include <vector>

/// What is made from the declarations for those who type: a man page, a shell's completion, a
/// schema for editors, a config to begin with.
namespace gradflow {

struct CommandOption {
  std::string name;     ///< "--out", or "CONFIG" for a positional
  std::string meaning;  ///< a line
  bool takes_value = false;
};

struct CommandInfo {
  std::string name, meaning;
  std::vector<CommandOption> options;
};

/// The page gradflow(1), for man.
std::string man_page(const std::vector<CommandInfo>& commands);

/// For bash: commands, options, models, keys of `--set`, and files.
std::string bash_completion(const std::vector<CommandInfo>& commands);

/// JSON Schema (draft 7) of a config, as taplo takes it for TOML: sections and keys with types,
/// ranges, choices, defaults and meanings; those of [model] by its name.
std::string config_schema();

/// A config of a model that runs as it is, with all else that could be set in comments.
/// `model` must be one of `models()`.
std::string new_config(const std::string& model);

}  // namespace gradflow
