#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

/// What the reading of a formula, its operations and the class Formula (numerics/formula.hpp) have
/// in common: errors, and the list of operations that a formula is kept as.
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

namespace formulas {

/// Which functions there are: those with two continuous derivatives where they are finite, or
/// also abs, sign, min and max.
enum class Functions { smooth, all };

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

}  // namespace formulas

}  // namespace gradflow
