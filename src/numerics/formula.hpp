#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// What is wrong with a formula, and where in it.
class FormulaError : public std::runtime_error {
 public:
  FormulaError(std::size_t column, const std::string& message, std::string unknown = {},
               std::vector<std::string> known = {})
      : std::runtime_error(message),
        column_(column),
        unknown_(std::move(unknown)),
        known_(std::move(known)) {}
  /// Of the formula's text, in characters, from 1; 0 where it is the whole.
  std::size_t column() const { return column_; }
  /// A name that there is not, with those that there are in its place; empty for other faults.
  const std::string& unknown() const { return unknown_; }
  const std::vector<std::string>& known() const { return known_; }

 private:
  std::size_t column_;
  std::string unknown_;
  std::vector<std::string> known_;
};

/// A formula such as "x*tanh(x)" in named variables, with exact derivatives. Operators + - * / ^ as
/// in mathematics (-x^2 is -(x^2), 2^3^2 is 2^9), the number pi, and functions of one argument.
/// muParser reads it; what is kept is the list of its operations, each of which is carried out on
/// an array, with the Taylor coefficients of first and second order along the first variable.
/// Immutable: one serves all threads.
class Formula {
 public:
  /// Which functions there are: those with two continuous derivatives where they are finite, or
  /// also abs, sign, min and max.
  enum class Functions { smooth, all };

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

  /// The names of its functions.
  static std::vector<std::string> function_names(Functions functions);

  enum class Operation {
    constant,
    variable,
    add,
    subtract,
    multiply,
    divide,
    larger,
    smaller,
    power,
    function
  };
  /// An operation on the results of earlier ones.
  struct Node {
    Operation operation = Operation::constant;
    std::size_t left = 0, right = 0;
    double number = 0;      ///< of a constant; exponent of a power
    std::size_t index = 0;  ///< of a variable or a function

    friend bool operator==(const Node&, const Node&) = default;
  };

 private:
  /// Values and derivatives of all nodes at n <= chunk points, from those of the variables.
  void run(std::span<const double* const> variables, Index n, int order,
           std::vector<double>& work) const;

  std::string text_;
  std::size_t variables_;
  std::vector<Node> nodes_;  ///< the last one is the formula's
};

/// A formula in x for an activation: smooth, and not a constant. \throws FormulaError also where it
/// or one of its two derivatives is not finite, jumps or has a pole in [-10, 10]; a jump is found
/// where it is more than a tenth of the change over 1/32 about it
Formula activation_formula(const std::string& text);

}  // namespace gradflow
