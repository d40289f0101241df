#pragma once

#include <cstdint>

namespace gradflow {

/// Bits of the variable `warning`: the answer is right but limited.
enum Warning : std::int32_t {
  energy_defect_high = 1,
  limit_not_reached = 2,
  singular_point_reached = 4,
  tolerance_coarse_for_saddle = 8,
  stays_on_saddle = 16,
  assumption_broken = 32,  ///< of the theory that a prediction comes from
  no_plateau = 64,         ///< of the test error: grok_time is not defined
  branches_left = 128,     ///< of a continuation: not all branches were followed
  loop_open = 256,         ///< of a sweep: the way back ends elsewhere than it began
  marginal_point = 512,    ///< of a sweep: a value at a transition within the tolerance
  sensitive = 1024,  ///< errors of the tolerances, amplified by the flow, reach the state's size
};

}  // namespace gradflow
