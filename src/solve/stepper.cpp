#include "solve/stepper.hpp"

#include <algorithm>
#include <sstream>

#include "flow/newton_choice.hpp"
#include "numerics/memory.hpp"

namespace gradflow {
void Stepper::interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) {
  for (std::size_t k = 0; k < nodes; ++k) {
    interpolate(t[k], y.col(static_cast<Index>(k)));
    interpolate_derivative(t[k], ydot.col(static_cast<Index>(k)));
  }
}

std::unique_ptr<NewtonMatrix> choose_newton_matrix(System& system, const SolverSettings& settings,
                                                   std::string& description) {
  LinearKind kind = settings.linear;
  std::string reason = "as asked";
  const std::vector<NewtonOffer> offers = system.newton_offers();
  if (offers.empty())
    throw ParameterError("method",
                         "needs Newton matrices, which this flow does not have; use "
                         "\"rock4\", \"dopri5\" or \"cvode_adams\"");
  if (kind == LinearKind::automatic) kind = automatic_kind(system, reason);
  if (settings.linear == LinearKind::automatic && settings.method == "rodas" &&
      kind == LinearKind::gauss_newton && !find_offer(offers, kind)->exact)
    if (const auto exact = affordable_exact_kind(system)) {
      kind = *exact;
      reason = "exact, for the order of a Rosenbrock method";
    }
  std::string names;
  for (const NewtonOffer& offer : offers) {
    names += (names.empty() ? "\"" : ", \"") + std::string(linear_kind_name(offer.kind)) + '"';
  }
  if (find_offer(offers, kind) == nullptr)
    throw ParameterError("linear", std::string("is \"") + linear_kind_name(kind) +
                                       "\", but this model offers " + names);
  description = std::string(linear_kind_name(kind)) + " (" + reason + ")";
  try {
    return system.newton_matrix(kind);
  } catch (const OutOfMemory& error) {
    std::ostringstream gigabytes;
    gigabytes.precision(3);
    gigabytes << error.bytes() / 1e9;
    throw ParameterError(
        "linear", std::string("is \"") + linear_kind_name(kind) + "\" (" + reason +
                      "), which needs " + gigabytes.str() + " GB, more memory than there is" +
                      (kind != LinearKind::krylov && find_offer(offers, LinearKind::krylov)
                           ? "; \"krylov\" needs less"
                           : ""));
  }
}

namespace {

/// Steps of an implicit run, for an estimate of what it costs (docs/benchmarks.md: some hundreds).
constexpr double implicit_steps = 300;
/// An implicit step that costs as much as this many explicit ones comes only once it has to.
constexpr double dear_step = 100;

/// Where it needs more steps to the end than this, dopri5 gives over to rock4, which has few runs
/// that cost as many evaluations.
constexpr double most_steps_of_dopri5 = 3000;

/// CVODE, after dopri5 and rock4 where a Newton set-up is dear.
std::unique_ptr<Stepper> make_automatic_cvode(System& system, const SolverSettings& settings) {
  auto cvode = make_cvode_stepper(system, settings, false);
  if (settings.linear != LinearKind::automatic) return cvode;
  const NewtonOffer* offer = cvode->newton_offer();
  if (offer == nullptr) return cvode;
  const NewtonCost& cost = offer->cost;
  // A set-up serves three steps, each with two solves; dopri5 has six stages.
  const double implicit_step = cost.set_up_flops() / 3 + 2 * cost.solve_flops;
  const double ratio = implicit_step / (6 * system.rhs_flops());
  const bool last = offer->taken == NewtonOffer::Taken::after_explicit || ratio >= dear_step;
  if (!(system.rhs_flops() > 0) || !last) return cvode;
  auto stabilised = make_switching_stepper(make_rock4_stepper(system, settings), std::move(cvode),
                                           implicit_steps * implicit_step / system.rhs_flops(),
                                           Effort::evaluations);
  return make_switching_stepper(make_dopri5_stepper(system, settings), std::move(stabilised),
                                std::min(most_steps_of_dopri5, implicit_steps * ratio));
}

std::unique_ptr<Stepper> make_smooth_stepper(System& system, const SolverSettings& given) {
  SolverSettings settings = given;
  if (settings.method == "auto") {
    settings.method = system.preferred_method();
    if (settings.method == "cvode") return make_automatic_cvode(system, settings);
  }
  if (settings.method == "cvode") return make_cvode_stepper(system, settings, false);
  if (settings.method == "cvode_adams") return make_cvode_stepper(system, settings, true);
  if (settings.method == "rodas") return make_rodas_stepper(system, settings);
  if (settings.method == "dopri5") return make_dopri5_stepper(system, settings);
  if (settings.method == "rock4") return make_rock4_stepper(system, settings);
  if (settings.method == "rosenbrock4") return make_rosenbrock4_stepper(system, settings);
  throw ParameterError("method", "is \"" + settings.method + "\", which is not built in");
}

}  // namespace

std::unique_ptr<Stepper> make_stepper(System& system, const SolverSettings& settings) {
  FlowPieces* pieces = system.pieces();
  if (pieces == nullptr) return make_smooth_stepper(system, settings);
  // A tenth, so that the events of a step add less than the step itself.
  pieces->hold(0.1 * settings.rtol);
  SolverSettings used = settings;
  if (used.method == "auto") used.method = system.preferred_method();
  // A one-step method loses nothing at a boundary; with an exact matrix it has its order of 5.
  if (settings.method == "auto" && used.method == "cvode" && used.linear == LinearKind::automatic)
    if (const auto exact = affordable_exact_kind(system)) {
      used.method = "rodas";
      used.linear = *exact;
    }
  return make_piecewise_stepper(*pieces, system.dimension(), make_smooth_stepper(system, used));
}

}  // namespace gradflow
