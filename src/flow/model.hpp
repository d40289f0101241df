#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/flow_settings.hpp"
#include "flow/observable.hpp"
#include "flow/parameters.hpp"
#include "flow/system.hpp"
#include "flow/warning.hpp"
#include "numerics/archive.hpp"

namespace gradflow {

/// What a run left behind, as measurements see it: sample times and every recorded observable.
class Trajectory {
 public:
  virtual ~Trajectory() = default;
  virtual const std::vector<double>& times() const = 0;
  /// Samples of an observable, row-major (sample, ...); null where it was not recorded.
  virtual const std::vector<double>* values(const std::string& observable) const = 0;
  virtual const Vector& final_state() const = 0;
};

/// What a model has to say about a finished run: bits of Warning, and in words.
struct RunNotes {
  std::int32_t warnings = 0;
  std::vector<std::string> messages;
};

/// Ends a run as a success. What it remembers of the steps before goes with the state of the run
/// (`exchange`).
class StopCondition : public Resumable {
 public:
  /// Asked after each accepted step.
  virtual bool met(double t, ConstVectorRef y) = 0;
  void exchange(Archive& /*archive*/) override {}
};

/// A model with its data, as built from a config's parameters and seed. Belongs to one thread.
class Model {
 public:
  virtual ~Model() = default;
  /// The state at t = 0 of the given flow.
  virtual Vector initial_state(const FlowSettings& flow) = 0;
  /// \throws ParameterError for a flow the model does not offer.
  virtual std::unique_ptr<System> system(const FlowSettings& flow) = 0;
  virtual std::vector<Observable> observables(const FlowSettings& flow) = 0;
  /// Numbers of the data or the theory that do not depend on the run.
  virtual std::vector<Measurement> constants(const FlowSettings& /*flow*/) { return {}; }
  /// Numbers read off the finished run.
  virtual std::vector<Measurement> measure(const FlowSettings& /*flow*/, const Trajectory&) {
    return {};
  }
  virtual RunNotes notes(const FlowSettings& /*flow*/, const Trajectory&) { return {}; }

  /// Each run has its own. Null: the run goes on to its end.
  virtual std::unique_ptr<StopCondition> stop_condition(const FlowSettings& /*flow*/) {
    return nullptr;
  }
  /// Where a run without `time.end` ends at the latest; before that, where `stop_condition` says.
  /// Without a value `time.end` must be given.
  virtual std::optional<double> default_end(const FlowSettings& /*flow*/) { return std::nullopt; }
};

/// The declaration of a model: what `models` prints, configs are checked against, and runs are made
/// from.
struct ModelInfo {
  std::string name;
  std::string summary;
  std::string equations;
  std::string paper;
  std::vector<std::string> flows;
  std::vector<ParameterInfo> parameters;
  /// Builds the model. Sizes fixed by files and defaults that depend on others are written back to
  /// `parameters`. \throws ParameterError
  std::function<std::unique_ptr<Model>(Parameters& parameters, std::uint64_t seed)> make;
  /// The numbers without axes among the `constants` and measurements of the model's runs; some of
  /// them a run may lack.
  std::vector<NumberInfo> numbers = {};
};

/// A named run of the parameter vector: a layer. `flow.learning_rates` follow this order.
struct ParameterGroup {
  std::string name;
  Index offset;
  Index size;
};

}  // namespace gradflow
