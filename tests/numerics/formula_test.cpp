#include "numerics/formula.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "numerics/activation.hpp"
#include "numerics/formula_operations.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

using Jet = std::array<double, 3>;

Jet jet(const Formula& formula, double x) {
  Jet out{};
  formula.evaluate(&x, 1, 2, &out[0], &out[1], &out[2]);
  return out;
}

double value(const std::string& text, double x) {
  return Formula(text, {"x"}, Formula::Functions::all)(std::array{x});
}

/// "COLUMN: what is wrong".
std::string fault(const std::string& text) {
  try {
    activation_formula(text);
  } catch (const FormulaError& error) {
    return std::to_string(error.column()) + ": " + error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("Formulas have the values of mathematics: order of operations, signs, powers, pi") {
  CHECK(value("-x^2", 3) == -9);
  CHECK(value("2^3^2", 0) == 512);
  CHECK(value("2^-x", 3) == Approx(0.125));
  CHECK(value("x--x", 2) == 4);
  CHECK(value("6/3/2 - 1 - 1", 0) == -1);
  CHECK(value("2*(x + 1)^3", 1) == 16);
  CHECK(value("pi", 0) == std::numbers::pi);
  CHECK(value(".5e1*x", 2) == 10);
  CHECK(value("x^x", 2.5) == Approx(std::pow(2.5, 2.5)).epsilon(1e-15));
  CHECK(value("max(x, 1) - min(x, 1) + abs(x)*sign(x)", -2) == 1);
  const Formula two("u - 2*z", {"u", "z", "q"}, Formula::Functions::all);
  CHECK(two(std::array{5.0, 2.0, 7.0}) == 1);
  CHECK(two.depends_on(1));
  CHECK_FALSE(two.depends_on(2));
}

TEST_CASE("First and second derivatives agree with finite differences for every function") {
  std::vector<std::string> texts{
      "x*tanh(x)", "x^3 - 2*x^2 + 1",   "1/(1 + x^2)",        "x^-1.5", "2^x",
      "x^x",       "(x + 2)/(x^2 + 1)", "sin(x)^2*exp(-x^2)", "x^0*x"};
  for (const std::string& name : formulas::function_names(Formula::Functions::smooth))
    texts.push_back(name == "acosh" ? "acosh(1 + x^2)" : name + "(x^2/2)");
  for (const std::string& text : texts) {
    INFO(text);
    const Formula formula(text, {"x"}, Formula::Functions::smooth);
    for (const double x : {0.3, 0.9, 1.1}) {
      constexpr double h = 1e-4;
      const Jet low = jet(formula, x - h), at = jet(formula, x), high = jet(formula, x + h);
      const double scale = 1 + std::abs(at[0]) + std::abs(at[1]) + std::abs(at[2]);
      CHECK(at[1] == Approx((high[0] - low[0]) / (2 * h)).margin(2e-6 * scale));
      CHECK(at[2] == Approx((high[1] - low[1]) / (2 * h)).margin(2e-6 * scale));
    }
  }
}

TEST_CASE("A formula that is a built-in activation has its bits, in arrays of any length") {
  std::vector<double> z;
  for (int i = 0; i < 300; ++i) z.push_back(-20 + 0.137 * i);
  const auto n = static_cast<Index>(z.size());
  for (const std::string name : {"tanh", "erf", "sigmoid", "softplus", "gelu"}) {
    INFO(name);
    const Activation named = *parse_activation(name), given = activation_of(name + "(x)");
    CHECK(given.kind() == Activation::Kind::formula);
    CHECK(given.name() == name + "(x)");
    CHECK(given.smooth());
    std::vector<double> a(z.size()), b(z.size()), a1(z.size()), b1(z.size()), a2(z.size()),
        b2(z.size());
    named.evaluate(z.data(), n, a.data(), a1.data(), a2.data());
    given.evaluate(z.data(), n, b.data(), b1.data(), b2.data());
    CHECK(a == b);
    CHECK(a1 == b1);
    CHECK(a2 == b2);
    CHECK(given(z[7]) == b[7]);
  }
  const Activation square = activation_of("x^2");
  double v = 0, d = 0, dd = 0, at = -1.7;
  square.evaluate(&at, 1, &v, &d, &dd);
  CHECK(v == at * at);
  CHECK(d == 2 * at);
  CHECK(dd == 2);
}

TEST_CASE("What is no formula is refused, with the column and in words of one's own") {
  CHECK(fault("x*tanh(x)") == "none");
  CHECK(fault("a = 3") == "3: has an =, but a formula is a value: '='");
  CHECK(fault("1,2") == "2: has several values, expected one");
  CHECK(fault("x*1e400") == "3: has a number that is out of range: 1e400");
  CHECK(fault("x + 1/0") == "7: divides by 0");
  CHECK(fault("x + 0/0") == "7: divides by 0");
  CHECK(fault("x/0") == "3: divides by 0");
  CHECK(fault("x*sqrt(1 - 4)") == "12: is not finite here");
  CHECK(fault("x + _pi") == "5: has no name \"_pi\"");
  CHECK(fault("x + _e") == "5: has no name \"_e\"");
  CHECK(fault("x*tahn(x)") == "3: has no function \"tahn\"");
  CHECK(fault("sin x") == "1: has the function \"sin\" without its argument in parentheses");
  CHECK(fault("2x") == "2: has \"x\" where none can be");
  CHECK(fault("x +") == "4: ends where a value is expected");
  CHECK(fault("(x") == "3: has a parenthesis that is not closed");
  CHECK(fault("x)") == "2: cannot be read from here on");
  CHECK(fault("sin(x, x)") == "1: has too many arguments of the function \"sin\"");
  CHECK(fault("x > 0 ? x : 0") == "3: has no comparisons and no cases: '>'");
  CHECK(fault("x + σ(x)") == "5: has a character that no formula has: 'σ'");
  CHECK(fault("x\"a\"") == "2: has a character that no formula has: '\"'");
  CHECK(fault(std::string("x\0", 2)) == "2: has a character that no formula has");
  CHECK(fault("") == "0: is empty");
  CHECK(fault("3") == "0: is the same for every x");
  CHECK(fault(std::string(2000, '(')).find("2000 characters") != std::string::npos);
  CHECK(fault(std::string(900, '(')) != "none");
  CHECK(fault(std::string(400, '(') + "x" + std::string(400, ')')) == "none");
  try {
    activation_formula("x*tahn(x)");
  } catch (const FormulaError& error) {
    CHECK(error.unknown() == "tahn");
    CHECK(std::find(error.known().begin(), error.known().end(), "tanh") != error.known().end());
  }
}

TEST_CASE("Activations with kinks, jumps and poles are refused") {
  for (const std::string name : {"abs", "sign", "relu", "floor"})
    CHECK(fault(name + "(x)") == "1: has \"" + name + "\", which has a kink or a jump");
  CHECK(fault("max(x, 0)") == "1: has \"max\", which has a kink or a jump");
  CHECK(fault("sqrt(x^2)") == "0: has no finite derivative at x = 0");
  CHECK(fault("(x^2)^0.75") == "0: has no finite derivative at x = 0");
  CHECK(fault("log(x + 1)") == "0: has no finite value at x = -1");
  CHECK(fault("1/x") == "0: has no finite value at x = 0");
  CHECK(fault("exp(exp(x))") == "0: has no finite second derivative at x = 6.54688");
}

TEST_CASE("Kinks, jumps and poles are found wherever they hide, and steep functions pass") {
  for (const std::string text :
       {"sqrt((x - 0.3)^2)", "x + 0.05*sqrt((x - 0.3)^2)", "(x - 0.3)*sqrt((x - 0.3)^2)",
        "((x - 0.3)^2)^0.75", "atan(1/(x - 0.3))", "1/(x - 0.3)", "1/(x - 0.3)^2",
        "sinh(x)*sqrt((x - 0.3)^2)"})
    CHECK(fault(text) == "0: has a kink, a jump or a pole at x = 0.3");
  CHECK(fault("sqrt((x + 7.77)^2)") == "0: has a kink, a jump or a pole at x = -7.77");
  CHECK(fault("tan(x)").find("pole at x = 1.5708") != std::string::npos);
  for (const std::string text :
       {"tanh(1e6*(x - 0.3))", "erf(20*x)", "sqrt((x - 0.3)^2 + 1e-12)", "softplus(50*x)/50",
        "sin(100*x)", "1/(1 + 1e4*x^2)", "exp(-x^2/2)", "x^5 - 3*x^3", "asinh(1e3*x)", "exp(3*x)",
        "((x - 0.3)^2)^1.75", "x^200", "log(1 + x^2)", "cos(x)^2", "gelu(x) + sin(x)"})
    CHECK(fault(text) == "none");
}

TEST_CASE("Any text is a formula or is refused, and never anything else") {
  const std::string alphabet = "x0123.+-*/^(), esinpxlogabt=\"?:;#_<>\xcf\x83\n";
  std::uint64_t state = 1;
  for (int k = 0; k < 20000; ++k) {
    std::string text;
    state = state * 6364136223846793005U + 1442695040888963407U;
    const std::size_t length = 1 + (state >> 33U) % 12;
    for (std::size_t i = 0; i < length; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      text += alphabet[(state >> 33U) % alphabet.size()];
    }
    try {
      activation_formula(text);
    } catch (const FormulaError& error) {
      CHECK(error.column() <= text.size() + 1);
      CHECK(std::strlen(error.what()) > 0);
    }
  }
}
