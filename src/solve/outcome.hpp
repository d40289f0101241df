#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "flow/warning.hpp"
#include "numerics/archive.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// How a run ended. 0 is a right answer (perhaps with warnings); all others are failures or answers
/// that must not be trusted.
enum class Status : std::int32_t {
  ok = 0,
  step_underflow = 1,     ///< t + h = t
  no_convergence = 2,     ///< Newton or the error test failed again and again
  not_finite = 3,         ///< NaN or infinity in the right-hand side or the state
  step_budget = 4,        ///< solver.max_steps
  wall_budget = 5,        ///< solver.max_wall_seconds
  energy_rise = 6,        ///< a gradient flow whose energy rose
  saddle_unresolved = 7,  ///< a saddle that the tolerance cannot follow
  verify_failed = 8,      ///< a tenth of the tolerances gives another answer
  interrupted = 9,        ///< Ctrl-C
  not_run = 10,           ///< a point of a study that has not been run yet
  setup_failed = 11,      ///< the point's model could not be built
  not_settled = 12,       ///< a value of a sweep at which the flow did not come to rest
  branch_lost = 13,       ///< Newton's iteration failed down to the shortest step along a branch
  memory_budget = 14,     ///< more memory than there is, or than solver.max_memory
  crashed = 15,           ///< the process that ran it died of a signal
  rounding_decides = 16   ///< rounding errors, amplified by the flow, reach the state's size
};

struct StatusName {
  std::int32_t value;
  const char* name;
};
const std::vector<StatusName>& status_names();
const std::vector<StatusName>& warning_names();
const char* status_name(Status status);

/// What a solver throws when it cannot go on: why, and what to try.
class SolverError : public std::runtime_error {
 public:
  SolverError(Status status, const std::string& reason, std::string advice)
      : std::runtime_error(reason), status_(status), advice_(std::move(advice)) {}
  Status status() const { return status_; }
  const std::string& advice() const { return advice_; }

 private:
  Status status_;
  std::string advice_;
};

/// Counts of work.
struct Statistics {
  std::int64_t steps = 0;
  std::int64_t rejected_steps = 0;
  std::int64_t rhs_evaluations = 0;
  std::int64_t linearisations = 0;
  std::int64_t factorisations = 0;
  std::int64_t solves = 0;
  std::int64_t indefinite_factorisations = 0;
  std::int64_t newton_failures = 0;
  std::int64_t events = 0;  ///< boundaries between smooth pieces (ReLU) that were crossed

  Statistics& operator+=(const Statistics& other);
  void exchange(Archive& archive);
};

/// The energy identity E(t2) - E(t1) = -int <y', y'> dt over one decade of t.
struct EnergyDecade {
  double log10_start = 0;  ///< the decade begins at t = 10^log10_start
  double drop = 0;         ///< E(t1) - E(t2)
  double dissipation = 0;  ///< int <y', y'> dt
  double defect = 0;       ///< |drop - dissipation| over the larger of both (0 below rounding)
};

/// How strongly a flow amplified disturbances on its way.
struct Amplification {
  double largest = 1;  ///< growth of a disturbance between any two times; at most 1e300
  double time = 0;     ///< the later one of the two
  double to_end = 1;   ///< growth from any earlier time to the end
};

/// All there is to say about how a run went.
struct Outcome {
  Status status = Status::ok;
  std::int32_t warnings = 0;
  std::string message;         ///< a sentence for a failure or a warning; empty otherwise
  double t_end = 0;            ///< where the run ended
  bool stopped_early = false;  ///< a stop condition was met
  Statistics statistics;
  double wall_seconds = 0;    ///< of all calls that had a part in it
  std::int64_t attempts = 1;  ///< runs that it took (solver.retries)
  std::string method;         ///< the method used
  std::string linear;         ///< the Newton structure used, and why
  std::vector<EnergyDecade> energy;
  double worst_energy_defect = 0;
  std::optional<Amplification> amplification;  ///< where it was followed (solver.condition)
  Vector final_state;
};

}  // namespace gradflow
