#include "flow/parameters.hpp"

#include <limits>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

Parameters example() {
  ParameterInfo fraction = positive_parameter("fraction", 0.5, "");
  fraction.maximum = 1;
  ParameterInfo potential{"potential", ParameterType::text_or_list,
                          std::vector<std::string>{"cosh"}, ""};
  potential.choices = {"cosh", "squared_norm"};
  return Parameters(
      {integer_parameter("width", 100, "neurons"), integer_parameter("degree", 3, "", 0, 8),
       nonnegative_parameter("decay", 0.0, ""), fraction, boolean_parameter("bias", false, ""),
       choice_parameter("activation", "relu", {"relu", "tanh"}, ""),
       list_parameter("values", std::nullopt, ""),
       integer_list_parameter("support", std::nullopt, ""), potential,
       file_parameter("inputs", "(n, d)", ""), file_parameter("targets", "(n)", "")});
}

std::string complaint(Parameters parameters, const std::string& name, ParameterValue value) {
  try {
    parameters.set(name, std::move(value));
  } catch (const ParameterError& error) {
    CHECK(error.parameter() == name);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Values of the wrong type, range or choice are refused, with what was expected") {
  const Parameters p = example();
  CHECK(complaint(p, "width", std::int64_t{0}) == "is 0, expected an integer >= 1");
  CHECK(complaint(p, "width", 10.0) == "is 10.0, expected an integer >= 1");
  CHECK(complaint(p, "width", 1.5) == "is 1.5, expected an integer >= 1");
  CHECK(complaint(p, "width", std::string("10")) == "is \"10\", expected an integer >= 1");
  CHECK(complaint(p, "width", true) == "is true, expected an integer >= 1");
  CHECK(complaint(p, "width", std::int64_t{2'000'000'000'000}) ==
        "is 2000000000000, expected an integer >= 1, and at most 1e+12");
  CHECK(complaint(p, "degree", std::int64_t{9}) == "is 9, expected an integer >= 0 and <= 8");
  CHECK(complaint(p, "decay", -1e-9) == "is -1e-09, expected a number >= 0");
  CHECK(complaint(p, "fraction", 0.0) == "is 0.0, expected a number > 0 and <= 1");
  CHECK(complaint(p, "fraction", std::int64_t{2}) == "is 2.0, expected a number > 0 and <= 1");
  CHECK(complaint(p, "decay", std::nan("")) == "is nan, expected a number >= 0");
  CHECK(complaint(p, "decay", std::numeric_limits<double>::infinity()) ==
        "is inf, expected a number >= 0");
  CHECK(complaint(p, "bias", std::int64_t{1}) == "is 1, expected true or false");
  CHECK(complaint(p, "activation", std::string("Relu")) ==
        "is \"Relu\", expected one of \"relu\", \"tanh\"");
  CHECK(complaint(p, "values", 1.0) == "is 1.0, expected a list of numbers");
  CHECK(complaint(p, "values", std::vector<double>{1, std::nan("")}) ==
        "is a list with nan, expected a list of numbers");
  CHECK(complaint(p, "support", std::vector<std::int64_t>{1, -1}) ==
        "is a list with -1, expected a list of integers >= 0");
  CHECK(complaint(p, "potential", std::vector<std::string>{"cosh", "cos"}) ==
        "is \"cos\", expected one of \"cosh\", \"squared_norm\", or a list of them");
}

TEST_CASE("What is asked for in vain is a bug of the caller") {
  Parameters p = example();
  CHECK_THROWS_AS(p.integer("nothing"), std::logic_error);
  CHECK_THROWS_AS(p.real("width"), std::logic_error);
  CHECK_THROWS_AS(p.reals("values"), std::logic_error);  // no value and no default
  CHECK_THROWS_AS(p.set("nothing", 1.0), std::logic_error);
  CHECK_THROWS_AS(p.file("inputs"), std::logic_error);
}

TEST_CASE("Integers are numbers where numbers are wanted, and nothing else is converted") {
  Parameters p = example();
  p.set("decay", std::int64_t{2});
  CHECK(p.real("decay") == 2);
  p.set("values", std::vector<std::int64_t>{1, 2});
  CHECK(p.reals("values") == std::vector<double>{1, 2});
  p.set("potential", std::string("squared_norm"));
  CHECK(p.texts("potential") == std::vector<std::string>{"squared_norm"});
}

TEST_CASE("Given values, defaults, and values that the model resolves are told apart") {
  Parameters p = example();
  CHECK(p.has("width"));
  CHECK_FALSE(p.given("width"));
  CHECK_FALSE(p.has("values"));
  p.resolve("values", std::vector<double>{1});
  CHECK(p.has("values"));
  CHECK_FALSE(p.given("values"));
  p.set("width", std::int64_t{100});
  CHECK(p.given("width"));
}

TEST_CASE("A size that a file fixes may be left out, or given as it is") {
  Parameters p = example();
  p.set_file("inputs", "x.csv", Matrix::Ones(7, 2));
  CHECK(p.fix_size("width", 7, "inputs") == 7);
  CHECK(p.integer("width") == 7);
  p.set("width", std::int64_t{7});
  CHECK(p.fix_size("width", 7, "inputs") == 7);
  p.set("width", std::int64_t{8});
  CHECK_THROWS_WITH(p.fix_size("width", 7, "inputs"), "is 8, but model.inputs fixes it at 7");
}

TEST_CASE("Files come as matrices of the required shape, or as vectors in either orientation") {
  Parameters p = example();
  p.set_file("inputs", "x.csv", Matrix::Ones(7, 2));
  CHECK_NOTHROW(p.require_shape("inputs", 7, 2));
  CHECK_NOTHROW(p.require_shape("inputs", -1, 2));
  CHECK_THROWS_WITH(p.require_shape("inputs", -1, 3),
                    "has shape (7, 2), expected (any, 3), that is (n, d)");
  CHECK_THROWS_WITH(p.file_vector("inputs"), "has shape (7, 2), expected shape (n, d)");
  p.set_file("targets", "y.csv", Matrix{{1, 2, 3}});
  CHECK(p.file_vector("targets") == Vector{{1, 2, 3}});
  p.set_file("targets", "y.csv", Matrix{{1}, {2}});
  CHECK(p.file_vector("targets") == Vector{{1, 2}});
}

TEST_CASE("A parameter without a meaning is refused where given, and not shown otherwise") {
  Parameters p = example();
  p.unused("decay", "targets");
  CHECK_FALSE(p.has("decay"));
  p.set("fraction", 0.5);
  CHECK_THROWS_WITH(p.unused("fraction", "mask"), "does not go with model.mask");
}
