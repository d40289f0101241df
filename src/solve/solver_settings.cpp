#include "solve/solver_settings.hpp"

namespace gradflow {

std::vector<ParameterInfo> SolverSettings::declaration() {
  ParameterInfo rtol = positive_parameter("rtol", 1e-8, "relative tolerance of a step");
  rtol.maximum = 0.1;  // beyond, error estimates say nothing
  return {
      choice_parameter("method", "auto",
                       {"auto", "cvode", "cvode_adams", "rodas", "dopri5", "rosenbrock4"},
                       "auto, CVODE's BDF or Adams, our Rosenbrock method, or Boost.Odeint's "
                       "explicit and Rosenbrock methods"),
      choice_parameter("linear", "auto", {"auto", "dense", "structured", "gauss_newton", "krylov"},
                       "how Newton systems are solved"),
      std::move(rtol),
      positive_parameter("atol", 1e-10, "absolute tolerance of a step; does not follow rtol"),
      boolean_parameter("verify", false,
                        "repeat at a tenth of the tolerances and write the observed error of "
                        "every observable"),
      integer_parameter("max_steps", 5'000'000, "steps after which a run fails"),
      nonnegative_parameter("max_wall_seconds", 0.0,
                            "seconds after which a run fails; 0: no limit"),
      integer_parameter("threads", 1,
                        "threads of the loops within one run, for networks of 10^5 weights and "
                        "more; points of a study run in parallel by --jobs",
                        1, 4096),
      boolean_parameter("saddle_guard", true,
                        "cap steps where the flow leaves a saddle, so that the unstable mode is "
                        "followed"),
      boolean_parameter("condition", true,
                        "follow how the flow amplifies errors (`amplification`), and say where "
                        "rounding or the tolerances decide the result"),
  };
}

SolverSettings SolverSettings::from(const Parameters& parameters) {
  SolverSettings settings;
  settings.method = parameters.text("method");
  const std::string& linear = parameters.text("linear");
  settings.linear = linear == "dense"          ? LinearKind::dense
                    : linear == "structured"   ? LinearKind::structured
                    : linear == "gauss_newton" ? LinearKind::gauss_newton
                    : linear == "krylov"       ? LinearKind::krylov
                                               : LinearKind::automatic;
  settings.rtol = parameters.real("rtol");
  settings.atol = parameters.real("atol");
  settings.verify = parameters.boolean("verify");
  settings.max_steps = parameters.integer("max_steps");
  settings.max_wall_seconds = parameters.real("max_wall_seconds");
  settings.threads = parameters.integer("threads");
  settings.saddle_guard = parameters.boolean("saddle_guard");
  settings.condition = parameters.boolean("condition");
  return settings;
}

}  // namespace gradflow
