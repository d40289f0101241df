#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "flow/parameters.hpp"
#include "numerics/activation.hpp"
#include "numerics/formula.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// An activation by its name or by a formula in x. `others`: further choices, before the names.
inline ParameterInfo activation_parameter(std::string name, std::string default_value,
                                          std::string meaning,
                                          std::vector<std::string> others = {}) {
  for (const std::string_view activation : activation_names()) others.emplace_back(activation);
  return formula_parameter(std::move(name), std::move(default_value), std::move(others), {"x"},
                           true, std::move(meaning));
}

/// A law by its name or by a formula in u, uniform on (0, 1), and z, the standard normal number of
/// which u is the distribution function; with `quantiles` also in q = (i + 1/2)/n of the i-th of n
/// numbers, which is not drawn.
inline ParameterInfo law_parameter(std::string name, std::string default_value,
                                   std::vector<std::string> laws, bool quantiles,
                                   std::string meaning) {
  std::vector<std::string> variables{"u", "z"};
  if (quantiles) variables.emplace_back("q");
  return formula_parameter(std::move(name), std::move(default_value), std::move(laws),
                           std::move(variables), false, std::move(meaning));
}

/// Numbers of the law that the formula of parameter `name` is, one draw each. \throws
/// ParameterError where they are not finite
inline void draw_by_formula(const Parameters& p, const std::string& name, RandomStream& stream,
                            VectorRef out) {
  const std::vector<std::string>& variables = p.find(name)->formula_variables;
  const Formula law(p.text(name), variables, Formula::Functions::all);
  std::vector<double> at(variables.size());
  for (Index i = 0; i < out.size(); ++i) {
    const double u = stream.uniform();
    at[0] = u;
    at[1] = normal_quantile(u);
    if (at.size() > 2) at[2] = (static_cast<double>(i) + 0.5) / static_cast<double>(out.size());
    out[i] = law(at);
  }
  if (!out.allFinite()) throw ParameterError(name, "gives numbers that are not finite");
}

/// The factor c of a network's output that "one", "sqrt" (1/sqrt(m)), "mean" (1/m) or a number is.
inline ParameterInfo output_scale_parameter(std::string meaning) {
  return factor_parameter("output_scale", "one", {"one", "sqrt", "mean"}, std::move(meaning));
}
inline double output_scale(const Parameters& p, Index width) {
  if (const auto* factor = std::get_if<double>(&p.value("output_scale"))) return *factor;
  const std::string& name = p.text("output_scale");
  const double m = static_cast<double>(width);
  return name == "sqrt" ? 1 / std::sqrt(m) : name == "mean" ? 1 / m : 1;
}

}  // namespace gradflow
