#include "study/arrhenius.hpp"

#include <algorithm>
#include <cmath>

#include "experiment/settings.hpp"
#include "numerics/fit.hpp"
#include "numerics/types.hpp"
#include "solve/outcome.hpp"

namespace gradflow {
namespace {

constexpr const char* repetition_key = "seed";

/// The runs of one temperature, in one place of the other axes.
struct Escapes {
  double temperature = 0;
  std::int64_t count = 0;
  double time = 0;  ///< of all runs together

  double mean() const { return count > 0 ? time / static_cast<double>(count) : nan; }
  /// Of the mean, relative: escapes at a constant rate.
  double relative_error() const {
    return count > 0 ? 1 / std::sqrt(static_cast<double>(count)) : nan;
  }
};

struct Law {
  double barrier = nan, barrier_error = nan, prefactor = nan, prefactor_error = nan;
};

Law fit(const std::vector<Escapes>& all) {
  std::vector<Escapes> good;
  for (const Escapes& e : all)
    if (e.count > 0 && e.time > 0 && e.temperature > 0) good.push_back(e);
  if (good.size() < 2) return {};
  const auto size = static_cast<Index>(good.size());
  Vector inverse(size), log_time(size), error(size);
  for (Index i = 0; i < size; ++i) {
    const Escapes& e = good[static_cast<std::size_t>(i)];
    inverse[i] = 1 / e.temperature;
    log_time[i] = std::log(e.mean());
    error[i] = e.relative_error();
  }
  const LineFit line = fit_line_with_errors(inverse, log_time, error);
  const double prefactor = std::exp(-line.intercept);
  return {line.slope, line.slope_error, prefactor, prefactor * line.intercept_error};
}

}  // namespace

std::vector<std::string> add_arrhenius(const StudyHead& head, Dataset& study) {
  if (!head.arrhenius) return {};
  const std::vector<StudyHead::Axis>& axes = head.axes;
  const auto* status = study.find("status");
  const auto* stopped = study.find("stopped_early");
  const auto* end = study.find("end_time");
  if (stopped == nullptr || end == nullptr)
    return {"measure.arrhenius: every run failed, so there are no escape times"};
  const auto& codes = std::get<std::vector<std::int32_t>>(status->values);
  const auto& escaped = std::get<std::vector<std::int64_t>>(stopped->values);
  const auto& times = std::get<std::vector<double>>(end->values);

  // Cells: places of all axes but seed. Fits: of all but seed and temperature.
  std::vector<std::string> cell_axes, fit_axes;
  std::size_t cells = 1, fits = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (axes[a].key == repetition_key) continue;
    cell_axes.push_back(study.dimensions()[a].name);
    cells *= axes[a].length();
    if (axes[a].key == temperature_axis) continue;
    fit_axes.push_back(study.dimensions()[a].name);
    fits *= axes[a].length();
  }
  std::vector<Escapes> all(cells);
  std::vector<std::size_t> fit_of(cells);
  for (std::size_t point = 0; point < head.points(); ++point) {
    const std::vector<std::size_t> index = head.coordinates(point);
    std::size_t cell = 0, of_fit = 0;
    double temperature = 0;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      if (axes[a].key == repetition_key) continue;
      cell = cell * axes[a].length() + index[a];
      if (axes[a].key == temperature_axis)
        temperature = std::get<std::vector<double>>(axes[a].axis.values)[index[a]];
      else
        of_fit = of_fit * axes[a].length() + index[a];
    }
    all[cell].temperature = temperature;
    fit_of[cell] = of_fit;
    if (codes[point] != static_cast<std::int32_t>(Status::ok)) continue;
    all[cell].count += escaped[point];
    all[cell].time += times[point];
  }

  std::vector<std::int64_t> counts;
  std::vector<double> means, errors;
  std::vector<std::vector<Escapes>> by_fit(fits);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    counts.push_back(all[cell].count);
    means.push_back(all[cell].mean());
    errors.push_back(all[cell].mean() * all[cell].relative_error());
    by_fit[fit_of[cell]].push_back(all[cell]);
  }
  std::vector<double> barrier, barrier_error, prefactor, prefactor_error;
  for (const std::vector<Escapes>& temperatures : by_fit) {
    const Law law = fit(temperatures);
    barrier.push_back(law.barrier);
    barrier_error.push_back(law.barrier_error);
    prefactor.push_back(law.prefactor);
    prefactor_error.push_back(law.prefactor_error);
  }

  std::vector<std::string> warnings;
  std::string comment;
  const auto without =
      std::count_if(barrier.begin(), barrier.end(), [](double value) { return std::isnan(value); });
  if (without > 0) {
    comment = "NaN: fewer than two temperatures > 0 have escapes";
    if (fits > 1)
      comment += " in " + std::to_string(without) + " of " + std::to_string(fits) + " fits";
    warnings.push_back("arrhenius_barrier is " + comment);
  }
  const auto attributes = [](const std::string& meaning, const std::string& note = "") {
    std::vector<Attribute> list{{"long_name", meaning}};
    if (!note.empty()) list.push_back({"comment", note});
    return list;
  };
  study.add({"escapes", cell_axes, counts, attributes("runs that a stop condition ended")});
  study.add({"escape_time", cell_axes, means,
             attributes("time of all runs together over the number of escapes")});
  study.add(
      {"escape_time_error", cell_axes, errors, attributes("standard error of the escape time")});
  study.add({"arrhenius_barrier", fit_axes, barrier,
             attributes("barrier of escape_time = exp(barrier/T)/prefactor", comment)});
  study.add({"arrhenius_barrier_error", fit_axes, barrier_error,
             attributes("standard error of the barrier", comment)});
  study.add({"arrhenius_prefactor", fit_axes, prefactor,
             attributes("prefactor of escape_time = exp(barrier/T)/prefactor", comment)});
  study.add({"arrhenius_prefactor_error", fit_axes, prefactor_error,
             attributes("standard error of the prefactor", comment)});
  return warnings;
}

}  // namespace gradflow
