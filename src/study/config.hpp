#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiment/setup.hpp"
#include "flow/model.hpp"
#include "io/dataset.hpp"
#include "io/toml_document.hpp"

namespace gradflow {

/// Bytes of a config's text: more than a study of the most points takes as `check` prints it.
constexpr std::uint64_t largest_config = std::uint64_t{32} << 20;

/// TOML syntax of a value; empty for none.
std::string toml_value(const ParameterValue& value);

/// One axis of a study: the key it varies and its values.
struct ConfigAxis {
  std::string key;  ///< "flow.weight_decay"
  std::string
      name;  ///< dimension in the result: "weight_decay", or the key where two would collide
  std::vector<ParameterValue> values;
  bool range = false;  ///< given by first, last and count, not one by one
  SourcePosition position;
};

/// The values of all sections for one run.
struct RunConfig {
  const ModelInfo* model = nullptr;
  std::map<std::string, Parameters> sections;  ///< "" (seed), model, flow, solver, time, output,
                                               ///< measure

  std::uint64_t seed() const;
  FlowSettings flow() const;
  SolverSettings solver() const { return SolverSettings::from(sections.at("solver")); }
  TimeSettings time() const { return TimeSettings::from(sections.at("time")); }
  MeasureSettings measure() const { return MeasureSettings::from(sections.at("measure")); }
  OutputSettings output() const { return OutputSettings::from(sections.at("output")); }
};

/// A config file with its `--set` overrides, checked against the declarations.
class Config {
 public:
  /// \throws ConfigError, FileError
  static Config load(const std::filesystem::path& path, const std::vector<std::string>& overrides);

  const std::string& name() const { return name_; }  ///< the file's stem
  const std::string& text() const { return text_; }  ///< as given, with the overrides behind
  const std::vector<ConfigAxis>& axes() const { return axes_; }
  const ModelInfo& model() const { return *model_; }
  bool is_study() const { return !axes_.empty(); }
  std::size_t points() const;
  /// Index of each axis's value at a point (row-major, the last axis fastest).
  std::vector<std::size_t> coordinates(std::size_t point) const;
  RunConfig run(std::size_t point) const;
  /// Index of the axis that `measure.against` names, in full or by its name; the first without it.
  std::size_t fit_axis(const std::string& against) const;

  /// Builds the model and checks all that depends on it: file shapes, flow, solver, observables,
  /// times. Sizes and defaults that the model fixes are written back to `run`.
  /// \throws ConfigError
  std::unique_ptr<Model> build(RunConfig& run) const { return build(run, true); }
  /// All that a point's run is made from. \throws ConfigError
  Setup setup(std::size_t point) const;
  /// `build` for the first point and for each value of each axis, once; of an axis of more than
  /// 1000 values (of a range, 100) for so many of them, spread evenly to the last.
  void validate() const;

  /// Settings that have no effect at any of the points that `validate` tried, a line each with file
  /// and position. Validates.
  std::vector<std::string> unused() const;

  /// The fully resolved config as TOML that runs to the same result. Validates.
  const std::string& resolved() const;
  /// A hash of the resolved config and the contents of the files it names.
  std::string fingerprint() const;

  /// Turns a parameter's complaint into a line with file, position and key.
  [[noreturn]] void complain(const std::string& section, const ParameterError& error) const;

 private:
  struct Section {
    std::string name;
    std::vector<ParameterInfo> declaration;
  };
  /// With the stepper for a try, or not: a run that follows makes it anyway.
  std::unique_ptr<Model> build(RunConfig& run, bool try_stepper) const;
  void read_sections(const TomlValue& document);
  void read_axes(const TomlValue& study);
  ParameterValue convert(const std::string& key, const ParameterInfo& info,
                         const TomlValue& value) const;
  const ParameterInfo& declared(const std::string& key, const SourcePosition& position) const;
  std::filesystem::path absolute_path(const std::string& key, std::filesystem::path file) const;
  void set(RunConfig& run, const std::string& key, const ParameterValue& value) const;
  /// Indices of the values beyond the first for which `validate` builds a model.
  std::vector<std::size_t> tried_values(const ConfigAxis& axis) const;
  const SourcePosition& position_of(const std::string& key) const;
  std::vector<std::string> all_keys() const;
  /// Blames the largest size that was given.
  [[noreturn]] void complain_of_memory(const Parameters& model) const;
  const Matrix& numbers(const std::filesystem::path& path) const;

  std::filesystem::path path_;
  std::string name_, text_;
  std::vector<Section> sections_;
  const ModelInfo* model_ = nullptr;
  std::vector<std::pair<std::string, ParameterValue>> given_;  ///< key and value, in order
  std::map<std::string, SourcePosition> positions_;
  std::vector<ConfigAxis> axes_;
  mutable std::map<std::string, Matrix> files_;        ///< read once for all points
  mutable std::string resolved_;                       ///< empty before `validate`
  mutable std::map<std::string, std::string> unused_;  ///< by key, of all points so far
};

}  // namespace gradflow
