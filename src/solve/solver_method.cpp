#include "solve/solver_method.hpp"

#include <algorithm>

#include "flow/parameters.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

std::unique_ptr<Stepper> make_bdf(System& system, const SolverSettings& settings) {
  return make_cvode_stepper(system, settings, false);
}

std::unique_ptr<Stepper> make_adams(System& system, const SolverSettings& settings) {
  return make_cvode_stepper(system, settings, true);
}

}  // namespace

const std::vector<SolverMethod>& solver_methods() {
  using Linear = SolverMethod::Linear;
  static const std::vector<SolverMethod> methods{
      {"cvode", "CVODE's BDF", Linear::newton_matrix, make_bdf},
      {"cvode_adams", "CVODE's Adams methods", Linear::none, make_adams},
      {"rodas", "our Rosenbrock method", Linear::newton_matrix, make_rodas_stepper},
      {"rock4", "our stabilised explicit one (gradients only)", Linear::none, make_rock4_stepper},
      {"dopri5", "Boost.Odeint's explicit method", Linear::none, make_dopri5_stepper},
      {"rosenbrock4", "Boost.Odeint's Rosenbrock method", Linear::own_matrix,
       make_rosenbrock4_stepper}};
  return methods;
}

const SolverMethod& solver_method(const std::string& name) {
  const auto& methods = solver_methods();
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const SolverMethod& method) { return method.name == name; });
  if (found == methods.end())
    throw ParameterError("method", "is \"" + name + "\", which is not built in");
  return *found;
}

}  // namespace gradflow
