#include "study/summary_lines.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "experiment/recording.hpp"
#include "numerics/short_number.hpp"
#include "solve/outcome.hpp"

namespace gradflow {
namespace {

constexpr int digits = 4;
constexpr std::size_t most_numbers = 12;

/// Numbers of every run, which are said elsewhere or speak of the arithmetic.
bool is_of_every_run(std::string_view name) {
  constexpr std::array names{"energy_defect_max", "amplification", "amplification_time",
                             "end_amplification", "end_time",      "wall_seconds"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Is it what a run is judged by?
bool is_fit(std::string_view name) {
  return name.find("_observed_error") == std::string_view::npos &&
         (name.find("loss") != std::string_view::npos || name.ends_with("error") ||
          name.ends_with("accuracy") || name == "risk");
}

std::string long_name_of(const Variable& variable) {
  const Attribute* attribute = find_attribute(variable.attributes, "long_name");
  const auto* text = attribute != nullptr ? std::get_if<std::string>(&attribute->value) : nullptr;
  return text != nullptr ? *text : "";
}

std::string number_line(double value, const Variable& variable) {
  return short_number(value, digits) + "  (" + long_name_of(variable) + ")";
}

void add_way(const Dataset& result, bool asked, std::vector<SummaryLine>& lines) {
  const auto status = stored<std::int32_t>(result, "status");
  if (status) lines.push_back({"status", status_name(static_cast<Status>(*status))});
  std::string way;
  const auto add = [&](const std::string& part) { way += (way.empty() ? "" : ", ") + part; };
  if (const auto end = stored<double>(result, "end_time"))
    add("t = " + short_number(*end, digits) +
        (stored<std::int64_t>(result, "stopped_early").value_or(0) != 0
             ? ", where a condition ended it"
             : ""));
  if (const auto steps = stored<std::int64_t>(result, "steps"))
    add(std::to_string(*steps) + " steps");
  if (const auto seconds = stored<double>(result, "wall_seconds")) add(duration_text(*seconds));
  if (!way.empty()) lines.push_back({"end", way});
  const std::string method = stored<std::string>(result, "solver_method").value_or("");
  const std::string linear = stored<std::string>(result, "solver_linear").value_or("");
  if (!method.empty()) lines.push_back({"solver", solver_line(method, linear, asked)});
}

}  // namespace

std::string solver_line(const std::string& method, const std::string& linear, bool asked) {
  const bool has_matrix = !linear.empty() && linear != "none";
  return method + (asked ? " (as asked)" : "") + (has_matrix ? ", Newton matrix " + linear : "");
}

std::vector<SummaryLine> summary_of_values(const Dataset& study, const std::string& name) {
  const Variable* variable = study.find(name);
  const auto* values =
      variable != nullptr ? std::get_if<std::vector<double>>(&variable->values) : nullptr;
  if (values == nullptr || values->empty()) return {};
  std::vector<double> finite, errors;
  std::copy_if(values->begin(), values->end(), std::back_inserter(finite),
               [](double value) { return std::isfinite(value); });
  if (const Variable* error = study.find(name + "_error"); error != nullptr)
    if (const auto* numbers = std::get_if<std::vector<double>>(&error->values))
      std::copy_if(numbers->begin(), numbers->end(), std::back_inserter(errors),
                   [](double value) { return std::isfinite(value); });
  std::string text = "nan";
  if (!finite.empty()) {
    const auto [least, most] = std::minmax_element(finite.begin(), finite.end());
    text = short_number(*least, digits);
    if (values->size() > 1) text += " to " + short_number(*most, digits);
    if (!errors.empty())
      text += (values->size() > 1 ? ", each within " : " +- ") +
              short_number(*std::max_element(errors.begin(), errors.end()), 2);
  }
  if (values->size() > 1)
    text += ", " + std::to_string(finite.size()) + " of " + std::to_string(values->size());
  return {{name, text + "  (" + long_name_of(*variable) + ")"}};
}

std::string duration_text(double seconds) {
  if (seconds < 60) return short_number(seconds, 3) + " s";
  const auto whole = static_cast<long>(seconds);
  char text[32];
  std::snprintf(text, sizeof text, "%ld:%02ld:%02ld h", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

std::string warning_text(std::int32_t warnings) {
  std::string text;
  for (const StatusName& entry : warning_names())
    if ((warnings & entry.value) != 0) text += (text.empty() ? "" : ", ") + std::string(entry.name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::vector<SummaryLine> summary_of_run(const Dataset& result, bool asked) {
  std::vector<SummaryLine> lines, numbers;
  add_way(result, asked, lines);
  for (const Variable& variable : result.variables()) {
    const auto* values = std::get_if<std::vector<double>>(&variable.values);
    if (values == nullptr || values->empty()) continue;
    const bool over_time = variable.dimensions == std::vector<std::string>{"time"};
    if (over_time && is_fit(variable.name))
      lines.push_back({variable.name, number_line(values->back(), variable)});
    else if (variable.dimensions.empty() && !is_of_every_run(variable.name))
      numbers.push_back({variable.name, number_line(values->front(), variable)});
  }
  const std::size_t shown = std::min(numbers.size(), most_numbers);
  lines.insert(lines.end(), numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(shown));
  if (shown < numbers.size())
    lines.push_back(
        {"...", std::to_string(numbers.size() - shown) + " more numbers in the result"});
  const std::string warnings = warning_text(stored<std::int32_t>(result, "warning").value_or(0));
  if (!warnings.empty()) lines.push_back({"warnings", warnings});
  return lines;
}

}  // namespace gradflow
