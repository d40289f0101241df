#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiment/setup.hpp"
#include "experiment/sweep_settings.hpp"
#include "flow/model.hpp"
#include "flow/observable.hpp"
#include "study/design.hpp"

namespace gradflow {

/// The values of all sections for one run.
struct RunConfig {
  const ModelInfo* model = nullptr;
  std::map<std::string, Parameters> sections;  ///< by the names of the schema

  bool has(const std::string& section) const { return sections.count(section) != 0; }
  std::uint64_t seed() const;
  /// What the model's data follow from: data_seed, or seed without it.
  std::uint64_t data_seed() const;
  /// Gives the model the seed of its start, where that is not the one of its data.
  /// \throws ParameterError on a key before the first section
  void give_init_seed();
  FlowSettings flow() const;
  SolverSettings solver() const { return SolverSettings::from(sections.at("solver")); }
  TimeSettings time() const { return TimeSettings::from(sections.at("time")); }
  MeasureSettings measure() const { return MeasureSettings::from(sections.at("measure")); }
  std::optional<SweepSettings> sweep() const;
  std::optional<ContinuationSettings> continuation() const;
  /// True where a chain or branches are asked for in place of a run over time.
  bool of_rest() const { return has("sweep") || has("continuation"); }
  OutputSettings output() const { return OutputSettings::from(sections.at("output")); }
  /// With the model that was built from it.
  Setup setup(std::unique_ptr<Model> built) const;
};

/// What the values of a section must be beyond their own ranges, so that they go together with
/// those of the others. Each throws ParameterError on a key of its section.
void check_flow(const RunConfig& run);
/// That solver.max_memory is more than this program takes before it begins.
void check_memory(const SolverSettings& solver);
/// Writes back what the defaults of [time], and solver.max_steps, come to.
void resolve_time(RunConfig& run);
void check_measure(const RunConfig& run, const Design& design);
/// Of a sweep or a continuation: what of the other sections does not go with it, by whole keys.
struct Misplaced {
  std::string section;
  ParameterError error;
};
std::optional<Misplaced> misplaced_beside_rest(const RunConfig& run);
/// Why no run has the number `name`: the measurement that it belongs to is not taken; or empty.
std::string not_taken(const std::string& name);
/// That `numbers`, which are those of any run of the study, have what measure.exponents names.
void check_exponents(const RunConfig& run, const std::vector<NumberInfo>& numbers);
void check_output(const RunConfig& run, const std::vector<Observable>& observables);

}  // namespace gradflow
