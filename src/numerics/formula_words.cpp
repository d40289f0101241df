#include "numerics/formula_words.hpp"

#include <algorithm>
#include <charconv>

namespace gradflow::formulas {
namespace {

constexpr const char* blanks = " \t\n\r";

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string in_quotes(const std::string& name) {
  return "\"" + name + "\"";
}

FormulaError unknown_name(std::size_t byte, const std::string& text, const FormulaNames& names) {
  const std::size_t column = column_of(text, byte);
  const std::size_t end = std::min(text.find_first_not_of(names.characters, byte), text.size());
  const std::string name = text.substr(byte, end - byte);
  if (name.empty()) return {column, "cannot be read from here on"};
  const std::size_t next = text.find_first_not_of(blanks, end);
  const bool called = next != std::string::npos && text[next] == '(';
  if (!called) {
    if (has(names.functions, name))
      return {column,
              "has the function " + in_quotes(name) + " without its argument in parentheses"};
    return {column, "has no name " + in_quotes(name), name, names.variables};
  }
  if (has(names.kinked, name))
    return {column, "has " + in_quotes(name) + ", which has a kink or a jump"};
  return {column, "has no function " + in_quotes(name), name, names.functions};
}

}  // namespace

std::size_t column_of(const std::string& text, std::size_t byte) {
  std::size_t column = 1;
  for (std::size_t i = 0; i < std::min(byte, text.size()); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80) ++column;
  return column;
}

void require_length(const std::string& text) {
  if (text.size() > longest_formula)
    throw FormulaError(0, "has " + std::to_string(text.size()) + " characters, expected at most " +
                              std::to_string(longest_formula));
  if (text.find_first_not_of(blanks) == std::string::npos) throw FormulaError(0, "is empty");
}

FormulaError refused_character(const std::string& text, std::size_t byte, const std::string& what) {
  std::size_t end = byte + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) ++end;
  const bool visible = static_cast<unsigned char>(text[byte]) >= 0x20;
  return {column_of(text, byte),
          what + (visible ? ": '" + text.substr(byte, end - byte) + "'" : "")};
}

double number_at(const std::string& text, std::size_t byte, std::size_t& end) {
  end = byte;
  if (byte >= text.size() || ((text[byte] < '0' || text[byte] > '9') && text[byte] != '.'))
    return 0;
  double number = 0;
  const char* begin = text.data() + byte;
  const auto [behind, error] = std::from_chars(begin, text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range)
    throw FormulaError(column_of(text, byte),
                       "has a number that is out of range: " + std::string(begin, behind));
  if (error == std::errc()) end = static_cast<std::size_t>(behind - text.data());
  return number;
}

FormulaError in_our_words(const mu::ParserError& error, const std::string& text,
                          const FormulaNames& names) {
  const std::string& token = error.GetToken();
  std::size_t byte = error.GetPos() < 0 ? text.size() : static_cast<std::size_t>(error.GetPos());
  // The position may be behind the token.
  if (!token.empty() && text.compare(std::min(byte, text.size()), token.size(), token) != 0)
    if (const std::size_t before = text.rfind(token, byte); before != std::string::npos)
      byte = before;
  const std::size_t column = column_of(text, byte);
  switch (error.GetCode()) {
    case mu::ecUNASSIGNABLE_TOKEN:
      return unknown_name(byte, text, names);
    case mu::ecUNEXPECTED_EOF:
    case mu::ecEMPTY_EXPRESSION:
      return {column, "ends where a value is expected"};
    case mu::ecMISSING_PARENS:
      return {column, "has a parenthesis that is not closed"};
    case mu::ecMISPLACED_COLON:
    case mu::ecMISSING_ELSE_CLAUSE:
      return {column, "has one of \"?\" and \":\" without the other"};
    case mu::ecTOO_MANY_PARAMS:
    case mu::ecTOO_FEW_PARAMS:
      return {column, "has too " +
                          std::string(error.GetCode() == mu::ecTOO_FEW_PARAMS ? "few" : "many") +
                          " arguments of the function " + in_quotes(token)};
    default:
      if (token.empty() || token == ")") return {column, "cannot be read from here on"};
      return {column, "has " + in_quotes(token) + " where none can be"};
  }
}

}  // namespace gradflow::formulas
