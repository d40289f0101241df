#include "solve/outcome.hpp"

namespace gradflow {

const std::vector<StatusName>& status_names() {
  static const std::vector<StatusName> names{
      {0, "ok"},           {1, "step_underflow"},    {2, "no_convergence"},
      {3, "not_finite"},   {4, "step_budget"},       {5, "wall_budget"},
      {6, "energy_rise"},  {7, "saddle_unresolved"}, {8, "verify_failed"},
      {9, "interrupted"},  {10, "not_run"},          {11, "setup_failed"},
      {12, "not_settled"}, {13, "branch_lost"},      {14, "memory_budget"},
      {15, "crashed"},     {16, "rounding_decides"}};
  return names;
}

const std::vector<StatusName>& warning_names() {
  static const std::vector<StatusName> names{
      {energy_defect_high, "energy_defect_high"},
      {limit_not_reached, "limit_not_reached"},
      {singular_point_reached, "singular_point_reached"},
      {tolerance_coarse_for_saddle, "tolerance_too_coarse_for_saddle"},
      {stays_on_saddle, "stays_on_saddle"},
      {assumption_broken, "assumption_broken"},
      {no_plateau, "no_plateau"},
      {branches_left, "branches_left"},
      {loop_open, "loop_open"},
      {marginal_point, "marginal_point"},
      {sensitive, "sensitive"}};
  return names;
}

const char* status_name(Status status) {
  for (const StatusName& entry : status_names())
    if (entry.value == static_cast<std::int32_t>(status)) return entry.name;
  return "unknown";
}

Statistics& Statistics::operator+=(const Statistics& other) {
  steps += other.steps;
  rejected_steps += other.rejected_steps;
  rhs_evaluations += other.rhs_evaluations;
  linearisations += other.linearisations;
  factorisations += other.factorisations;
  solves += other.solves;
  indefinite_factorisations += other.indefinite_factorisations;
  newton_failures += other.newton_failures;
  events += other.events;
  return *this;
}

void Statistics::exchange(Archive& archive) {
  archive("steps", steps);
  archive("rejected_steps", rejected_steps);
  archive("rhs_evaluations", rhs_evaluations);
  archive("linearisations", linearisations);
  archive("factorisations", factorisations);
  archive("solves", solves);
  archive("indefinite_factorisations", indefinite_factorisations);
  archive("newton_failures", newton_failures);
  archive("events", events);
}

}  // namespace gradflow
