#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flow/newton_matrix.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

/// The one place that chooses a method and its Newton matrix, by what `settings` asks for and by
/// what the system offers and costs (docs/solvers.md).
namespace gradflow {

/// The stepper that `settings` asks for; `auto` decides by the recorded work-precision table
/// (docs/solvers.md). \throws ParameterError where system and method do not go together
std::unique_ptr<Stepper> make_stepper(System& system, const SolverSettings& settings);

/// The Newton matrix that `settings.linear` asks for, with a description of the choice.
/// \throws ParameterError where the system does not offer it
std::unique_ptr<NewtonMatrix> choose_newton_matrix(System& system, const SolverSettings& settings,
                                                   std::string& description);

/// Steps of CVODE that a set-up of such a Newton matrix serves for at most; it ends sooner where
/// the step's length has changed by 30 %.
std::int64_t steps_of_a_matrix(const System& system, const NewtonOffer& offer);

}  // namespace gradflow
