#include "numerics/formula.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/formula_operations.hpp"
#include "numerics/formula_reader.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

using namespace formulas;
using Node = Formula::Node;
using Operation = Formula::Operation;
using Functions = Formula::Functions;

constexpr Index chunk = 128;

}  // namespace

Formula::Formula(std::string text, std::vector<std::string> variables, Functions allowed)
    : text_(std::move(text)), variables_(variables.size()) {
  nodes_ = read_formula(text_, variables, allowed);
}

std::vector<std::string> Formula::function_names(Functions allowed) {
  std::vector<std::string> names;
  for (const NamedFunction& function : formula_functions())
    if (function.smooth || allowed == Functions::all) names.emplace_back(function.name);
  if (allowed == Functions::all) names.insert(names.end(), {largest, smallest});
  return names;
}

bool Formula::depends_on(std::size_t variable) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    return node.operation == Operation::variable && node.index == variable;
  });
}

void Formula::run(std::span<const double* const> variables, Index n, int order,
                  std::vector<double>& work) const {
  work.resize(nodes_.size() * 3 * chunk);
  const auto place = [&](std::size_t node) {
    double* start = work.data() + node * 3 * chunk;
    return Place{start, start + chunk, start + 2 * chunk};
  };
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const Place out = place(i);
    if (node.operation == Operation::constant) {
      std::fill_n(out.value, n, node.number);
      std::fill_n(out.first, n, 0.0);
      std::fill_n(out.second, n, 0.0);
    } else if (node.operation == Operation::variable) {
      std::copy_n(variables[node.index], n, out.value);
      std::fill_n(out.first, n, node.index == 0 ? 1.0 : 0.0);
      std::fill_n(out.second, n, 0.0);
    } else {
      carry(node, place(node.left), place(node.right), out, n, order);
    }
  }
}

void Formula::evaluate(const double* z, Index n, int order, double* value, double* first,
                       double* second) const {
  thread_local std::vector<double> work;
  for (Index start = 0; start < n; start += chunk) {
    const Index count = std::min(chunk, n - start);
    const double* at = z + start;
    run({&at, 1}, count, order, work);
    const double* last = work.data() + (nodes_.size() - 1) * 3 * chunk;
    std::copy_n(last, count, value + start);
    if (order >= 1) std::copy_n(last + chunk, count, first + start);
    if (order >= 2) std::copy_n(last + 2 * chunk, count, second + start);
  }
}

double Formula::operator()(std::span<const double> variables) const {
  if (variables.size() != variables_) throw std::logic_error("a value for each variable");
  std::vector<const double*> places;
  for (const double& variable : variables) places.push_back(&variable);
  std::vector<double> work;
  run(places, 1, 0, work);
  return work[(nodes_.size() - 1) * 3 * chunk];
}

Formula activation_formula(const std::string& text) {
  Formula formula(text, {"x"}, Functions::smooth);
  if (!formula.depends_on(0)) throw FormulaError(0, "is the same for every x");
  // From 0 outwards, so that what is told is the nearest.
  for (int k = 0; k <= 160; ++k) {
    const double x = (k % 2 == 0 ? 1 : -1) * ((k + 1) / 2) / 8.0;
    double value = 0, first = 0, second = 0;
    formula.evaluate(&x, 1, 2, &value, &first, &second);
    if (!std::isfinite(value) || !std::isfinite(first) || !std::isfinite(second))
      throw FormulaError(0, "has no finite " +
                                std::string(!std::isfinite(value)   ? "value"
                                            : !std::isfinite(first) ? "derivative"
                                                                    : "second derivative") +
                                " at x = " + short_number(x, 6));
  }
  return formula;
}

}  // namespace gradflow
