#include "numerics/formula_reader.hpp"

#include <muParserBase.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>

#include "numerics/formula_operations.hpp"

namespace gradflow {
namespace {

using namespace formulas;
using Node = Formula::Node;
using Operation = Formula::Operation;
using Functions = Formula::Functions;

constexpr std::size_t longest_formula = 1000;

/// Names that other programs know and that have kinks, whatever they are a formula of.
constexpr std::array kinked{"relu", "leaky_relu", "floor", "ceil", "round", "rint", "if"};

/// The column of a byte, in characters of UTF-8, from 1.
std::size_t column_of(const std::string& text, std::size_t byte) {
  std::size_t column = 1;
  for (std::size_t i = 0; i < std::min(byte, text.size()); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80) ++column;
  return column;
}

/// muParser reads the text, and where it would compute with numbers it computes with their places
/// in a list: operators and functions are replaced by ones that write down what they are applied
/// to. So the formula is there as a list of operations, which has derivatives. What muParser lets
/// pass that is none (assignments, several values, cases, texts) is stopped before it or after.
class Reader final : public mu::ParserBase {
 public:
  Reader(const std::string& text, const std::vector<std::string>& variables, Functions allowed)
      : text_(text), variables_(variables), allowed_(allowed) {
    DefineNameChars("0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    DefineOprtChars("+-*/^");
    DefineInfixOprtChars("+-");
    SetArgSep(',');
    EnableBuiltInOprt(false);
    EnableOptimizer(false);
    AddValIdent(read_number);
    DefineConst("pi", constant(std::numbers::pi, 0));
    for (std::size_t v = 0; v < variables.size(); ++v)
      DefineConst(variables[v], record({Operation::variable, 0, 0, 0, v}, 0));
    DefineOprt("+", binary<Operation::add>, mu::prADD_SUB);
    DefineOprt("-", binary<Operation::subtract>, mu::prADD_SUB);
    DefineOprt("*", binary<Operation::multiply>, mu::prMUL_DIV);
    DefineOprt("/", binary<Operation::divide>, mu::prMUL_DIV);
    DefineOprt(
        "^", [](double a, double b) { return current->raise(a, b); }, mu::prPOW, mu::oaRIGHT);
    DefineInfixOprt(
        "-", [](double a) { return current->negative(a); }, mu::prINFIX, false);
    DefineInfixOprt(
        "+", [](double a) { return a; }, mu::prINFIX, false);
    for (const NamedFunction& function : formula_functions())
      if (function.smooth || allowed == Functions::all)
        DefineFunUserData(function.name, apply, const_cast<NamedFunction*>(&function), false);
    if (allowed == Functions::all) {
      DefineFun(largest, binary<Operation::larger>, false);
      DefineFun(smallest, binary<Operation::smaller>, false);
    }
  }

  std::vector<Node> read() {
    require_characters();
    current = this;
    try {
      SetExpr(text_);
      int count = 0;
      const mu::value_type* results = Eval(count);
      if (count != 1)
        throw FormulaError(column_of(text_, text_.find(',')), "has several values, expected one");
      return reachable(place(results[0]));
    } catch (const mu::ParserError& error) {
      throw in_our_words(error);
    }
  }

 private:
  void InitCharSets() override {}
  void InitFun() override {}
  void InitConst() override {}
  void InitOprt() override {}

  /// What muParser's callbacks, which are plain functions, belong to.
  static thread_local Reader* current;

  static std::size_t place(double handle) { return static_cast<std::size_t>(handle); }

  /// The place of this operation; the same operation is written down once.
  double record(const Node& node, std::size_t byte) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i] == node) {
        bytes_[i] = byte;
        return static_cast<double>(i);
      }
    nodes_.push_back(node);
    bytes_.push_back(byte);
    return static_cast<double>(nodes_.size() - 1);
  }
  double constant(double number, std::size_t byte) {
    return record({Operation::constant, 0, 0, number, 0}, byte);
  }
  bool is_constant(double handle) const {
    return nodes_[place(handle)].operation == Operation::constant;
  }
  double number(double handle) const { return nodes_[place(handle)].number; }

