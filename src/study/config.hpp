#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiment/setup.hpp"
#include "io/dataset.hpp"
#include "study/design.hpp"
#include "study/expressions.hpp"
#include "study/inputs.hpp"
#include "study/run_config.hpp"
#include "study/schema.hpp"
#include "study/study_head.hpp"

namespace gradflow {

/// Bytes of a config's text: more than a study of the most points takes as `check` prints it.
constexpr std::uint64_t largest_config = std::uint64_t{32} << 20;

/// The config's path that stands for stdin.
constexpr const char* standard_input = "-";

/// Can a key's value change a number of a point? Budgets, threads and fits along an axis cannot.
bool changes_numbers(const std::string& key);

/// A config file with its `--set` overrides: what its schema allows, its design lays out in points,
/// and its inputs hold.
class Config {
 public:
  /// Of a config from stdin, relative paths are relative to the current folder.
  /// \throws ConfigError, FileError
  static Config load(const std::filesystem::path& path, const std::vector<std::string>& overrides);

  const std::string& name() const { return name_; }  ///< the file's stem
  const std::string& text() const { return text_; }  ///< as given, with the overrides behind
  const Design& design() const { return design_; }
  const std::vector<ConfigAxis>& axes() const { return design_.axes(); }
  /// [study.bisect]; null where there is none.
  const Bisection* bisection() const {
    return design_.bisection() != nullptr ? &design_.bisection()->bisection : nullptr;
  }
  bool is_study() const { return !axes().empty() || bisection() != nullptr; }
  /// Of a bisection each is a chain of runs.
  std::size_t points() const { return design_.points(); }
  /// The keys that expressions give, with their values.
  const std::vector<WorkedOutKey>& worked_out() const { return worked_out_; }
  /// The config of a point (row-major, the last axis fastest). Of a bisection at a value of its
  /// key, or at the low end.
  RunConfig run(std::size_t point, std::optional<double> bisected = std::nullopt) const;
  /// Does an expression's value follow from that of the key that is bisected?
  bool follows_bisection(const WorkedOutKey& key) const {
    return bisection() != nullptr && key.sources.count(bisection()->key) != 0;
  }
  /// The values of those at one run of a chain.
  std::vector<std::pair<std::string, ParameterValue>> following_bisection(std::size_t point,
                                                                          double bisected) const;
  /// Builds the model and checks all that depends on it: file shapes, flow, solver, observables,
  /// times. Sizes and defaults that the model fixes are written back to `run`.
  /// \throws ConfigError
  std::unique_ptr<Model> build(RunConfig& run) const { return build(run, true); }
  /// All that a run of a point is made from, as `run`. \throws ConfigError
  Setup setup(std::size_t point, std::optional<double> bisected = std::nullopt) const;
  /// `build` for the first point, of a bisection at both ends, for each variant, and the smallest
  /// and largest value of each key (of texts, lists and files all). That no two variants are alike.
  void validate() const;

  /// Settings that have no effect at any of the points that `validate` tried, a line each with file
  /// and position. Validates.
  std::vector<std::string> unused() const;

  /// What there is to say of the files that it names, a line each.
  std::vector<std::string> notes() const { return inputs_.notes(); }

  /// The fully resolved config as TOML that runs to the same result. Validates.
  const std::string& resolved() const;
  /// A hash of all that can change a number of the study: result_version, the resolved config
  /// without the keys that cannot (`changes_numbers`), and the contents of the files that it names,
  /// not their names. Validates.
  std::string fingerprint() const;
  /// What a value stands for, whatever it is called: TOML, of a file its contents.
  std::string content(const std::string& key, const ParameterInfo& info,
                      const ParameterValue& value) const;
  /// The models of its points.
  std::size_t models() const { return schema_.models(); }
  /// The contents of all keys that can change a number and are the same at all points of a model,
  /// with what the model makes of its defaults. Validates.
  const std::map<std::string, std::string>& common_contents(std::size_t model) const;
  /// The content of a varied key at a place along its dimension, for points of a model; that
  /// without the study where a variant leaves it, empty where the model has none.
  std::string content_at(const ConfigAxis& axis, std::size_t place, std::size_t model) const;
  /// The keys that name files, and a hash of the numbers that stand there, at all points.
  std::map<std::string, std::string> hashes_of_inputs() const;
  /// The expressions of a key as they are written, in variants too.
  std::string expression_text(const std::string& key) const;
  /// Of an axis's values, the logarithm of the state's length over that of the first point, as far
  /// as `validate` has tried them (of values between, that of the one before). Validates.
  std::vector<double> log_lengths(std::size_t dimension) const;
  /// The largest of the points that `validate` tried: parameters, residuals (outputs of its loss; 0
  /// where it has none), bytes of a sample of all observables, bytes in the result, and bytes of
  /// the Newton matrix.
  struct Largest {
    double parameters = 0, residuals = 0, sample_bytes = 0, bytes = 0, matrix = 0;
  };
  Largest largest_point() const;
  /// What the first point is solved with, and why. Validates.
  const std::string& solver_text() const;
  /// What its points are put together with. Validates.
  StudyHead head() const;

