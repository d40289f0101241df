#include "experiment/sweep_settings.hpp"

#include <algorithm>
#include <cmath>

#include "flow/option.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

const std::vector<Option<SweepSettings>>& sweep_options() {
  using S = SweepSettings;
  static const std::vector<Option<S>> all{
      option(&S::key,
             {"key",
              ParameterType::text,
              {},
              "what is swept: a real number of [flow] or [model] that leaves the parameter "
              "vector's length as it is"}),
      {list_parameter("values", std::nullopt,
                      "its values, a list or a range as an axis of [study] takes"),
       [](S& settings, const Parameters& p) { settings.values = p.reals("values"); }},
      option(
          &S::direction,
          choice_parameter("direction", "", {"up", "down", "up_down", "down_up"},
                           "up: in increasing order; the first way starts from [model]'s initial "
                           "state, the second where the first has ended")),
      option(&S::perturbation,
             nonnegative_parameter("perturbation", {},
                                   "standard deviation of a Gaussian added to every entry before "
                                   "each value, so that saddles are left")),
      option(&S::down_perturbation,
             nonnegative_parameter("down_perturbation", {},
                                   "the same on the way down: the seed that dead modes grow from")),
      option(&S::down_perturbation_law,
             choice_parameter("down_perturbation_law", "", {"gaussian", "initial"},
                              "gaussian: N(0, down_perturbation^2), drawn anew at each value; "
                              "initial: down_perturbation w(0), the same at each")),
      option(&S::tolerance,
             positive_parameter("tolerance", {},
                                "settled: no growing mode, and a Newton step (flat modes left out) "
                                "below tolerance max(1, |w|)")),
      option(&S::refine,
             nonnegative_parameter("refine", {},
                                   "> 0: transitions are bracketed by bisection to this width in "
                                   "the key"))};
  return all;
}

const std::vector<Option<ContinuationSettings>>& continuation_options() {
  using C = ContinuationSettings;
  static const std::vector<Option<C>> all{
      {list_parameter("range", std::nullopt,
                      "[low, high], 0 < low < high: branches in flow.weight_decay end there"),
       [](C& settings, const Parameters& p) { settings.range = p.reals("range"); }},
      {positive_parameter("start", std::nullopt,
                          "where starts are taken, to be followed both ways; without: the low end"),
       [](C& settings, const Parameters& p) {
         settings.start = p.has("start") ? p.real("start") : 0;
       }},
      option(&C::starts,
             {"starts",
              ParameterType::text_list,
              {},
              "\"flow\": where the flow from w(0) settles; \"zero\": w = 0, where it is "
              "stationary; a file of parameters, corrected by Newton"}),
      option(&C::step, positive_parameter("step", {},
                                          "first step in arclength, ds^2 = |dw|^2 + d lambda^2; "
                                          "adapted between min_step and max_step")),
      option(&C::min_step, positive_parameter("min_step", {}, "shortest step")),
      option(&C::max_step, positive_parameter("max_step", {}, "longest step")),
      option(&C::max_points, integer_parameter("max_points", {}, "points of a branch", 2, 1e7)),
      option(
          &C::tolerance,
          positive_parameter("tolerance", {}, "|grad| below tolerance max(1, |w|) at every point")),
      option(&C::flat_tolerance,
             positive_parameter("flat_tolerance", {},
                                "eigenvalues of the loss's Hessian below this fraction of the "
                                "largest are flat modes, neither stable nor unstable")),
      option(&C::after_folds,
             boolean_parameter("after_folds", {},
                               "past the end of a stable branch the flow goes on, and where it "
                               "settles a new branch begins")),
      option(&C::switch_branches,
             boolean_parameter("switch_branches", {},
                               "follow the branches through branch points too")),
      option(&C::switch_directions,
             integer_parameter("switch_directions", {},
                               "random directions tried where the kernel there has two dimensions "
                               "or more",
                               0, 1e6)),
      option(&C::max_branches, integer_parameter("max_branches", {}, "branches in all", 1, 1e6))};
  return all;
}

}  // namespace

std::vector<ParameterInfo> SweepSettings::declaration() {
  return declaration_of(sweep_options());
}

SweepSettings SweepSettings::from(const Parameters& parameters) {
  if (!parameters.has("values"))
    throw ParameterError("values",
                         "missing, expected a list of numbers or a range such as "
                         "{ linear = [0.01, 0.5, 50] }");
  SweepSettings settings = settings_from(sweep_options(), parameters);
  std::vector<double>& values = settings.values;
  if (values.empty())
    throw ParameterError("values", "is an empty list, expected at least one number");
  for (const double value : values)
    if (!std::isfinite(value)) throw ParameterError("values", "has an entry that is not finite");
  std::sort(values.begin(), values.end());
  const auto twice = std::adjacent_find(values.begin(), values.end());
  if (twice != values.end())
    throw ParameterError(
        "values", "has the value " + short_number(*twice, 15) + " twice, expected each value once");
  return settings;
}

std::vector<std::string> SweepSettings::ways() const {
  if (direction == "up_down") return {"up", "down"};
  if (direction == "down_up") return {"down", "up"};
  return {direction};
}

std::vector<ParameterInfo> ContinuationSettings::declaration() {
  return declaration_of(continuation_options());
}

ContinuationSettings ContinuationSettings::from(const Parameters& parameters) {
  const std::string expected = "expected [low, high] with 0 < low < high";
  if (!parameters.has("range")) throw ParameterError("range", "missing, " + expected);
  ContinuationSettings settings = settings_from(continuation_options(), parameters);
  const std::vector<double>& range = settings.range;
  if (range.size() != 2 || !(range[0] > 0) || !(range[1] > range[0]) || !std::isfinite(range[1]))
    throw ParameterError("range", "does not fit, " + expected);
  if (settings.start == 0) settings.start = range[0];
  if (settings.start < range[0] || settings.start > range[1])
    throw ParameterError("start", "is " + short_number(settings.start, 15) +
                                      ", outside the range from " + short_number(range[0], 15) +
                                      " to " + short_number(range[1], 15));
  if (settings.starts.empty())
    throw ParameterError("starts", "is an empty list, expected \"flow\", \"zero\" or files");
  if (!(settings.min_step <= settings.step))
    throw ParameterError("min_step", "is " + short_number(settings.min_step, 15) +
                                         ", expected at most continuation.step = " +
                                         short_number(settings.step, 15));
  if (!(settings.step <= settings.max_step))
    throw ParameterError("step", "is " + short_number(settings.step, 15) +
                                     ", expected at most continuation.max_step = " +
                                     short_number(settings.max_step, 15));
  return settings;
}

}  // namespace gradflow
