#include "solve/solver_settings.hpp"

#include "flow/option.hpp"
#include "solve/solver_method.hpp"

namespace gradflow {
namespace {

constexpr LinearKind linear_kinds[] = {LinearKind::automatic, LinearKind::dense,
                                       LinearKind::structured, LinearKind::gauss_newton,
                                       LinearKind::krylov};

const std::vector<Option<SolverSettings>>& options() {
  using T = SolverSettings;
  static const std::vector<Option<T>> all = [] {
    ParameterInfo rtol = positive_parameter("rtol", {}, "relative tolerance of a step");
    rtol.maximum = 0.1;  // beyond, error estimates say nothing
    std::vector<std::string> methods{"auto"}, kinds;
    std::string meaning = "auto: by what the flow offers and costs";
    for (const SolverMethod& method : solver_methods()) {
      methods.push_back(method.name);
      meaning += "; " + method.name + ": " + method.meaning;
    }
    for (const LinearKind kind : linear_kinds) kinds.emplace_back(linear_kind_name(kind));
    return std::vector<Option<T>>{
        option(&T::method, choice_parameter("method", "", std::move(methods), std::move(meaning))),
        {choice_parameter("linear", linear_kind_name(T{}.linear), kinds,
                          "how Newton systems are solved"),
         [](T& settings, const Parameters& p) {
           for (const LinearKind kind : linear_kinds)
             if (p.text("linear") == linear_kind_name(kind)) settings.linear = kind;
         }},
        option(&T::rtol, std::move(rtol)),
        option(&T::atol, positive_parameter("atol", {},
                                            "absolute tolerance of a step; does not follow rtol")),
        option(&T::verify,
               boolean_parameter("verify", {},
                                 "repeat at a tenth of the tolerances and write the observed error "
                                 "of every observable")),
        option(&T::max_steps, integer_parameter("max_steps", {}, "steps after which a run fails")),
        option(&T::max_wall_seconds,
               nonnegative_parameter("max_wall_seconds", {},
                                     "seconds after which a run fails; 0: no limit")),
        option(&T::max_memory,
               integer_parameter("max_memory", {},
                                 "bytes that a worker of a study may take; 0: the machine's memory "
                                 "over --jobs",
                                 0)),
        option(&T::retries,
               integer_parameter("retries", {},
                                 "how often a run that fails for its tolerances is repeated, at a "
                                 "tenth of rtol and atol each time",
                                 0, 10)),
        option(&T::threads, integer_parameter(
                                "threads", {},
                                "threads of the loops within one run, for networks of 10^5 weights "
                                "and more; points of a study run in parallel by --jobs",
                                1, 4096)),
        option(&T::saddle_guard,
               boolean_parameter("saddle_guard", {},
                                 "cap steps where the flow leaves a saddle, so that the unstable "
                                 "mode is followed")),
        option(&T::condition,
               boolean_parameter("condition", {},
                                 "follow how the flow amplifies errors (`amplification`), and say "
                                 "where rounding or the tolerances decide the result"))};
  }();
  return all;
}

}  // namespace

std::vector<ParameterInfo> SolverSettings::declaration() {
  return declaration_of(options());
}

SolverSettings SolverSettings::from(const Parameters& parameters) {
  return settings_from(options(), parameters);
}

}  // namespace gradflow