  /// Turns a parameter's complaint into a line with file, position and key.
  [[noreturn]] void complain(const std::string& section, const ParameterError& error) const;

 private:
  void read(const TomlValue& document);
  /// What stands at the top of the file: a section, or a key before the first.
  void read_section(const std::string& key, const TomlValue& value, Complaints& complaints);
  void take(const std::string& key, const TomlValue& value);
  void check_options() const;
  /// That the key which is bisected is one of all models, and has no expression.
  void check_bisected_key() const;
  /// That no key is worked out and varied at once.
  void check_expressions(Complaints& complaints) const;
  void check_end(const RunConfig& base) const;
  /// The sections with their defaults; of the optional ones those in `given`.
  RunConfig defaults(std::size_t model, const std::set<std::string>& given) const;
  /// A model's values without those of the study.
  RunConfig base(std::size_t model) const;
  /// The same of all models, where what does not fit is complained of.
  std::vector<RunConfig> checked_bases(Complaints& complaints) const;
  /// The optional sections that the config has at these places.
  std::set<std::string> sections_at(const std::vector<std::size_t>& places) const;
  void set(RunConfig& run, const std::string& key, const ParameterValue& value) const;
  void set_file(Parameters& parameters, const std::string& key, const std::string& file) const;
  /// With the stepper for a try, or not: a run that follows makes it anyway.
  std::unique_ptr<Model> build(RunConfig& run, bool try_stepper) const;
  /// Model and flow at a value of the key that is swept; `model` is that of the config, and both
  /// must outlive it.
  std::function<SweptSetup(double)> swept(const RunConfig& config, Model& model) const;
  /// The states that continuation.starts names. \throws ParameterError
  std::map<std::string, Vector> start_files(const ContinuationSettings& settings) const;
  /// What a sweep or a continuation needs beyond the ranges of its keys. \throws ConfigError
  void check_rest(const RunConfig& run, Model& model) const;
  void check_sweep(const RunConfig& run, Model& model) const;
  /// That the first point's run can have the number that is to cross the level, one of `numbers` or
  /// the last value of an observable. \throws ConfigError
  void check_bisection(const RunConfig& run, const std::vector<NumberInfo>& numbers,
                       const std::vector<Observable>& observables) const;
  /// Do files give anything but the start? Then the run is not the paper's.
  bool has_own_data() const;
  void note_size(const Setup& setup, std::size_t point) const;
  /// \throws ConfigError where a group of the study has a name that the points have too
  void check_group_name(const std::string& taken) const;
  /// \throws ConfigError where two variants of a group have the same values
  void check_variants() const;
  std::vector<std::size_t> tried_values(const ConfigAxis& axis) const;
  /// The points that `validate` tries, the first apart: one dimension at a time. What depends on
  /// two of them at once shows when the point is run, and so does what is wrong with a value
  /// between the smallest and the largest.
  std::vector<std::size_t> tried_points() const;
  std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>> coordinate(
      const ConfigAxis& axis) const;
  /// As TOML: the values of `runs`, which are of one model each, but for the keys in `differs`, and
  /// the study.
  std::string as_toml(const std::map<std::size_t, RunConfig>& runs,
                      const std::set<std::string>& differs) const;
  /// The line of a key's value in the resolved config; empty where it has none there.
  std::string line_of(const std::string& key, const RunConfig& run,
                      const std::set<std::string>& differs) const;
  std::map<std::string, std::string> contents_of(const RunConfig& run,
                                                 const std::set<std::string>& differs) const;
  SourcePosition position_of(const std::string& key) const;
  /// Where what is wrong with a key stands: of the point that was asked for last, in the variant
  /// that sets it there.
  SourcePosition blamed_position(const std::string& key) const;
  /// Blames the largest size that was given.
  [[noreturn]] void complain_of_memory(const Parameters& model) const;

  std::filesystem::path path_;
  std::string name_, text_;
  Schema schema_;
  Design design_;
  Inputs inputs_;
  std::vector<std::pair<std::string, ParameterValue>> given_;  ///< key and value, in order
  WrittenExpressions written_;                                 ///< what stands in place of values
  std::vector<WorkedOutKey> worked_out_;
  std::set<std::string> given_sections_;  ///< by themselves or by an axis
  std::map<std::string, SourcePosition> positions_;
  mutable std::vector<std::size_t> places_;  ///< of the point that was asked for last
  mutable std::string resolved_;             ///< empty before `validate`
  mutable std::vector<std::map<std::string, std::string>> common_;  ///< `common_contents`
  mutable std::map<std::size_t, double> lengths_;                   ///< of the states, by point
  mutable Largest largest_;
  mutable std::string solver_text_;
  mutable std::map<std::string, std::string> unused_;  ///< by key, of all points so far
};

}  // namespace gradflow
