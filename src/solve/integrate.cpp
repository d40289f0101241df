#include "solve/integrate.hpp"

#include <algorithm>

#include "numerics/parallel.hpp"
#include "solve/integration.hpp"
#include "solve/method_choice.hpp"
#include "solve/saddle.hpp"
#include "solve/tolerances.hpp"

namespace gradflow {

SolverSettings tightened(SolverSettings settings, ConstVectorRef y0) {
  settings = tightened_to_size(std::move(settings), y0);
  const double rms = root_mean_square(y0);
  // Below the rounding of the others there is no step to be had.
  const double hidden = hidden_deviation(y0);
  if (hidden > 0) settings.atol = std::min(settings.atol, std::max(1e-3 * hidden, 1e-16 * rms));
  return settings;
}

SolverSettings tightened(System& system, SolverSettings settings, ConstVectorRef y0) {
  settings = tightened(std::move(settings), y0);
  if (!settings.saddle_guard || !knows_saddles(system)) return settings;
  const LoopThreads threads(static_cast<int>(settings.threads));
  const GrowingMode mode = fastest_growing_mode(system, 0, y0);
  if (!(mode.rate > resolved_growth * mode.fastest)) return settings;
  // The mode has length one in the system's metric; tolerances are of entries.
  const double deviation = mode.amplitude * mode.mode.cwiseAbs().maxCoeff();
  if (deviation > rounding_of_mode * y0.cwiseAbs().maxCoeff())
    settings.atol = std::min(settings.atol, 1e-3 * deviation);
  return settings;
}

Outcome integrate(System& system, Stepper& stepper, const SolverSettings& settings,
                  ConstVectorRef y0, const IntegrationControl& control) {
  const LoopThreads threads(static_cast<int>(settings.threads));
  return Integration(system, stepper, settings, y0, control).run();
}

Outcome integrate(System& system, const SolverSettings& settings, ConstVectorRef y0,
                  const IntegrationControl& control) {
  const SolverSettings used = tightened(system, settings, y0);
  const std::unique_ptr<Stepper> stepper = make_stepper(system, used);
  return integrate(system, *stepper, used, y0, control);
}

}  // namespace gradflow
