#include "solve/stepper.hpp"

#include "flow/gradient_flow.hpp"

namespace gradflow {

std::unique_ptr<NewtonMatrix> choose_newton_matrix(System& system, const SolverSettings& settings,
                                                   std::string& description) {
  LinearKind kind = settings.linear;
  std::string reason = "as asked";
  if (system.linear_kinds().empty())
    throw ParameterError("method", "needs Newton matrices, which this flow does not have; use "
                                   "\"dopri5\" or \"cvode_adams\"");
  if (kind == LinearKind::automatic) kind = system.preferred_linear_kind(reason);
  bool offered = false;
  std::string names;
  for (const LinearKind k : system.linear_kinds()) {
    offered = offered || k == kind;
    names += (names.empty() ? "\"" : ", \"") + std::string(linear_kind_name(k)) + '"';
  }
  if (!offered)
    throw ParameterError("linear", std::string("is \"") + linear_kind_name(kind) +
                                       "\", but this model offers " + names);
  description = std::string(linear_kind_name(kind)) + " (" + reason + ")";
  return system.newton_matrix(kind);
}

std::unique_ptr<Stepper> make_stepper(System& system, const SolverSettings& settings) {
  if (settings.method == "auto")
    return system.linear_kinds().empty() ? make_dopri5_stepper(system, settings)
                                         : make_cvode_stepper(system, settings, false);
  if (settings.method == "cvode") return make_cvode_stepper(system, settings, false);
  if (settings.method == "cvode_adams") return make_cvode_stepper(system, settings, true);
  if (settings.method == "rodas") return make_rodas_stepper(system, settings);
  if (settings.method == "dopri5") return make_dopri5_stepper(system, settings);
  if (settings.method == "rosenbrock4") return make_rosenbrock4_stepper(system, settings);
  throw ParameterError("method", "is \"" + settings.method + "\", which is not built in");
}

}  // namespace gradflow
