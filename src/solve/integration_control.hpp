#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "numerics/archive.hpp"
#include "numerics/types.hpp"
#include "solve/checkpoint.hpp"

/// What a call of `integrate` (solve/integrate.hpp) is given, and its run (solve/integration.hpp)
/// goes by.
namespace gradflow {

/// What a run wants to know and when it ends.
struct IntegrationControl {
  /// Increasing; the first is the start. States in between come from dense output.
  std::vector<double> times;
  /// Called once for each time reached, in order: index, t, state.
  std::function<void(std::size_t, double, ConstVectorRef)> sample;
  /// Asked after each accepted step; true ends the run there, as a success.
  std::function<bool(double, ConstVectorRef)> stop;
  /// The run ends, as a success, where the first of these falls to 0: located within its step on
  /// the dense output, and seen where the step ends below.
  std::vector<std::function<double(double, ConstVectorRef)>> level;
  /// Asked before each step; true ends the run as interrupted.
  std::function<bool()> interrupted;
  /// Times that a step ends at, besides the last, and where the run goes on as one that was cut
  /// there would: in order.
  std::vector<double> landings = {};
  /// Told before each step how far the run has come.
  std::function<void(double t, std::int64_t steps)> progress = {};
  /// Where the run's state is kept, and what it goes on from.
  Checkpoints* checkpoints = nullptr;
  /// What goes with that state: it is kept as it is after the same step.
  std::vector<Resumable*> beside = {};
  /// What `sample` has made of the times before index `next`; of what it appends to, that may be
  /// less than there is.
  std::function<void(Archive& archive, std::size_t next)> recorded;
};

}  // namespace gradflow
