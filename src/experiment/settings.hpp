#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/flow_settings.hpp"
#include "solve/solver_settings.hpp"

/// The sections of a config beside [model], [flow] and [solver]: when a run is sampled, what is
/// written, what is measured.
namespace gradflow {

/// The `[time]` section.
struct TimeSettings {
  std::string variable = "time";  ///< time, slow (tau = lambda t), accelerated (mirror flow)
  double end = 0;                 ///< 0: not given (mirror flow)
  /// Ends that the run had before it was prolonged, in order. The run lands on each, and goes on
  /// from its state there as another call would: so the numbers up to it are those of a run that
  /// ends there.
  std::vector<double> earlier_ends;
  std::string spacing = "log";
  double first = 1e-3;
  std::int64_t samples = 400;
  double stop_gradient_norm = 0;     ///< stop once |rhs| is below; 0: never
  double stop_train_loss = 0;        ///< stop once F is below; 0: never
  double stop_train_loss_above = 0;  ///< stop once F is above; 0: never

  static std::vector<ParameterInfo> declaration();
  static TimeSettings from(const Parameters& parameters);
  /// Sample times in the chosen variable, with 0 first: those up to the first end, and of the grid
  /// up to each later one what is beyond the end before.
  std::vector<double> grid() const;
  /// True where a condition may end a run before `end`.
  bool may_stop() const {
    return stop_gradient_norm > 0 || stop_train_loss > 0 || stop_train_loss_above > 0;
  }
  /// \throws ParameterError for bounds of the loss that leave nothing between them
  void check_bounds() const;
  /// \throws ParameterError for earlier ends out of order, or beyond the end
  void check_earlier_ends() const;

 private:
  std::vector<double> grid_up_to(double last) const;
};

/// The `[output]` section.
struct OutputSettings {
  bool parameters = false;
  std::vector<std::string> observables;
  std::vector<double> snapshot_times;
  std::vector<std::string> snapshot_observables;
  bool trajectories = true;         ///< false: of observables over time their last values
  double checkpoint_seconds = 300;  ///< of wall time between states on disk; 0: none

  static std::vector<ParameterInfo> declaration();
  static OutputSettings from(const Parameters& parameters);
};

/// The axis of a study that `measure.arrhenius` is along.
inline const std::string temperature_axis = "flow.temperature";

/// The `[measure]` section: numbers beyond the model's own.
struct MeasureSettings {
  bool two_phases = false;
  std::vector<double> slow_window{0.1, 2.0};
  double fast_end = 20;
  double fit_threshold = 1e-3;
  std::vector<std::string> exponents;
  std::string against;
  bool arrhenius = false;
  std::int64_t curvature_probes = FlowSettings{}.curvature_probes;
  double rank_tolerance = FlowSettings{}.rank_tolerance;

  static std::vector<ParameterInfo> declaration();
  static MeasureSettings from(const Parameters& parameters);
  /// \throws ParameterError where `arrhenius` is asked for of a study without an axis of
  /// temperatures (`varies_temperature`), of a flow that has none, or of runs that nothing ends
  void check_arrhenius(const FlowSettings& flow, const TimeSettings& time,
                       bool varies_temperature) const;
};

}  // namespace gradflow
