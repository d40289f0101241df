#pragma once

#include <memory>
#include <string>
#include <vector>

namespace gradflow {

class Stepper;
class System;
struct SolverSettings;

/// A method, as `solver.method` names it: all that the program asks of a method, in one place.
/// Which one "auto" stands for is said in method_choice.cpp.
struct SolverMethod {
  std::string name;
  std::string meaning;
  /// What it solves its linear systems with: a Newton matrix of the system (`solver.linear`), a
  /// dense Jacobian of its own, or nothing, where it has none to solve.
  enum class Linear { newton_matrix, own_matrix, none };
  Linear linear;
  std::unique_ptr<Stepper> (*make)(System& system, const SolverSettings& settings);
};

const std::vector<SolverMethod>& solver_methods();
/// \throws ParameterError for a name that is none
const SolverMethod& solver_method(const std::string& name);

}  // namespace gradflow
