#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<Case> formula_cases() {
  return {
      {"a formula with a misspelt function",
       "[model]\nname = \"two_layer_network\"\nactivation = \"x*tannh(x)\"\n" + time_section,
       "3:1",
       {"model.activation", "column 3", "did you mean \"tanh\"?"}},
      {"an activation with a kink",
       "[model]\nname = \"multilayer_perceptron\"\nactivation = \"abs(x)\"\n" + time_section,
       "3:1",
       {"model.activation", "\"abs\", which has a kink"}},
      {"a formula that assigns",
       "[model]\nname = \"single_index_mean_field\"\nactivation = \"x = 3\"\n" + time_section,
       "3:1",
       {"model.activation", "column 3", "a formula is a value"}},
      {"a misspelt activation",
       "[model]\nname = \"two_layer_network\"\nactivation = \"tahn\"\n" + time_section,
       "3:1",
       {"model.activation", "did you mean \"tanh\"?"}},
      {"a formula as an axis",
       "[model]\nname = \"two_layer_network\"\n" + time_section +
           "[study]\n\"model.activation\" = [\"tanh\", \"tanh(y)\"]\n",
       "7:1",
       {"study.model.activation", "column 6", "\"y\""}},
      {"an activation without a Hermite series",
       "[model]\nname = \"single_index_mean_field\"\nactivation = \"exp(x^2)\"\n" + time_section,
       "3:1",
       {"model.activation", "no Hermite series", "exp(x^2/8)"}},
      {"a target of infinite norm",
       "[model]\nname = \"single_index_overlaps\"\ntarget = \"exp(x^2/4)\"\n" + time_section,
       "3:1",
       {"model.target", "no Hermite series"}},
      {"a kink that hides",
       "[model]\nname = \"two_layer_network\"\nactivation = \"sqrt((x - 0.3)^2)\"\n" + time_section,
       "3:1",
       {"model.activation", "kink", "x = 0.3"}},
      {"a function with two letters swapped",
       "[model]\nname = \"two_layer_network\"\nactivation = \"x*tahn(x)\"\n" + time_section,
       "3:1",
       {"model.activation", "did you mean \"tanh\"?"}},
      {"a law that is not finite",
       "[model]\nname = \"multilayer_perceptron\"\ninitial_law = \"log(z)\"\n" + time_section,
       "3:1",
       {"model.initial_law", "not finite"}},
  };
}

}  // namespace

TEST_CASE("Formulas that give no activation, target or law are refused with their place") {
  const Scratch scratch;
  check_cases(formula_cases(), scratch);
}
