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

/// [study.variant.GROUP.NAME]: alternatives, each with values of its own.
inline constexpr const char* variant_kind = "variant";

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
  /// The schema for the models that the document names: that of [model] first, then those of
  /// [study.variant]. Unknown sections, and a model that is not named or not known, are complained
  /// of; without a model, [model] has no keys. `file` is the config's, for messages.
  static Schema of(const TomlValue& document, const std::string& file, Complaints& complaints);

  /// False where a model is not named or not known.
  bool has_model() const { return has_model_; }
  /// True where [model] names one, so that a variant need not.
  bool has_own_model() const { return has_own_model_; }
  std::size_t models() const { return models_.size(); }
  /// The number of a model, below `models()`. \throws std::logic_error
  std::size_t index_of(const std::string& model) const;
  const ModelInfo& model(std::size_t index = 0) const { return *models_[index].info; }
  const std::vector<Section>& sections(std::size_t model = 0) const {
    return models_[model].sections;
  }
  /// The declaration of a key by its whole name for one of the models; null where it has none.
  const ParameterInfo* find(const std::string& key, std::size_t model) const;
  bool has_section(const std::string& name) const;
  /// Is it one of those that stand before the first section?
  bool has_key(const std::string& name) const;
  /// The declaration of a key by its whole name, "flow.step", of the first model that has it.
  /// \throws ConfigError that names the nearest
  const ParameterInfo& declared(const std::string& key, const SourcePosition& position) const;
  /// The keys of all sections with their defaults; of the optional sections only those in `given`.
  std::map<std::string, Parameters> defaults(const std::set<std::string>& given,
                                             std::size_t model = 0) const;

 private:
  /// What a config may hold for one model; for none before it is known.
  struct OfModel {
    const ModelInfo* info = nullptr;
    std::vector<Section> sections;
  };
  void take_model(const ModelInfo& model);

  std::vector<OfModel> models_;  ///< at least one
  bool has_model_ = false, has_own_model_ = false;
};

/// A value of the document as one of the type that `info` declares, as far as its shape goes; what
/// it must be beyond that, Parameters::set checks. A list of numbers may be given as a range.
/// `key` is the whole name. \throws ConfigError
ParameterValue convert(const std::string& key, const ParameterInfo& info, const TomlValue& value);

}  // namespace gradflow
