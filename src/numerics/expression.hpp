#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "numerics/formula.hpp"

namespace gradflow {

/// A number worked out from others that have names: "10 / flow.weight_decay". Operators + - * / ^
/// as in mathematics, comparisons (1 where they hold, else 0) with && and ||, a ? b : c, the number
/// pi, and the functions sqrt, exp, log (natural), log2, log10, abs, floor, ceil, round (halves
/// away from 0), min and max of two or more. No value is lost to a rewriting: what is computed is
/// what is written, from left to right. Not for several threads at once.
class Expression {
 public:
  /// `known`: the names that it may have. \throws FormulaError
  Expression(const std::string& text, const std::vector<std::string>& known);
  ~Expression();
  Expression(Expression&&) noexcept;

  /// A name in it, each once, in order.
  struct Name {
    std::string text;
    std::size_t column = 0;  ///< of its first place, in characters, from 1
  };
  const std::vector<Name>& names() const { return names_; }
  /// The value at a number for each of `names()`: whatever double arithmetic makes of it, inf and
  /// NaN among it.
  double operator()(std::span<const double> values) const;

 private:
  class Reader;

  std::vector<Name> names_;
  std::unique_ptr<std::vector<double>> values_;  ///< what the reader's variables point at
  std::unique_ptr<Reader> reader_;
};

}  // namespace gradflow
