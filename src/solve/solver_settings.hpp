#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/newton_matrix.hpp"
#include "flow/parameters.hpp"

namespace gradflow {

/// The `[solver]` section: how a flow is integrated.
struct SolverSettings {
  std::string method = "auto";  ///< or one of `solver_methods`
  LinearKind linear = LinearKind::automatic;
  double rtol = 1e-8;   ///< relative tolerance of a step, entry by entry
  double atol = 1e-10;  ///< absolute tolerance; does not follow rtol
  bool verify = false;  ///< repeat at a tenth of the tolerances, write the observed errors
  std::int64_t max_steps = 5'000'000;
  double max_wall_seconds = 0;  ///< 0: no limit
  std::int64_t retries = 0;     ///< repetitions of a run that failed, at a tenth of the tolerances
  /// Bytes that a study's worker may take; 0: a share of the machine's.
  std::int64_t max_memory = 0;
  std::int64_t threads = 1;  ///< of the loops within one run
  bool saddle_guard = true;  ///< follow unstable modes where the flow leaves a saddle

  bool condition = true;  ///< follow how the flow amplifies errors

  static std::vector<ParameterInfo> declaration();
  static SolverSettings from(const Parameters& parameters);
};

}  // namespace gradflow
