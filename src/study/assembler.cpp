#include "study/assembler.hpp"

#include <set>

#include "numerics/short_number.hpp"
#include "study/arrhenius.hpp"
#include "study/build_info.hpp"
#include "study/point.hpp"
#include "study/store.hpp"
#include "study/study_fits.hpp"

namespace gradflow {
namespace {

std::string short_value(const ParameterValue& value) {
  if (const auto* d = std::get_if<double>(&value)) return short_number(*d);
  if (const auto* i = std::get_if<std::int64_t>(&value)) return std::to_string(*i);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return list->empty() ? "" : list->front();
  return "?";
}

/// The axes of a study, named after the key's last part, or by the whole key where the points have
/// something of that name themselves (model.target and the target).
std::vector<StudyAxis> study_axes(const Config& config, const std::vector<const Dataset*>& points) {
  std::vector<StudyAxis> axes;
  for (const ConfigAxis& axis : config.axes()) {
    StudyAxis out;
    out.name = axis.name;
    for (const Dataset* point : points)
      if (point != nullptr &&
          (point->find(axis.name) != nullptr || point->find_dimension(axis.name) != nullptr))
        out.name = axis.key;
    out.attributes = {{"long_name", axis.key}, {"units", std::string("1")}};
    if (std::holds_alternative<double>(axis.values.front())) {
      std::vector<double> values;
      for (const ParameterValue& value : axis.values) values.push_back(std::get<double>(value));
      out.values = std::move(values);
    } else if (std::holds_alternative<std::int64_t>(axis.values.front())) {
      std::vector<std::int64_t> values;
      for (const ParameterValue& value : axis.values)
        values.push_back(std::get<std::int64_t>(value));
      out.values = std::move(values);
    } else {
      std::vector<std::string> values;
      for (const ParameterValue& value : axis.values) values.push_back(short_value(value));
      out.values = std::move(values);
    }
    axes.push_back(std::move(out));
  }
  return axes;
}

/// Names every build that had a part in a result: in its attributes and, where there are several,
/// which point is whose. `whole` is put together from `points`, over `axes`.
void add_builds(Dataset& whole, const std::vector<const Dataset*>& points,
                const std::vector<std::string>& axes) {
  bool mixed = false;
  std::vector<std::string> builds(points.size());
  for (const auto& [name, own] : build_info()) {
    std::vector<std::string> seen;
    for (const Dataset* point : points)
      if (point != nullptr) seen.push_back(text_attribute(*point, name));
    seen.push_back(own);
    std::string all;
    std::set<std::string> known;
    for (const std::string& text : seen)
      if (known.insert(text).second) all += (all.empty() ? "" : "; ") + text;
    whole.set_attribute({name, all});
    if (known.size() == 1) continue;
    mixed = true;
    for (std::size_t k = 0; k < points.size(); ++k)
      if (points[k] != nullptr)
        builds[k] +=
            (builds[k].empty() ? "" : ", ") + name + " " + text_attribute(*points[k], name);
  }
  if (mixed)
    whole.add({"build", axes, std::move(builds), {{"long_name", "build that made the point"}}});
}

}  // namespace

std::string where(const Config& config, std::size_t point) {
  std::string text;
  const std::vector<std::size_t> index = config.coordinates(point);
  for (std::size_t a = 0; a < config.axes().size(); ++a) {
    const ConfigAxis& axis = config.axes()[a];
    text += (text.empty() ? "" : ", ") + axis.name + " = " + short_value(axis.values[index[a]]);
  }
  return text;
}

std::string other_build(const Dataset& point) {
  std::string text;
  for (const auto& [name, own] : build_info())
    if (const std::string other = text_attribute(point, name); other != own)
      text += (text.empty() ? "" : ", ") + name + " " + (other.empty() ? "unknown" : other);
  return text;
}

Dataset assemble(const Config& config, const std::vector<const Dataset*>& points,
                 std::vector<std::string>& warnings) {
  const std::vector<StudyAxis> axes = study_axes(config, points);
  Dataset whole = stack(axes, points, absent_point());
  std::vector<std::string> axis_names;
  for (const StudyAxis& axis : axes) axis_names.push_back(axis.name);
  add_builds(whole, points, axis_names);
  warnings = add_study_fits(config, whole);
  for (std::string& warning : add_arrhenius(config, whole)) warnings.push_back(std::move(warning));
  whole.set_attribute({"model", config.model().name});
  whole.set_attribute({"paper", config.model().paper});
  whole.set_attribute({"config", config.text()});
  whole.set_attribute({"config_resolved", config.resolved()});
  whole.set_attribute({"fingerprint", config.fingerprint()});
  return whole;
}

}  // namespace gradflow
