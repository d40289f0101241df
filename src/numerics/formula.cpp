#include "numerics/formula.hpp"

#include <muParserBase.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>

#include "numerics/activation.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

using Node = Formula::Node;
using Operation = Formula::Operation;
using Functions = Formula::Functions;

constexpr Index chunk = 128;
constexpr std::size_t longest_formula = 1000;

/// f, f' and f'' at u[0..n), for order >= 1 and 2. None overlap.
using Kernel = void (*)(const double* u, Index n, int order, double* f, double* f1, double* f2);

template <class F>
void scalar(const double* u, Index n, int order, double* f, double* f1, double* f2, F g) {
  for (Index i = 0; i < n; ++i) {
    const std::array<double, 3> jet = g(u[i]);
    f[i] = jet[0];
    if (order >= 1) f1[i] = jet[1];
    if (order >= 2) f2[i] = jet[2];
  }
}

/// A kernel from z -> {f, f', f''}.
template <auto F>
constexpr Kernel kernel = [](const double* u, Index n, int order, double* f, double* f1,
                             double* f2) { scalar(u, n, order, f, f1, f2, F); };

template <Activation::Kind kind>
constexpr Kernel activation_kernel =
    [](const double* u, Index n, int order, double* f, double* f1, double* f2) {
      Activation(kind).evaluate(u, n, f, order >= 1 ? f1 : nullptr, order >= 2 ? f2 : nullptr);
    };

using Jet = std::array<double, 3>;

double sign(double u) {
  return u > 0 ? 1.0 : u < 0 ? -1.0 : u;  // NaN passes
}

struct NamedFunction {
  const char* name;
  Kernel kernel;
  bool smooth = true;
};

constexpr std::array functions{
    NamedFunction{"exp", kernel<[](double u) {
                    const double e = std::exp(u);
                    return Jet{e, e, e};
                  }>},
    NamedFunction{"log", kernel<[](double u) {
                    return Jet{std::log(u), 1 / u, -1 / (u * u)};
                  }>},
    NamedFunction{"sqrt", kernel<[](double u) {
                    const double root = std::sqrt(u);
                    return Jet{root, 0.5 / root, -0.25 / (u * root)};
                  }>},
    NamedFunction{"sin", kernel<[](double u) {
                    const double s = std::sin(u);
                    return Jet{s, std::cos(u), -s};
                  }>},
    NamedFunction{"cos", kernel<[](double u) {
                    const double c = std::cos(u);
                    return Jet{c, -std::sin(u), -c};
                  }>},
    NamedFunction{"tan", kernel<[](double u) {
                    const double t = std::tan(u), slope = 1 + t * t;
                    return Jet{t, slope, 2 * t * slope};
                  }>},
    NamedFunction{"sinh", kernel<[](double u) {
                    const double s = std::sinh(u);
                    return Jet{s, std::cosh(u), s};
                  }>},
    NamedFunction{"cosh", kernel<[](double u) {
                    const double c = std::cosh(u);
                    return Jet{c, std::sinh(u), c};
                  }>},
    NamedFunction{"asin", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((1 - u) * (1 + u));
                    return Jet{std::asin(u), slope, u * slope * slope * slope};
                  }>},
    NamedFunction{"acos", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((1 - u) * (1 + u));
                    return Jet{std::acos(u), -slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"atan", kernel<[](double u) {
                    const double slope = 1 / (1 + u * u);
                    return Jet{std::atan(u), slope, -2 * u * slope * slope};
                  }>},
    NamedFunction{"asinh", kernel<[](double u) {
                    const double slope = 1 / std::hypot(1, u);
                    return Jet{std::asinh(u), slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"acosh", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((u - 1) * (u + 1));
                    return Jet{std::acosh(u), slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"atanh", kernel<[](double u) {
                    const double slope = 1 / ((1 - u) * (1 + u));
                    return Jet{std::atanh(u), slope, 2 * u * slope * slope};
                  }>},
    NamedFunction{"tanh", activation_kernel<Activation::Kind::tanh>},
    NamedFunction{"erf", activation_kernel<Activation::Kind::erf>},
    NamedFunction{"sigmoid", activation_kernel<Activation::Kind::sigmoid>},
    NamedFunction{"softplus", activation_kernel<Activation::Kind::softplus>},
    NamedFunction{"gelu", activation_kernel<Activation::Kind::gelu>},
    NamedFunction{"abs", kernel<[](double u) {
                    return Jet{std::abs(u), std::copysign(1, u), 0};
                  }>,
                  false},
    NamedFunction{"sign", kernel<[](double u) {
                    return Jet{sign(u), 0, 0};
                  }>,
                  false},
};

/// max(a, b) = (a + b + |a - b|)/2 would round; they are operations of their own, of values alone.
constexpr const char* largest = "max";
constexpr const char* smallest = "min";

/// Names that other programs know and that have kinks, whatever they are a formula of.
constexpr std::array kinked{"relu", "leaky_relu", "floor", "ceil", "round", "rint", "if"};

// --- values and derivatives of one operation -----------------------------------------------------

/// Where the results of a node are: n values, then derivatives.
struct Place {
  double *value, *first, *second;
};

void carry_product(const Place& a, const Place& b, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] * b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] = a.first[i] * b.value[i] + a.value[i] * b.first[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] =
          a.second[i] * b.value[i] + 2 * a.first[i] * b.first[i] + a.value[i] * b.second[i];
}

void carry_quotient(const Place& a, const Place& b, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] / b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i)
      out.first[i] = (a.first[i] - out.value[i] * b.first[i]) / b.value[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] =
          (a.second[i] - 2 * out.first[i] * b.first[i] - out.value[i] * b.second[i]) / b.value[i];
}

