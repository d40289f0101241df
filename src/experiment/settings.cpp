#include "experiment/settings.hpp"

#include <algorithm>
#include <cmath>

#include "flow/option.hpp"
#include "io/toml_document.hpp"

namespace gradflow {
namespace {

ParameterInfo at_least_zero(ParameterInfo info, bool excluded = false) {
  info.minimum = 0;
  info.minimum_excluded = excluded;
  return info;
}

ParameterInfo between_zero_and_one(ParameterInfo info) {
  info.maximum = 1;
  info.maximum_excluded = true;
  return info;
}

ParameterInfo texts(std::string name, std::string meaning) {
  return {std::move(name), ParameterType::text_list, {}, std::move(meaning)};
}

const std::vector<Option<TimeSettings>>& time_options() {
  using T = TimeSettings;
  static const std::vector<Option<T>> all{
      option(&T::variable,
             choice_parameter(
                 "variable", "", {"time", "slow", "accelerated"},
                 "time: t; slow: end, first and samples are in tau = lambda t; accelerated: "
                 "log10(1 + s) of mirror flow, its default")),
      // Without a default: mirror flow alone needs no end.
      {positive_parameter("end", std::nullopt, "last time"),
       [](T& settings, const Parameters& p) { settings.end = p.has("end") ? p.real("end") : 0; }},
      // Without a default: part of what identifies a run only where it was prolonged.
      {list_parameter("earlier_ends", std::nullopt,
                      "ends that the run had before it was prolonged (gradflow run --extend)"),
       [](T& settings, const Parameters& p) {
         if (p.has("earlier_ends")) settings.earlier_ends = p.reals("earlier_ends");
       }},
      option(&T::spacing,
             choice_parameter(
                 "spacing", "", {"log", "linear"},
                 "log: geometric from first to end, and t = 0 besides; linear: k end/samples")),
      option(&T::first, positive_parameter("first", {}, "first sample after t = 0 (log spacing)")),
      option(&T::samples,
             integer_parameter("samples", {}, "number of samples after t = 0", 1, 1e7)),
      option(&T::stop_gradient_norm,
             nonnegative_parameter("stop_gradient_norm", {},
                                   "end the run once gradient_norm is below; 0: never")),
      option(&T::stop_train_loss,
             nonnegative_parameter("stop_train_loss", {},
                                   "end the run once train_loss is below; 0: never")),
      option(&T::stop_train_loss_above,
             nonnegative_parameter("stop_train_loss_above", {},
                                   "end the run once train_loss is above; 0: never"))};
  return all;
}

const std::vector<Option<OutputSettings>>& output_options() {
  using T = OutputSettings;
  static const std::vector<Option<T>> all{
      option(&T::parameters, boolean_parameter("parameters", {},
                                               "also store the parameter vector at every sample")),
      option(&T::observables, texts("observables", "observables beyond the model's default ones")),
      option(&T::snapshot_times,
             at_least_zero(list_parameter("snapshot_times", {},
                                          "times (in time.variable) of the snapshot observables"))),
      option(&T::snapshot_observables,
             texts("snapshot_observables",
                   "observables stored at output.snapshot_times alone, such as predictions")),
      option(&T::trajectories,
             boolean_parameter("trajectories", {},
                               "false: observables over time are left out, and final_NAME holds "
                               "the last value of each")),
      option(&T::checkpoint_seconds,
             nonnegative_parameter("checkpoint_seconds", {},
                                   "wall time after which a run's state is on disk again, for "
                                   "--resume; 0: never"))};
  return all;
}

const std::vector<Option<MeasureSettings>>& measure_options() {
  using T = MeasureSettings;
  static const std::vector<Option<T>> all{
      option(&T::two_phases,
             boolean_parameter("two_phases", {},
                               "compare the run with its two limits as lambda -> 0: slow_error, "
                               "fast_error, composite_error")),
      option(&T::slow_window,
             at_least_zero(list_parameter("slow_window", {},
                                          "first and last tau at which the slow phase is compared"),
                           true)),
      option(&T::fast_end,
             positive_parameter("fast_end", {}, "last t at which the fast phase is compared")),
      option(&T::fit_threshold,
             positive_parameter(
                 "fit_threshold", {},
                 "fraction of its start that the training error falls below at fit_time")),
      option(&T::exponents,
             texts("exponents",
                   "measurements whose power law along measure.against is fitted over the study")),
      option(&T::against, {"against",
                           ParameterType::text,
                           {},
                           "axis of the study for measure.exponents; empty: the first"}),
      option(&T::arrhenius,
             boolean_parameter("arrhenius", {},
                               "escape times over the study's temperatures, and the barrier and "
                               "prefactor of Arrhenius's law: a run escapes where a stop condition "
                               "ends it")),
      option(&T::curvature_probes,
             integer_parameter("curvature_probes", {},
                               "random probes of scalar_curvature, 3 or more; 0: exact, by a "
                               "Hessian-vector product for each parameter",
                               0)),
      option(&T::rank_tolerance, between_zero_and_one(positive_parameter(
                                     "rank_tolerance", {},
                                     "singular values of a layer below this fraction of the "
                                     "largest are none, in ranks and pseudo-inverses")))};
  return all;
}

}  // namespace

std::vector<ParameterInfo> TimeSettings::declaration() {
  return declaration_of(time_options());
}
TimeSettings TimeSettings::from(const Parameters& p) {
  return settings_from(time_options(), p);
}

std::vector<ParameterInfo> OutputSettings::declaration() {
  return declaration_of(output_options());
}
OutputSettings OutputSettings::from(const Parameters& p) {
  return settings_from(output_options(), p);
}

std::vector<ParameterInfo> MeasureSettings::declaration() {
  return declaration_of(measure_options());
}
MeasureSettings MeasureSettings::from(const Parameters& p) {
  return settings_from(measure_options(), p);
}

void MeasureSettings::check_arrhenius(const FlowSettings& flow, const TimeSettings& time,
                                      bool varies_temperature) const {
  if (!arrhenius) return;
  if (!varies_temperature)
    throw ParameterError("arrhenius",
                         "needs a [study] with the axis " + toml_text(temperature_axis));
  const std::vector<std::string>& keys = flow.traits().keys;
  if (std::find(keys.begin(), keys.end(), "temperature") == keys.end())
    throw ParameterError("arrhenius", "needs flow.kind = \"langevin\": " + toml_text(flow.kind) +
                                          " has no temperature");
  if (!time.may_stop())
    throw ParameterError("arrhenius",
                         "needs time.stop_train_loss or time.stop_train_loss_above, which say what "
                         "it is to escape");
}

void TimeSettings::check_bounds() const {
  if (stop_train_loss_above > 0 && stop_train_loss > 0 && stop_train_loss_above <= stop_train_loss)
    throw ParameterError("stop_train_loss_above",
                         "is " + toml_number(stop_train_loss_above) +
                             ", expected 0 or a number above time.stop_train_loss = " +
                             toml_number(stop_train_loss));
}

void TimeSettings::check_earlier_ends() const {
  double before = spacing == "log" ? first : 0;
  for (const double each : earlier_ends) {
    if (!(each > before && each < end))
      throw ParameterError("earlier_ends", "has " + toml_number(each) +
                                               ", expected numbers in rising order, above " +
                                               toml_number(before) +
                                               " and below time.end = " + toml_number(end));
    before = each;
  }
}

std::vector<double> TimeSettings::grid_up_to(double last) const {
  std::vector<double> times{0.0};
  const auto n = static_cast<double>(samples);
  for (std::int64_t k = 1; k <= samples; ++k) {
    const auto i = static_cast<double>(k);
    if (k == samples)
      times.push_back(last);
    else if (spacing == "linear")
      times.push_back(last * i / n);
    else if (k == 1)
      times.push_back(first);
    else
      times.push_back(first * std::pow(last / first, (i - 1) / (n - 1)));
  }
  return times;
}

std::vector<double> TimeSettings::grid() const {
  std::vector<double> times, ends = earlier_ends;
  ends.push_back(end);
  for (const double each : ends) {
    const std::vector<double> next = grid_up_to(each);
    const auto beyond =
        times.empty() ? next.begin() : std::upper_bound(next.begin(), next.end(), times.back());
    times.insert(times.end(), beyond, next.end());
  }
  return times;
}

}  // namespace gradflow
