#include <cstring>

#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {
/// Also where both are NaN.
bool same_bits(const Values& a, const Values& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& values) {
        const auto& others = std::get<std::decay_t<decltype(values)>>(b);
        if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values.front())>>)
          return values.size() == others.size() &&
                 std::memcmp(values.data(), others.data(),
                             values.size() * sizeof(values.front())) == 0;
        else
          return values == others;
      },
      a);
}
}  // namespace

TEST_CASE("Any number of threads gives the same bits") {
  const Scratch scratch;
  const std::string mean_field = R"([model]
name = "single_index_mean_field"
width = 20000
[time]
end = 1e-2
samples = 5
)";
  const std::string network = R"([model]
name = "two_layer_network"
width = 5000
activation = "tanh"
samples = 20
[flow]
weight_decay = 1e-2
[time]
end = 10
samples = 5
)";
  // A thread's loop shares out its vectors by 4096 to 8192 entries, of 40000 here, and the columns
  // of a dense Hessian one by one, of 240 here.
  const std::string perceptron = R"([model]
name = "multilayer_perceptron"
widths = [4, 20, 6, 2]
samples = 30
[flow]
weight_decay = 1e-2
[time]
end = 10
samples = 5
[solver]
linear = "dense"
)";
  for (const std::string& config :
       {mean_field, mean_field + "[solver]\nmethod = \"cvode\"\n", network, perceptron}) {
    CAPTURE(config);
    const Dataset one = result_of(scratch, config);
    const Dataset three = result_of(scratch, config, {"--set", "solver.threads=3"});
    int compared = 0;
    for (const Variable& variable : one.variables()) {
      if (variable.name == "wall_seconds") continue;
      CAPTURE(variable.name);
      CHECK(same_bits(three.find(variable.name)->values, variable.values));
      ++compared;
    }
    CHECK(compared > 10);
  }
}
