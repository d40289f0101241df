#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "experiment/settings.hpp"
#include "flow/observable.hpp"
#include "io/dataset.hpp"
#include "numerics/archive.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// Observables of one model share what they computed at the last state by its serial, which must
/// therefore differ between all recordings of the model. A model belongs to one thread.
std::uint64_t next_serial();

/// Observables and states along the first dimension of a result: the samples of a run, or whatever
/// else a series of states is made along.
class Recording {
 public:
  Recording(std::vector<Observable> observables, Index state_size, bool keep_states)
      : observables_(std::move(observables)), keep_states_(keep_states), state_size_(state_size) {
    values_.resize(observables_.size());
  }

  /// A state at time t, at coordinate `at` of the first dimension.
  void add(double at, double t, ConstVectorRef y) {
    coordinate_.push_back(at);
    const State state{t, y, next_serial()};
    for (std::size_t k = 0; k < observables_.size(); ++k) {
      const auto size = static_cast<std::size_t>(observables_[k].size());
      values_[k].resize(values_[k].size() + size);
      observables_[k].evaluate(state, values_[k].data() + values_[k].size() - size);
    }
    if (keep_states_) states_.insert(states_.end(), y.begin(), y.end());
  }

  /// Appends NaN for what was not reached, so that all points of a study share the coordinate.
  void pad(const std::vector<double>& coordinate) {
    for (std::size_t i = coordinate_.size(); i < coordinate.size(); ++i) {
      coordinate_.push_back(coordinate[i]);
      for (std::size_t k = 0; k < observables_.size(); ++k)
        values_[k].resize(values_[k].size() + static_cast<std::size_t>(observables_[k].size()),
                          std::numeric_limits<double>::quiet_NaN());
      if (keep_states_)
        states_.resize(states_.size() + static_cast<std::size_t>(state_size_),
                       std::numeric_limits<double>::quiet_NaN());
    }
  }

  /// The first `count` states, on their way to an archive, or all that there are in one.
  struct First {
    Recording& recording;
    std::size_t count;
    void exchange(Archive& archive);
  };

  const std::vector<double>& coordinate() const { return coordinate_; }
  /// Row-major (first dimension, ...); null where the observable is not recorded.
  const std::vector<double>* values(const std::string& name) const {
    for (std::size_t k = 0; k < observables_.size(); ++k)
      if (observables_[k].name == name) return &values_[k];
    return nullptr;
  }
  const std::vector<Observable>& observables() const { return observables_; }
  const std::vector<double>& values(std::size_t k) const { return values_[k]; }
  const std::vector<double>& states() const { return states_; }

 private:
  std::vector<Observable> observables_;
  bool keep_states_;
  Index state_size_;
  std::vector<double> coordinate_, states_;
  std::vector<std::vector<double>> values_;
};

// How a run's arrays get into a dataset, with their attributes.

std::vector<Attribute> attributes(const std::string& long_name, const std::string& units);
/// Adds the axis as a dimension with coordinate, unless it is there.
void add_axis(Dataset& data, const Axis& axis);
std::vector<std::string> axis_names(Dataset& data, const std::vector<Axis>& axes);
void add_number(Dataset& data, const NumberInfo& info, double value);
void add_count(Dataset& data, const std::string& name, std::int64_t value,
               const std::string& long_name);
void add_measurements(Dataset& data, const std::vector<Measurement>& all);
/// status, warning: codes with CF flag attributes.
void add_status(Dataset& data, Status status);
void add_warning(Dataset& data, std::int32_t bits);
inline const NumberInfo wall_seconds{"wall_seconds", "wall-clock time of the run", "s"};
/// status, warning, counts of work, wall_seconds, solver_method, solver_linear, message.
void add_outcome(Dataset& data, const Outcome& outcome);
/// Those that are by default or named in output.observables.
std::vector<Observable> chosen_observables(const std::vector<Observable>& all,
                                           const OutputSettings& output);
void add_message(Dataset& data, const std::string& message);

}  // namespace gradflow
