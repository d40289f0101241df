#include "solve/method_choice.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "flow/newton_choice.hpp"
#include "numerics/memory.hpp"
#include "solve/solver_method.hpp"
#include "solve/spectral_radius.hpp"

namespace gradflow {
namespace {

/// "a", "b" or "c": the methods that need no matrix at all.
std::string methods_without_matrix() {
  std::vector<std::string> names;
  for (const SolverMethod& method : solver_methods())
    if (method.linear == SolverMethod::Linear::none) names.push_back('"' + method.name + '"');
  std::string text = names.front();
  for (std::size_t k = 1; k < names.size(); ++k)
    text += (k + 1 < names.size() ? ", " : " or ") + names[k];
  return text;
}

}  // namespace

std::unique_ptr<NewtonMatrix> choose_newton_matrix(System& system, const SolverSettings& settings,
                                                   std::string& description) {
  LinearKind kind = settings.linear;
  std::string reason = "as asked";
  const std::vector<NewtonOffer> offers = system.newton_offers();
  if (offers.empty())
    throw ParameterError("method", "needs Newton matrices, which this flow does not have; use " +
                                       methods_without_matrix());
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

/// Flops in the time that CVODE's own work on a step takes. A Rosenbrock step whose exact matrix
/// costs no more is as dear as one of BDF, and at these tolerances goes several times as far
/// (docs/benchmarks.md, "On sixteen cores").
constexpr double work_of_cvode = 8e4;

}  // namespace

std::int64_t steps_of_a_matrix(const System& system, const NewtonOffer& offer) {
  // A matrix of some steps ago costs steps: a tenth where one serves for three to five, a fifth
  // where for ten. It pays where its set-up takes many times what the rest of a step does.
  constexpr double rests_worth_a_step = 2, most = 10;
  // Krylov's products are with the Jacobian of the day; and without a condition nothing tells what
  // becomes of what the iteration leaves: in accelerated time errors do not follow the tolerance.
  if (offer.kind == LinearKind::krylov || !system.has_condition()) return 1;
  if (!(system.rhs_flops() > 0)) return 1;  // what an iteration costs is not known
  const double rest = offer.cost.solve_flops + system.rhs_flops() + work_of_cvode;
  return static_cast<std::int64_t>(
      std::clamp(offer.cost.set_up_flops() / (rests_worth_a_step * rest), 1.0, most));
}

namespace {

/// Steps of an implicit run, for an estimate of what it costs (docs/benchmarks.md: some hundreds).
constexpr double implicit_steps = 300;
/// An implicit step that costs as much as this many explicit ones comes only once it has to.
constexpr double dear_step = 100;

/// Evaluations a step, and solves of RODAS5P.
constexpr double stages_of_dopri5 = 6, stages_of_rodas = 8;

/// Where it needs more steps to the end than this, dopri5 gives over to rock4, which has few runs
/// that cost as many evaluations.
constexpr double most_steps_of_dopri5 = 3000;

/// dopri5 is stable up to this step times spectral radius (Hairer and Wanner, Solving Ordinary
/// Differential Equations II, section IV.2), ROCK4 of s stages up to this times s^2 (Abdulle, SIAM
/// J. Sci. Comput. 23, 2002).
constexpr double stable_step_of_dopri5 = 3.3, stable_step_of_rock4 = 0.35;
/// rock4 is tried where stability asks for so small a share of what an implicit run costs: it wins
/// even if its steps are a few times as many (evaluations go with their square root). dopri5, whose
/// steps are known, where it asks for no more than that: rates fall along most flows.
constexpr double share_for_rock4 = 1.0 / 3, share_for_dopri5 = 1;
/// What errors become is only known where a run follows its condition. Along mirror flow in
/// accelerated time dopri5's do not follow the tolerance, and those of rodas are larger than
/// CVODE's from here on.
constexpr double tightest_without_condition = 1e-7;

/// `first` where a first look at the spectrum shows that stability will cost little on the way from
/// t to the end, by `effort_of` (that time times the spectral radius); `second` otherwise, or where
/// that proves wrong.
std::unique_ptr<Stepper> if_worth_trying(System& system, std::unique_ptr<Stepper> first,
                                         std::unique_ptr<Stepper> second, double affordable,
                                         Effort effort, double share, double (*effort_of)(double)) {
  const double most = share * affordable;
  const auto look = [&system, most, effort_of](double t, const Vector& y, double t_stop) {
    try {
      const double rate = SpectralRadius(system).estimate(t, y);
      return effort_of((t_stop - t) * rate) <= most;
    } catch (const SolverError&) {
      return false;
    }
  };
  return make_switching_stepper(std::move(first), std::move(second), affordable, effort, look);
}

double steps_of_dopri5(double stiffness) {
  return stiffness / stable_step_of_dopri5;
}

/// Evaluations of so many steps, alike: at equal cost longer ones would need more stages.
double evaluations_of_rock4(double stiffness) {
  return std::sqrt(implicit_steps * stiffness / stable_step_of_rock4);
}

/// The implicit method after dopri5 and rock4, where these are worth a try. `implicit_step`: flops
/// of one step; 0 where they are not known.
std::unique_ptr<Stepper> after_explicit(System& system, const SolverSettings& settings,
                                        std::unique_ptr<Stepper> implicit, double implicit_step) {
  if (!system.has_condition()) return implicit;
  double affordable_steps = implicit_steps;
  if (implicit_step > 0) {
    // An implicit step has vectors of its own to work on, as many as an explicit one.
    affordable_steps *= std::max(1.0, implicit_step / (stages_of_dopri5 * system.rhs_flops()));
    const double affordable = implicit_steps * implicit_step / system.rhs_flops();
    implicit =
        if_worth_trying(system, make_rock4_stepper(system, settings), std::move(implicit),
                        affordable, Effort::evaluations, share_for_rock4, evaluations_of_rock4);
  }
  return if_worth_trying(system, make_dopri5_stepper(system, settings), std::move(implicit),
                         affordable_steps, Effort::steps, share_for_dopri5, steps_of_dopri5);
}

/// rodas before CVODE, where a step of it is no dearer: until it has taken more steps than CVODE
/// would, as it does along a slow manifold at a small weight decay (docs/solvers.md).
std::unique_ptr<Stepper> after_rodas(System& system, const SolverSettings& settings,
                                     std::unique_ptr<Stepper> cvode) {
  if (!system.has_condition() && settings.rtol < tightest_without_condition) return cvode;
  const std::optional<LinearKind> exact = affordable_exact_kind(system);
  if (!exact) return cvode;
  const std::vector<NewtonOffer> offers = system.newton_offers();
  std::string reason;
  const LinearKind taken = automatic_kind(system, reason);
  // Only in place of one that is not exact rodas takes the exact one.
  if (taken != *exact && find_offer(offers, taken)->exact) return cvode;
  const NewtonCost& cost = find_offer(offers, *exact)->cost;
  if (cost.set_up_flops() + stages_of_rodas * cost.solve_flops > work_of_cvode) return cvode;
  SolverSettings rosenbrock = settings;
  rosenbrock.method = "rodas";
  return make_switching_stepper(make_rodas_stepper(system, rosenbrock), std::move(cvode),
                                implicit_steps, Effort::steps);
}

/// A set-up's flops in those of right-hand sides that take as long: products and factorisations of
/// matrices of a few hundred rows and more run at twice their rate (docs/benchmarks.md, "`auto` and
/// the best pair"). Products with the Jacobian do not.
double weight_of_set_up(const NewtonOffer& offer) {
  constexpr double small = 1e7, rate_of_large = 2;
  const double flops = offer.cost.set_up_flops();
  if (offer.kind == LinearKind::krylov) return flops;
  return std::min(flops, small) + std::max(0.0, flops - small) / rate_of_large;
}

/// CVODE, after dopri5 and rock4 where a Newton set-up is dear or the flow not stiff, and after
/// rodas where one is next to nothing.
std::unique_ptr<Stepper> make_automatic_cvode(System& system, const SolverSettings& settings) {
  auto cvode = make_cvode_stepper(system, settings, false);
  if (settings.linear != LinearKind::automatic) return cvode;
  const NewtonOffer* offer = cvode->newton_offer();
  if (offer == nullptr) return cvode;
  // `offer` is of a matrix that CVODE keeps.
  const NewtonOffer taken = *offer;
  auto implicit = after_rodas(system, settings, std::move(cvode));
  if (!(system.rhs_flops() > 0)) return after_explicit(system, settings, std::move(implicit), 0);
  // A set-up, though it may serve for several steps: counted with that, explicit methods that are
  // twice as fast would be passed over. Two solves.
  const double implicit_step = weight_of_set_up(taken) + 2 * taken.cost.solve_flops;
  const double ratio = implicit_step / (stages_of_dopri5 * system.rhs_flops());
  const bool last = taken.taken == NewtonOffer::Taken::after_explicit || ratio >= dear_step;
  if (!last) return after_explicit(system, settings, std::move(implicit), implicit_step);
  auto stabilised = make_switching_stepper(
      make_rock4_stepper(system, settings), std::move(implicit),
      implicit_steps * implicit_step / system.rhs_flops(), Effort::evaluations);
  return make_switching_stepper(make_dopri5_stepper(system, settings), std::move(stabilised),
                                std::min(most_steps_of_dopri5, implicit_steps * ratio));
}

/// Within the pieces of a flow dopri5 while stability costs little. Boundaries end the steps of all
/// methods alike: those alone are more than a smooth flow's. Then rodas where an exact matrix is
/// affordable: a one-step method loses nothing at a boundary; else CVODE, which begins anew there.
std::unique_ptr<Stepper> make_stepper_of_pieces(System& system, SolverSettings settings) {
  constexpr double steps_by_pieces = 1000;
  const auto exact = affordable_exact_kind(system);
  std::unique_ptr<Stepper> implicit;
  NewtonCost cost;
  double solves = 2;
  if (exact) {
    settings.method = "rodas";
    solves = stages_of_rodas;
    std::string reason;
    const std::vector<NewtonOffer> offers = system.newton_offers();
    cost = find_offer(offers, *exact)->cost;
    // In place of a Gauss-Newton matrix rodas takes the exact one by itself.
    const LinearKind own = automatic_kind(system, reason);
    if (own != LinearKind::gauss_newton || find_offer(offers, own)->exact) settings.linear = *exact;
    implicit = make_rodas_stepper(system, settings);
  } else {
    implicit = make_cvode_stepper(system, settings, false);
    if (const NewtonOffer* offer = implicit->newton_offer()) cost = offer->cost;
  }
  if (!system.has_condition() || !(system.rhs_flops() > 0)) return implicit;
  const double ratio =
      (cost.set_up_flops() + solves * cost.solve_flops) / (stages_of_dopri5 * system.rhs_flops());
  return make_switching_stepper(make_dopri5_stepper(system, settings), std::move(implicit),
                                steps_by_pieces * std::max(1.0, ratio), Effort::whole_steps);
}

std::unique_ptr<Stepper> make_smooth_stepper(System& system, const SolverSettings& given) {
  SolverSettings settings = given;
  if (settings.method == "auto") {
    settings.method = system.preferred_method();
    if (settings.method == "cvode") return make_automatic_cvode(system, settings);
    if (settings.method == "rodas" && settings.linear == LinearKind::automatic)
      return after_explicit(system, settings, make_rodas_stepper(system, settings), 0);
  }
  return solver_method(settings.method).make(system, settings);
}

}  // namespace

std::unique_ptr<Stepper> make_stepper(System& system, const SolverSettings& settings) {
  FlowPieces* pieces = system.pieces();
  if (pieces == nullptr) return make_smooth_stepper(system, settings);
  // A tenth, so that the events of a step add less than the step itself.
  pieces->hold(0.1 * settings.rtol);
  SolverSettings used = settings;
  if (used.method == "auto") used.method = system.preferred_method();
  if (settings.method == "auto" && used.method == "cvode" && used.linear == LinearKind::automatic)
    return make_piecewise_stepper(*pieces, system.dimension(),
                                  make_stepper_of_pieces(system, used));
  return make_piecewise_stepper(*pieces, system.dimension(), make_smooth_stepper(system, used));
}

}  // namespace gradflow
