#pragma once

#include <muParserError.h>

#include <string>
#include <vector>

#include "numerics/formula_parts.hpp"

/// What is common to all that muParser reads here: columns, numbers, and its errors in our words.
namespace gradflow::formulas {

constexpr std::size_t longest_formula = 1000;

/// The column of a byte, in characters of UTF-8, from 1.
std::size_t column_of(const std::string& text, std::size_t byte);

/// \throws FormulaError where a text is empty or longer than `longest_formula`
void require_length(const std::string& text);
/// A message about the character at `byte`, which is quoted where it can be seen.
FormulaError refused_character(const std::string& text, std::size_t byte, const std::string& what);

/// The number at `text` + `byte`; `end` is behind it, or at `byte` where there is none.
/// \throws FormulaError where it is beyond the largest or smallest
double number_at(const std::string& text, std::size_t byte, std::size_t& end);

/// What a text may name.
struct FormulaNames {
  std::string characters;              ///< those of a name
  std::vector<std::string> variables;  ///< with pi
  std::vector<std::string> functions;
  /// Functions that are known and may not stand there, as they have kinks or jumps.
  std::vector<std::string> kinked = {};
};

FormulaError in_our_words(const mu::ParserError& error, const std::string& text,
                          const FormulaNames& names);

}  // namespace gradflow::formulas
