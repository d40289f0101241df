#include "study/study_fits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/fit.hpp"

namespace gradflow {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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
  if (good_x.size() < 3) return {};
  const auto map = [](const std::vector<double>& v) {
    return Eigen::Map<const Vector>(v.data(), static_cast<Index>(v.size()));
  };
  const PowerLaw law = fit_power_law(map(good_x), map(good_y));
  return {law.exponent, law.line.slope_error, law.prefactor};
}

}  // namespace

void add_study_fits(const Config& config, Dataset& study) {
  const MeasureSettings settings = config.run(0).measure();
  if (settings.exponents.empty()) return;
  const std::vector<ConfigAxis>& axes = config.axes();
  std::size_t along = 0;
  for (std::size_t a = 0; a < axes.size(); ++a)
    if (axes[a].name == settings.against || axes[a].key == settings.against) along = a;
  const Variable* coordinate = study.find(axes[along].name);
  std::vector<double> x;
  if (const auto* reals = std::get_if<std::vector<double>>(&coordinate->values))
    x = *reals;
  else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&coordinate->values))
    x.assign(integers->begin(), integers->end());
  std::size_t inner = 1, outer = 1;
  std::vector<std::string> remaining;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (a < along) outer *= axes[a].values.size();
    if (a > along) inner *= axes[a].values.size();
    if (a != along) remaining.push_back(axes[a].name);
  }
  for (const std::string& name : settings.exponents) {
    const Variable* variable = study.find(name);
    const auto* values =
        variable != nullptr ? std::get_if<std::vector<double>>(&variable->values) : nullptr;
    // Missing where every run failed; a measurement has the axes and nothing else.
    if (values == nullptr || values->size() != outer * x.size() * inner) continue;
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
    const auto attributes = [&](const std::string& what) {
      return std::vector<Attribute>{
          {"long_name", what + " of " + name + " against " + axes[along].name},
          {"units", std::string("1")}};
    };
    study.add({name + "_exponent", remaining, exponents, attributes("exponent")});
    study.add({name + "_exponent_error", remaining, errors,
               attributes("standard error of the exponent")});
    study.add(
        {name + "_prefactor", remaining, prefactors, attributes("prefactor of the power law")});
  }
}

}  // namespace gradflow
