
#include "experiment/experiment.hpp"
#include "experiment/recording.hpp"
#include "study/config.hpp"
#include "study/names.hpp"

/// Of a config: what [study.bisect] needs of the runs.
namespace gradflow {
namespace {

/// The number that crosses the level is among `names`, or what there is to say of it.
std::string complaint(const std::string& measure, const std::vector<std::string>& names,
                      const std::vector<Observable>& observables, const OutputSettings& output) {
  if (contains(names, measure)) return "";
  for (const Observable& observable : observables) {
    if (measure != observable.name && measure != final_name(observable.name)) continue;
    if (!observable.axes.empty())
      return ", which is over " + observable.axes.front().name + ", expected a single number";
    if (chosen_observables({observable}, output).empty())
      return ", and " + observable.name + " is not recorded: output.observables is to name it";
    return ", which is over time; did you mean " + toml_text(final_name(measure)) + "?";
  }
  const std::string reason = not_taken(measure);
  return reason.empty() ? ", which is no number of a run" + suggestion(measure, names) : reason;
}

}  // namespace

void Config::check_bisection(const RunConfig& run, const std::vector<NumberInfo>& numbers,
                             const std::vector<Observable>& observables) const {
  const GivenBisection& given = *design_.bisection();
  const MeasureSettings settings = run.measure();
  if (!settings.exponents.empty() || settings.arrhenius)
    complain("measure", ParameterError(settings.arrhenius ? "arrhenius" : "exponents",
                                       "does not go with [study.bisect], whose runs are at values "
                                       "of their own"));
  std::vector<std::string> names;
  for (const NumberInfo& number : numbers)
    if (!contains(names, number.name)) names.push_back(number.name);
  const std::vector<Observable> over_time = run.of_rest() ? std::vector<Observable>() : observables;
  for (const Observable& observable : chosen_observables(over_time, run.output()))
    if (observable.axes.empty()) names.push_back(final_name(observable.name));
  const std::string& measure = given.bisection.measure;
  const std::string wrong = complaint(measure, names, over_time, run.output());
  if (!wrong.empty()) given.complain("measure", "is " + toml_text(shortened(measure)) + wrong);
}

}  // namespace gradflow
