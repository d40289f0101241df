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

/// The runs of a study by what they are repetitions of.
struct Cells {
  std::vector<std::string> axes, fit_axes;   ///< names of all but seed; of these but temperature
  std::vector<Escapes> all;                  ///< by place of `axes`
  std::vector<std::vector<Escapes>> by_fit;  ///< by place of `fit_axes`
};

Cells cells_of(const StudyHead& head, const Dataset& study) {
  const std::vector<StudyHead::Axis>& axes = head.axes;
  const auto& codes = study.values<std::int32_t>("status");
  const auto& escaped = study.values<std::int64_t>("stopped_early");
  const auto& times = study.values<double>("end_time");
  Cells cells;
  std::size_t count = 1, fits = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (axes[a].key == repetition_key) continue;
    cells.axes.push_back(study.dimensions()[a].name);
    count *= axes[a].length();
    if (axes[a].key == temperature_axis) continue;
    cells.fit_axes.push_back(study.dimensions()[a].name);
    fits *= axes[a].length();
  }
  cells.all.resize(count);
  std::vector<std::size_t> fit_of(count);
  for (std::size_t point = 0; point < head.points(); ++point) {
    const std::vector<std::size_t> index = head.coordinates(point);
    std::size_t place = 0, of_fit = 0;
    double temperature = 0;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      if (axes[a].key == repetition_key) continue;
      place = place * axes[a].length() + index[a];
      if (axes[a].key == temperature_axis)
        temperature = std::get<std::vector<double>>(axes[a].axis.values)[index[a]];
      else
        of_fit = of_fit * axes[a].length() + index[a];
    }
    Escapes& cell = cells.all[place];
    cell.temperature = temperature;
    fit_of[place] = of_fit;
    if (codes[point] != static_cast<std::int32_t>(Status::ok)) continue;
    cell.count += escaped[point];
    cell.time += times[point];
  }
  cells.by_fit.resize(fits);
  for (std::size_t place = 0; place < count; ++place)
    cells.by_fit[fit_of[place]].push_back(cells.all[place]);
  return cells;
}

std::vector<Attribute> described(const std::string& meaning, const std::string& note = "") {
  std::vector<Attribute> list{{"long_name", meaning}};
  if (!note.empty()) list.push_back({"comment", note});
  return list;
}

void add_escapes(const Cells& cells, Dataset& study) {
  std::vector<std::int64_t> counts;
  std::vector<double> means, errors;
  for (const Escapes& cell : cells.all) {
    counts.push_back(cell.count);
    means.push_back(cell.mean());
    errors.push_back(cell.mean() * cell.relative_error());
  }
  study.add({"escapes", cells.axes, counts, described("runs that a stop condition ended")});
  study.add({"escape_time", cells.axes, means,
             described("time of all runs together over the number of escapes")});
  study.add(
      {"escape_time_error", cells.axes, errors, described("standard error of the escape time")});
}

/// Warnings.
std::vector<std::string> add_laws(const Cells& cells, Dataset& study) {
  std::vector<double> barrier, barrier_error, prefactor, prefactor_error;
  for (const std::vector<Escapes>& temperatures : cells.by_fit) {
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
    if (barrier.size() > 1)
      comment +=
          " in " + std::to_string(without) + " of " + std::to_string(barrier.size()) + " fits";
    warnings.push_back("arrhenius_barrier is " + comment);
  }
  const std::vector<std::string>& axes = cells.fit_axes;
  study.add({"arrhenius_barrier", axes, barrier,
             described("barrier of escape_time = exp(barrier/T)/prefactor", comment)});
  study.add({"arrhenius_barrier_error", axes, barrier_error,
             described("standard error of the barrier", comment)});
  study.add({"arrhenius_prefactor", axes, prefactor,
             described("prefactor of escape_time = exp(barrier/T)/prefactor", comment)});
  study.add({"arrhenius_prefactor_error", axes, prefactor_error,
             described("standard error of the prefactor", comment)});
  return warnings;
}

}  // namespace

std::vector<std::string> add_arrhenius(const StudyHead& head, Dataset& study) {
  if (!head.arrhenius) return {};
  if (study.find("stopped_early") == nullptr || study.find("end_time") == nullptr)
    return {"measure.arrhenius: every run failed, so there are no escape times"};
  const Cells cells = cells_of(head, study);
  add_escapes(cells, study);
  return add_laws(cells, study);
}

}  // namespace gradflow
