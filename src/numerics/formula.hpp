#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "numerics/formula_parts.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// A formula such as "x*tanh(x)" in named variables, with exact derivatives. Operators + - * / ^ as
/// in mathematics (-x^2 is -(x^2), 2^3^2 is 2^9), the number pi, and functions of one argument.
/// muParser reads it; what is kept is the list of its operations, each of which is carried out on
/// an array, with the Taylor coefficients of first and second order along the first variable.
/// Immutable: one serves all threads.
class Formula {
 public:
  using Functions = formulas::Functions;

  /// \throws FormulaError
  Formula(std::string text, std::vector<std::string> variables, Functions functions);

  const std::string& text() const { return text_; }
  /// True where the value depends on a variable.
  bool depends_on(std::size_t variable) const;

  /// value[i], and for order >= 1 and 2 the derivatives first[i] and second[i], at z[i] for the
  /// first variable, i < n, of a formula in that one alone. None of the arrays overlap. An
  /// element's result depends neither on its place nor on n.
  void evaluate(const double* z, Index n, int order, double* value, double* first,
                double* second) const;
  /// The value at one number for each variable.
  double operator()(std::span<const double> variables) const;

 private:
  /// Values and derivatives of all nodes at n <= chunk points, from those of the variables.
  void run(std::span<const double* const> variables, Index n, int order,
           std::vector<double>& work) const;

  std::string text_;
  std::size_t variables_;
  std::vector<formulas::Node> nodes_;  ///< the last one is the formula's
};

/// A formula in x for an activation: smooth, and not a constant. \throws FormulaError also where it
/// or one of its two derivatives is not finite, jumps or has a pole in [-10, 10]; a jump is found
/// where it is more than a tenth of the change over 1/32 about it
Formula activation_formula(const std::string& text);

}  // namespace gradflow
