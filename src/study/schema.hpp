#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "flow/model.hpp"
#include "io/toml_document.hpp"
#include "study/complaints.hpp"

namespace gradflow {

/// TOML syntax of a value; empty for none.
std::string toml_value(const ParameterValue& value);

/// The names in one line, with commas.
std::string joined(const std::vector<std::string>& names);

/// For a text that is none of the choices, the one it is nearest to: "; did you mean "X"?".
std::string nearest_choice(const std::vector<std::string>& choices, const ParameterValue& value);
/// The same of a declaration's choices; nothing for what is meant as a formula.
std::string nearest_choice(const ParameterInfo& info, const ParameterValue& value);

/// Does a key take a number, and so an expression in its place?
bool takes_number(const ParameterInfo& info);
/// Is it the text of an expression ("= 10 / flow.weight_decay"), where a key takes a number?
bool is_expression(const ParameterInfo& info, const ParameterValue& value);

/// A section of a config and the keys that it takes.
struct Section {
  std::string name;  ///< "" for what stands before the first
  std::vector<ParameterInfo> declaration;
  /// True: a config has it only where it is given; false: always, with its defaults.
  bool optional = false;
};

/// What a config may hold: its sections besides [study], by name, with their keys.
class Schema {
 public:
  /// The schema for the model that the document names. Unknown sections, and a model that is not
  /// named or not known, are complained of; without a model, [model] has no keys. `file` is the
  /// config's, for messages.
  static Schema of(const TomlValue& document, const std::string& file, Complaints& complaints);

  bool has_model() const { return model_ != nullptr; }
  const ModelInfo& model() const { return *model_; }
  const std::vector<Section>& sections() const { return sections_; }
  bool has_section(const std::string& name) const;
  /// Is it one of those that stand before the first section?
  bool has_key(const std::string& name) const;
  /// The declaration of a key by its whole name, "flow.step".
  /// \throws ConfigError that names the nearest
  const ParameterInfo& declared(const std::string& key, const SourcePosition& position) const;
  /// The keys of all sections with their defaults; of the optional sections only those in `given`.
  std::map<std::string, Parameters> defaults(const std::set<std::string>& given) const;

 private:
  std::vector<ParameterInfo>& declaration(const std::string& section);
  void take_model(const ModelInfo& model);

  std::vector<Section> sections_;
  const ModelInfo* model_ = nullptr;
};

/// A value of the document as one of the type that `info` declares, as far as its shape goes; what
/// it must be beyond that, Parameters::set checks. A list of numbers may be given as a range.
/// `key` is the whole name. \throws ConfigError
ParameterValue convert(const std::string& key, const ParameterInfo& info, const TomlValue& value);

}  // namespace gradflow
