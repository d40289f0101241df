#include "numerics/formula_reader.hpp"

#include <muParserBase.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "numerics/formula_operations.hpp"
#include "numerics/formula_words.hpp"

namespace gradflow {
namespace {

using namespace formulas;

constexpr const char* name_characters =
    "0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Names that other programs know and that have kinks, whatever they are a formula of.
constexpr std::array kinked{"relu", "leaky_relu", "floor", "ceil", "round", "rint", "if"};

/// muParser reads the text, and where it would compute with numbers it computes with their places
/// in a list: operators and functions are replaced by ones that write down what they are applied
/// to. So the formula is there as a list of operations, which has derivatives. What muParser lets
/// pass that is none (assignments, several values, cases, texts) is stopped before it or after.
class Reader final : public mu::ParserBase {
 public:
  Reader(const std::string& text, const std::vector<std::string>& variables, Functions allowed)
      : text_(text), variables_(variables), allowed_(allowed) {
    DefineNameChars(name_characters);
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
      DefineFun(largest_of, binary<Operation::larger>, false);
      DefineFun(smallest_of, binary<Operation::smaller>, false);
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
      throw in_our_words(error, text_, names());
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

  static int read_number(const char*, int* position, double* value) {
    const auto byte = static_cast<std::size_t>(*position);
    std::size_t end = 0;
    const double number = number_at(current->text_, byte, end);
    if (end == byte) return 0;
    *value = current->constant(number, byte);
    *position = static_cast<int>(end);
    return 1;
  }

  void require_characters() const {
    require_length(text_);
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      const bool digit = c >= '0' && c <= '9';
      if (letter || digit || (c != '\0' && std::strchr(" \t\n\r.,+-*/^()", c) != nullptr)) continue;
      throw refused_character(text_, i,
                              c != '\0' && std::strchr("<>?:!&|", c) != nullptr
                                  ? "has no comparisons and no cases"
                              : c == '=' ? "has an =, but a formula is a value"
                                         : "has a character that no formula has");
    }
  }

  FormulaNames names() const {
    FormulaNames all{name_characters, variables_, function_names(allowed_)};
    all.variables.emplace_back("pi");
    all.kinked.assign(kinked.begin(), kinked.end());
    for (const std::string& name : function_names(Functions::all))
      if (std::find(all.functions.begin(), all.functions.end(), name) == all.functions.end())
        all.kinked.push_back(name);
    return all;
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