  /// Operations on constants are carried out at once: what is not finite is told where it stands.
  double operate(Node node) {
    const bool two = node.operation != Operation::function && node.operation != Operation::power;
    const Node &left = nodes_[node.left], &right = nodes_[node.right];
    if (left.operation != Operation::constant || (two && right.operation != Operation::constant)) {
      if (node.operation == Operation::divide && right.operation == Operation::constant &&
          right.number == 0)
        throw FormulaError(column_of(text_, bytes_[node.right]), "divides by 0");
      return record(node, 0);
    }
    const std::size_t byte = bytes_[two ? node.right : node.left];
    double a = left.number, b = right.number, none = 0, value = 0;
    carry(node, {&a, &none, &none}, {&b, &none, &none}, {&value, &none, &none}, 1, 0);
    if (!std::isfinite(value))
      throw FormulaError(column_of(text_, byte), node.operation == Operation::divide && b == 0
                                                     ? "divides by 0"
                                                     : "is not finite here");
    return constant(value, byte);
  }

  template <Operation operation>
  static double binary(double a, double b) {
    return current->operate({operation, place(a), place(b), 0, 0});
  }
  static double apply(void* function, double a) {
    const auto index = static_cast<std::size_t>(static_cast<const NamedFunction*>(function) -
                                                formula_functions().data());
    return current->operate({Operation::function, place(a), 0, 0, index});
  }
  double negative(double a) {
    if (is_constant(a)) return constant(-number(a), bytes_[place(a)]);
    return operate({Operation::multiply, place(constant(-1, 0)), place(a), 0, 0});
  }
  /// Of a constant exponent a power, of another exp(b log a).
  double raise(double a, double b) {
    if (is_constant(b)) return operate({Operation::power, place(a), 0, number(b), 0});
    const double exponent = binary<Operation::multiply>(b, apply(function("log"), a));
    return apply(function("exp"), exponent);
  }
  static void* function(const char* name) {
    const auto all = formula_functions();
    return const_cast<NamedFunction*>(
        &*std::find_if(all.begin(), all.end(),
                       [&](const NamedFunction& f) { return std::strcmp(f.name, name) == 0; }));
  }

  static int read_number(const char* text, int* position, double* value) {
    if ((*text < '0' || *text > '9') && *text != '.') return 0;
    double number = 0;
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
    const auto byte = static_cast<std::size_t>(*position);
    if (error == std::errc::result_out_of_range)
      throw FormulaError(column_of(current->text_, byte),
                         "has a number that is out of range: " + std::string(text, end));
    if (error != std::errc()) return 0;
    *value = current->constant(number, byte);
    *position += static_cast<int>(end - text);
    return 1;
  }

