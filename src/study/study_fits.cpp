#include "study/study_fits.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/fit.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

constexpr std::size_t fewest_points = 3;

struct Fit {
  double exponent = nan, error = nan, prefactor = nan;
};

Fit fit(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> good_x, good_y;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] > 0 && std::isfinite(y[i]) && y[i] > 0) {
      good_x.push_back(x[i]);
      good_y.push_back(y[i]);
    }
  if (good_x.size() < fewest_points) return {};
  const auto map = [](const std::vector<double>& v) {
    return Eigen::Map<const Vector>(v.data(), static_cast<Index>(v.size()));
  };
  const PowerLaw law = fit_power_law(map(good_x), map(good_y));
  return {law.exponent, law.line.slope_error, law.prefactor};
}

}  // namespace

std::vector<std::string> add_study_fits(const StudyHead& head, Dataset& study) {
  std::vector<std::string> warnings;
  if (head.exponents.empty()) return warnings;
  const std::vector<StudyHead::Axis>& axes = head.axes;
  const std::size_t along = head.against;
  // As the axes are called there: by their whole keys where the points have such a name themselves.
  std::vector<std::string> axis_names;
  for (std::size_t a = 0; a < axes.size(); ++a) axis_names.push_back(study.dimensions()[a].name);
  const Variable* coordinate = study.find(axis_names[along]);
  std::string along_name = axis_names[along];
  for (const StudyHead::Key& key : axes[along].keys) {
    if (key.key != head.against_key) continue;
    // By its whole key where the points have something of its name.
    const Variable* named = study.find(key.key);
    coordinate = named != nullptr ? named : study.find(key.axis.name);
    along_name = coordinate->name;
  }
  std::vector<double> x;
  if (const auto* reals = std::get_if<std::vector<double>>(&coordinate->values))
    x = *reals;
  else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&coordinate->values))
    x.assign(integers->begin(), integers->end());
  std::size_t inner = 1, outer = 1;
  std::vector<std::string> remaining;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (a < along) outer *= axes[a].length();
    if (a > along) inner *= axes[a].length();
    if (a != along) remaining.push_back(axis_names[a]);
  }
  for (const std::string& name : head.exponents) {
    const Variable* variable = study.find(name);
    const auto* values =
        variable != nullptr ? std::get_if<std::vector<double>>(&variable->values) : nullptr;
    // Missing where every run failed; a measurement has the axes and nothing else.
    if (values == nullptr || values->size() != outer * x.size() * inner) {
      warnings.push_back("measure.exponents: no run gives " + name + ", so there is no exponent");
      continue;
    }
    std::vector<double> exponents, errors, prefactors;
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < inner; ++i) {
        std::vector<double> y;
        for (std::size_t k = 0; k < x.size(); ++k)
          y.push_back((*values)[(o * x.size() + k) * inner + i]);
        const Fit law = fit(x, y);
        exponents.push_back(law.exponent);
        errors.push_back(law.error);
        prefactors.push_back(law.prefactor);
      }
    const auto without = std::count_if(exponents.begin(), exponents.end(),
                                       [](double exponent) { return std::isnan(exponent); });
    std::string comment;
    if (without > 0) {
      comment = "NaN: " + name + " has fewer than " + std::to_string(fewest_points) +
                " finite points > 0 along " + along_name;
      if (exponents.size() > 1)
        comment +=
            " in " + std::to_string(without) + " of " + std::to_string(exponents.size()) + " fits";
      warnings.push_back(name + "_exponent is " + comment);
    }
    const auto attributes = [&](const std::string& what) {
      std::vector<Attribute> all{{"long_name", what + " of " + name + " against " + along_name}};
      if (!comment.empty()) all.push_back({"comment", comment});
      return all;
    };
    study.add({name + "_exponent", remaining, exponents, attributes("exponent")});
    study.add({name + "_exponent_error", remaining, errors,
               attributes("standard error of the exponent")});
    study.add(
        {name + "_prefactor", remaining, prefactors, attributes("prefactor of the power law")});
  }
  return warnings;
}

}  // namespace gradflow