void carry_sum(const Place& a, const Place& b, double sign, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] + sign * b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] = a.first[i] + sign * b.first[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i) out.second[i] = a.second[i] + sign * b.second[i];
}

/// u^c by products for small whole c >= 0, which keep signs and need no logarithm.
double power(double u, double c) {
  if (c < 0 || c > 16 || c != std::floor(c)) return std::pow(u, c);
  double result = 1;
  for (int k = static_cast<int>(c); k > 0; k /= 2) {
    if (k % 2 == 1) result *= u;
    u *= u;
  }
  return result;
}

/// u^c with a constant c; what a factor 0 multiplies is left out, as it may be infinite at u = 0.
Jet power_jet(double u, double c, int order) {
  Jet jet{power(u, c), 0, 0};
  if (order >= 1 && c != 0) jet[1] = c * power(u, c - 1);
  if (order >= 2 && c != 0 && c != 1) jet[2] = c * (c - 1) * power(u, c - 2);
  return jet;
}

/// f(u(x)) from f, f', f'' at u, which are in `out` and become those along x.
void chain(const Place& u, const Place& out, Index n, int order) {
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] = out.second[i] * u.first[i] * u.first[i] + out.first[i] * u.second[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] *= u.first[i];
}

void carry(const Node& node, const Place& a, const Place& b, const Place& out, Index n, int order) {
  switch (node.operation) {
    case Operation::constant:
    case Operation::variable:
      return;
    case Operation::add:
      return carry_sum(a, b, 1, out, n, order);
    case Operation::subtract:
      return carry_sum(a, b, -1, out, n, order);
    case Operation::multiply:
      return carry_product(a, b, out, n, order);
    case Operation::divide:
      return carry_quotient(a, b, out, n, order);
    case Operation::larger:
      for (Index i = 0; i < n; ++i) out.value[i] = std::max(a.value[i], b.value[i]);
      return;
    case Operation::smaller:
      for (Index i = 0; i < n; ++i) out.value[i] = std::min(a.value[i], b.value[i]);
      return;
    case Operation::power:
      scalar(a.value, n, order, out.value, out.first, out.second,
             [&](double u) { return power_jet(u, node.number, order); });
      return chain(a, out, n, order);
    case Operation::function:
      functions[node.index].kernel(a.value, n, order, out.value, out.first, out.second);
      return chain(a, out, n, order);
  }
}

// --- reading -------------------------------------------------------------------------------------

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
    for (const NamedFunction& function : functions)
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
    const auto index =
        static_cast<std::size_t>(static_cast<const NamedFunction*>(function) - functions.data());
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
    return const_cast<NamedFunction*>(
        std::find_if(functions.begin(), functions.end(),
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

Formula::Formula(std::string text, std::vector<std::string> variables, Functions allowed)
    : text_(std::move(text)), variables_(variables.size()) {
  nodes_ = Reader(text_, variables, allowed).read();
}

std::vector<std::string> Formula::function_names(Functions allowed) {
  std::vector<std::string> names;
  for (const NamedFunction& function : functions)
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
