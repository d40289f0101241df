#include "numerics/expression.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

const std::vector<std::string> known{"flow.step", "time.end", "seed"};

double value(const std::string& text, double step = 1) {
  const Expression expression(text, {"flow.step"});
  std::vector<double> values;
  if (!expression.names().empty()) values.push_back(step);
  return expression(values);
}

/// "COLUMN: what is wrong".
std::string fault(const std::string& text) {
  try {
    Expression(text, known);
  } catch (const FormulaError& error) {
    return std::to_string(error.column()) + ": " + error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("Expressions have the values of mathematics, comparisons and cases among them") {
  CHECK(value("10 / flow.step", 1e-3) == 10 / 1e-3);
  CHECK(value("-flow.step^2", 3) == -9);
  CHECK(value("2^3^2") == 512);
  CHECK(value("2^-flow.step", 3) == 0.125);
  CHECK(value("pi") == std::numbers::pi);
  CHECK(value(".5e1*flow.step", 2) == 10);
  CHECK(value("1e-3 + 1.e0") == 1e-3 + 1.0);
  CHECK(value("flow.step < 1 ? 2 : flow.step == 1 ? 3 : 4", 0) == 2);
  CHECK(value("flow.step < 1 ? 2 : flow.step == 1 ? 3 : 4", 1) == 3);
  CHECK(value("flow.step < 1 ? 2 : flow.step == 1 ? 3 : 4", 2) == 4);
  CHECK(value("(1 <= 2) + (2 >= 1) + (1 != 2) + (2 > 1) + (1 > 2)") == 4);
  CHECK(value("1 < 2 && 2 < 1 || 1 == 1") == 1);
  CHECK(value("sqrt(9) + exp(0) + log(1) + log2(8) + log10(1000) + abs(-1)") == 11);
  CHECK(value("floor(1.5) + ceil(1.5) + round(2.5) + round(-2.5)") == 3);
  CHECK(value("min(3, 1, 2) + max(3, 1, 2)") == 4);
}

TEST_CASE("Expressions round as they are written: factors are not put together") {
  const double x = 0.1;
  CHECK(value("3*flow.step*7", x) == 3 * x * 7);
  CHECK(value("flow.step*3 + flow.step*4", x) == x * 3 + x * 4);
  CHECK(value("flow.step^2", x) == std::pow(x, 2));
  CHECK(value("1/3/flow.step", x) == 1.0 / 3 / x);
}

TEST_CASE("Values of expressions without a meaning are inf and NaN") {
  CHECK(value("1/flow.step", 0) == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(value("0/flow.step", 0)));
  CHECK(std::isnan(value("log(flow.step)", -1)));
  CHECK(std::isnan(value("min(flow.step/flow.step, 1)", 0)));
  CHECK(std::isnan(value("max(1, flow.step/flow.step)", 0)));
}

TEST_CASE("Names of an expression have the column where they stand first") {
  const Expression expression("1e3*time.end + flow.step/(seed + time.end)", known);
  REQUIRE(expression.names().size() == 3);
  CHECK(expression.names()[0].text == "time.end");
  CHECK(expression.names()[0].column == 5);
  CHECK(expression.names()[1].text == "flow.step");
  CHECK(expression.names()[2].column == 27);
  CHECK(expression(std::array{2.0, 6.0, 1.0}) == 2002);
}

TEST_CASE("Texts that are no expression are told with the column") {
  CHECK(fault("10 / flow.stp") == "6: has no name \"flow.stp\"");
  CHECK(fault("seed = 3") ==
        "6: has an = that assigns, but an expression is a value (== compares): '='");
  CHECK(fault("seed === 3") != "none");
  CHECK(fault("1, 2") == "2: has several values, expected one");
  CHECK(fault("1e400") == "1: has a number that is out of range: 1e400");
  CHECK(fault("seed + 9007199254740993") ==
        "8: has an integer from 2^53 on, which may lose digits: 9007199254740993");
  CHECK(fault("_pi") == "1: has no name \"_pi\"");
  CHECK(fault("_e + 1") == "1: has no name \"_e\"");
  CHECK(fault("sinh(1)") == "1: has no function \"sinh\"");
  CHECK(fault("sqrt + 1") == "1: has the function \"sqrt\" without its argument in parentheses");
  CHECK(fault("sqrt(1, 2)") == "1: has too many arguments of the function \"sqrt\"");
  CHECK(fault("(1 + 2") == "7: has a parenthesis that is not closed");
  CHECK(fault("1 +") == "4: ends where a value is expected");
  CHECK(fault("1 ? 2") == "6: has one of \"?\" and \":\" without the other");
  CHECK(fault("1 : 2") == "4: has one of \"?\" and \":\" without the other");
  CHECK(fault("\"a\"") == "1: has a character that no expression has: '\"'");
  CHECK(fault("1 + \xc3\xa9") == "5: has a character that no expression has: '\xc3\xa9'");
  CHECK(fault("  ") == "0: is empty");
  for (const char* text : {"2 flow.step", "1 & 2", "!seed", "seed()", "min()", "?", "1 ? : 2", ")",
                           "()", "1 ? 2 : ", "seed seed", "1..2", "<", "a ? b", "1 2"})
    CHECK(fault(text) != "none");
}
