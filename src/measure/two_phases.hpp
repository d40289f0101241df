#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "flow/system.hpp"
#include "solve/integrate.hpp"
#include "solve/solver_settings.hpp"

namespace gradflow {

/// The two limits of a flow with small weight decay (arXiv 2505.20172), shared by all lambda: the
/// flow without weight decay w^GF, its limit Phi(w0), and the slow flow w° in tau = lambda t.
struct PhaseReference {
  Vector limit;                    ///< Phi(w0)
  double limit_speed = 0;          ///< |grad F(Phi(w0))|
  double limit_time = 0;           ///< time at which w^GF had converged
  std::vector<double> fast_times;  ///< t
  Matrix fast_states;              ///< w^GF, a column a time
  std::vector<double> slow_times;  ///< tau
  Matrix slow_states;              ///< w°, a column a time; NaN beyond a singular point
  /// Why there are no such limits: w^GF has none, or one that does not fit the data. Empty where
  /// there are; else all but `limit` is empty too.
  std::string missing;
  std::int32_t warning = 0;  ///< bit of Warning that goes with it
};

/// Times at which the phases are compared: t in (0, fast_end], tau in [slow_from, slow_to].
struct PhaseWindows {
  double fast_end = 0;
  double slow_from = 0, slow_to = 0;
  std::vector<double> fast_times() const;  ///< 60, geometric
  std::vector<double> slow_times() const;  ///< 60, geometric, with 0 first
};

/// What may cut a computation of several runs short, and where the states of each are kept, by its
/// name; null: nowhere.
struct RunsControl {
  std::function<bool()> interrupted;
  std::function<Checkpoints*(const std::string& run)> checkpoints;
};

/// States of a flow from y0 at the given times (increasing, from 0), a column each; NaN where the
/// flow ended before. `name` is the run's among `runs`. \throws SolverError if it failed
Matrix states_at(System& system, const SolverSettings& settings, ConstVectorRef y0,
                 const std::vector<double>& times, const RunsControl& runs,
                 const std::string& name);

/// \throws SolverError where a run fails
PhaseReference phase_reference(System& gradient_flow, System& riemannian, ConstVectorRef y0,
                               const SolverSettings& settings, const PhaseWindows& windows,
                               const RunsControl& runs);

struct TwoPhaseErrors {
  std::vector<double> fast_distance;  ///< |w^lambda(t) - w^GF(t)| at fast_times
  std::vector<double> slow_distance;  ///< |w^lambda(tau/lambda) - w°(tau)| at slow_times
  double fast = 0;                    ///< sup over the fast window
  double slow = 0;                    ///< sup over the slow window
  double composite = 0;  ///< sup over all t of |w^lambda - (w^GF(t) + w°(lambda t) - Phi(w0))|
};

/// Compares the flow with weight decay lambda against its limits. `composite` is taken over 200
/// times from 1e-3 to slow_to/lambda, at which w° and w^GF are integrated anew.
TwoPhaseErrors two_phase_errors(System& decayed, System& gradient_flow, System& riemannian,
                                ConstVectorRef y0, double lambda, const PhaseReference& reference,
                                const PhaseWindows& windows, const SolverSettings& settings,
                                const RunsControl& runs);

}  // namespace gradflow
