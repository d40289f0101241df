#include "numerics/expression.hpp"

#include <muParserBase.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "numerics/formula_words.hpp"

namespace gradflow {
namespace {

using namespace formulas;

constexpr const char* name_characters =
    "0123456789_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

constexpr double first_inexact = 9007199254740992;  // 2^53: it and 2^53 + 1 read the same

struct NamedOperation {
  const char* name;
  double (*of)(double);
};

constexpr NamedOperation operations[] = {{"sqrt", [](double x) { return std::sqrt(x); }},
                                         {"exp", [](double x) { return std::exp(x); }},
                                         {"log", [](double x) { return std::log(x); }},
                                         {"log2", [](double x) { return std::log2(x); }},
                                         {"log10", [](double x) { return std::log10(x); }},
                                         {"abs", [](double x) { return std::abs(x); }},
                                         {"floor", [](double x) { return std::floor(x); }},
                                         {"ceil", [](double x) { return std::ceil(x); }},
                                         {"round", [](double x) { return std::round(x); }}};

/// NaN where any is.
double largest(const double* all, int count) {
  double result = all[0];
  for (int i = 1; i < count; ++i)
    if (!(all[i] <= result)) result = std::isnan(result) ? result : all[i];
  return result;
}
double smallest(const double* all, int count) {
  double result = all[0];
  for (int i = 1; i < count; ++i)
    if (!(all[i] >= result)) result = std::isnan(result) ? result : all[i];
  return result;
}

std::vector<std::string> function_names() {
  std::vector<std::string> all{"min", "max"};
  for (const NamedOperation& operation : operations) all.emplace_back(operation.name);
  return all;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// That the = at `byte` is part of a comparison.
bool compares(const std::string& text, std::size_t byte) {
  const char before = byte > 0 ? text[byte - 1] : ' ', behind = text.c_str()[byte + 1];
  return behind == '=' || before == '=' || before == '<' || before == '>' || before == '!';
}

void require_characters(const std::string& text) {
  require_length(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '=' && !compares(text, i))
      throw refused_character(text, i,
                              "has an = that assigns, but an expression is a value (== compares)");
    if (is_letter(c) || is_digit(c) ||
        (c != '\0' && std::strchr(" \t\n\r.,+-*/^()<>=!?:&|", c) != nullptr))
      continue;
    throw refused_character(text, i, "has a character that no expression has");
  }
}

}  // namespace

/// muParser lets an assignment, several values and integers beyond 2^53 pass: they are stopped
/// before it or after.
class Expression::Reader final : public mu::ParserBase {
 public:
  Reader(const std::string& text, const std::vector<std::string>& known) : text_(text) {
    DefineNameChars(name_characters);
    DefineOprtChars("+-*/^<>=!?:&|");
    DefineInfixOprtChars("+-");
    SetArgSep(',');
    // It would put factors together, and round otherwise.
    EnableOptimizer(false);
    AddValIdent(read_number);
    DefineConst("pi", std::numbers::pi);
    DefineInfixOprt(
        "-", [](double a) { return -a; }, mu::prINFIX, false);
    DefineInfixOprt(
        "+", [](double a) { return a; }, mu::prINFIX, false);
    for (const NamedOperation& operation : operations)
      DefineFun(operation.name, operation.of, false);
    DefineFun("min", smallest, false);
    DefineFun("max", largest, false);
    names_.characters = name_characters;
    names_.variables = known;
    names_.variables.emplace_back("pi");
    names_.functions = function_names();
  }

  void define(const std::string& name, double* value) { DefineVar(name, value); }

  double value() const {
    current = this;
    try {
      int count = 0;
      const mu::value_type* results = Eval(count);
      if (count != 1)
        throw FormulaError(column_of(text_, text_.find(',')), "has several values, expected one");
      return results[0];
    } catch (const mu::ParserError& error) {
      throw in_our_words(error, text_, names_);
    }
  }

 private:
  void InitCharSets() override {}
  void InitFun() override {}
  void InitConst() override {}
  void InitOprt() override {}

  static thread_local const Reader* current;

  static int read_number(const char*, int* position, double* value) {
    const std::string& text = current->text_;
    const auto byte = static_cast<std::size_t>(*position);
    std::size_t end = 0;
    const double number = number_at(text, byte, end);
    if (end == byte) return 0;
    const bool whole = text.substr(byte, end - byte).find_first_of(".eE") == std::string::npos;
    if (whole && number >= first_inexact)
      throw FormulaError(
          column_of(text, byte),
          "has an integer from 2^53 on, which may lose digits: " + text.substr(byte, end - byte));
    *value = number;
    *position = static_cast<int>(end);
    return 1;
  }

  const std::string text_;
  FormulaNames names_;
};

thread_local const Expression::Reader* Expression::Reader::current = nullptr;

namespace {

/// The names of a text that stand for values, by the rules of numbers and names of the reader.
std::vector<Expression::Name> names_in(const std::string& text) {
  std::vector<Expression::Name> all;
  for (std::size_t i = 0; i < text.size();) {
    if (is_digit(text[i]) || text[i] == '.') {
      std::size_t end = i;
      number_at(text, i, end);
      i = std::max(end, i + 1);
      continue;
    }
    if (!is_letter(text[i])) {
      ++i;
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of(name_characters, i), text.size());
    const std::string name = text.substr(i, end - i);
    const std::size_t next = text.find_first_not_of(" \t\n\r", end);
    const bool called = next != std::string::npos && text[next] == '(';
    const bool is_new = std::none_of(
        all.begin(), all.end(), [&](const Expression::Name& other) { return other.text == name; });
    if (!called && name != "pi" && is_new) all.push_back({name, column_of(text, i)});
    i = end;
  }
  return all;
}

}  // namespace

Expression::Expression(const std::string& text, const std::vector<std::string>& known) {
  require_characters(text);
  for (const Name& name : names_in(text))
    if (std::find(known.begin(), known.end(), name.text) != known.end()) names_.push_back(name);
  values_ = std::make_unique<std::vector<double>>(names_.size(), 1.0);
  reader_ = std::make_unique<Reader>(text, known);
  for (std::size_t i = 0; i < names_.size(); ++i) reader_->define(names_[i].text, &(*values_)[i]);
  reader_->SetExpr(text);
  reader_->value();
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;

double Expression::operator()(std::span<const double> values) const {
  std::copy(values.begin(), values.end(), values_->begin());
  return reader_->value();
}

}  // namespace gradflow