  void require_characters() const {
    if (text_.size() > longest_formula)
      throw FormulaError(0, "has " + std::to_string(text_.size()) +
                                " characters, expected at most " + std::to_string(longest_formula));
    if (text_.find_first_not_of(" \t\n\r") == std::string::npos) throw FormulaError(0, "is empty");
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      const bool digit = c >= '0' && c <= '9';
      if (letter || digit || (c != '\0' && std::strchr(" \t\n\r.,+-*/^()", c) != nullptr)) continue;
      std::size_t end = i + 1;
      while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xc0U) == 0x80) ++end;
      const bool visible = static_cast<unsigned char>(c) >= 0x20;
      throw FormulaError(column_of(text_, i),
                         std::string(c != '\0' && std::strchr("<>?:!&|", c) != nullptr
                                         ? "has no comparisons and no cases"
                                     : c == '=' ? "has an =, but a formula is a value"
                                                : "has a character that no formula has") +
                             (visible ? ": '" + text_.substr(i, end - i) + "'" : ""));
    }
  }

  FormulaError in_our_words(const mu::ParserError& error) const {
    const std::string token = error.GetToken();
    std::size_t byte = error.GetPos() < 0 ? text_.size() : static_cast<std::size_t>(error.GetPos());
    // The position may be behind the token.
    if (!token.empty() && text_.compare(std::min(byte, text_.size()), token.size(), token) != 0)
      if (const std::size_t before = text_.rfind(token, byte); before != std::string::npos)
        byte = before;
    const std::size_t column = column_of(text_, byte);
    const std::string quoted = "\"" + token + "\"";
    switch (error.GetCode()) {
      case mu::ecUNASSIGNABLE_TOKEN:
        return unknown_name(byte, column);
      case mu::ecUNEXPECTED_EOF:
      case mu::ecEMPTY_EXPRESSION:
        return {column, "ends where a value is expected"};
      case mu::ecMISSING_PARENS:
        return {column, "has a parenthesis that is not closed"};
      case mu::ecTOO_MANY_PARAMS:
      case mu::ecTOO_FEW_PARAMS:
        return {column, "has too " +
                            std::string(error.GetCode() == mu::ecTOO_FEW_PARAMS ? "few" : "many") +
                            " arguments of the function " + quoted};
      default:
        if (token.empty() || token == ")") return {column, "cannot be read from here on"};
        return {column, "has " + quoted + " where none can be"};
    }
  }

  FormulaError unknown_name(std::size_t byte, std::size_t column) const {
    std::size_t end = byte;
    while (end < text_.size() &&
           std::string_view(ValidNameChars()).find(text_[end]) != std::string_view::npos)
      ++end;
    const std::string name = text_.substr(byte, end - byte);
    if (name.empty()) return {column, "cannot be read from here on"};
    const std::size_t next = text_.find_first_not_of(" \t\n\r", end);
    const bool called = next != std::string::npos && text_[next] == '(';
    if (!called) {
      if (has(Formula::function_names(Functions::all), name))
        return {column, "has the function \"" + name + "\" without its argument in parentheses"};
      std::vector<std::string> known = variables_;
      known.emplace_back("pi");
      return {column, "has no name \"" + name + "\"", name, known};
    }
    if (std::find(kinked.begin(), kinked.end(), name) != kinked.end() ||
        (allowed_ == Functions::smooth && has(Formula::function_names(Functions::all), name)))
      return {column, "has \"" + name + "\", which has a kink or a jump"};
    return {column, "has no function \"" + name + "\"", name, Formula::function_names(allowed_)};
  }
  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// The operations that `last` needs, in their order, `last` behind them.
  std::vector<Node> reachable(std::size_t last) const {
    std::vector<bool> needed(nodes_.size(), false);
    needed[last] = true;
    for (std::size_t i = last + 1; i-- > 0;) {
      if (!needed[i]) continue;
      const Node& node = nodes_[i];
      if (node.operation == Operation::constant || node.operation == Operation::variable) continue;
      needed[node.left] = true;
      if (node.operation != Operation::power && node.operation != Operation::function)
        needed[node.right] = true;
    }
    std::vector<std::size_t> moved(nodes_.size(), 0);
    std::vector<Node> out;
    for (std::size_t i = 0; i <= last; ++i) {
      if (!needed[i]) continue;
      Node node = nodes_[i];
      node.left = moved[node.left];
      node.right = moved[node.right];
      moved[i] = out.size();
      out.push_back(node);
    }
    return out;
  }

  const std::string& text_;
  const std::vector<std::string>& variables_;
  Functions allowed_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> bytes_;  ///< where in the text a constant stands, of each node
};

thread_local Reader* Reader::current = nullptr;

}  // namespace

std::vector<Node> read_formula(const std::string& text, const std::vector<std::string>& variables,
                               Functions allowed) {
  return Reader(text, variables, allowed).read();
}

}  // namespace gradflow
