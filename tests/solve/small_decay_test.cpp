#include <cmath>

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("lambda = 1e-12 to t = 1e13: the slow flow that larger lambdas have, and its invariant") {
  const std::vector<double> slow{0.1, 0.3, 1, 3, 10};
  for (const std::string kind : {"difference", "product"}) {
    const auto solve = [&](double lambda) {
      const auto model = make_model("diagonal_linear_network", {{"parametrisation", kind}});
      FlowSettings flow;
      flow.weight_decay = lambda;
      SolverSettings settings;
      settings.rtol = 1e-8;
      settings.atol = 1e-12;
      std::vector<double> times{0};
      for (const double tau : slow) times.push_back(tau / lambda);
      return run_model(*model, flow, settings, times);
    };
    const Run small = solve(1e-12), larger = solve(1e-9);
    const Vector& start = small.states.front();
    const Index d = start.size() / 2;
    const auto invariant = [&](const Vector& w) {
      const Vector u = w.head(d), v = w.tail(d);
      return kind == "difference" ? Vector(u.cwiseProduct(v))
                                  : Vector(u.cwiseAbs2() - v.cwiseAbs2());
    };
    for (std::size_t k = 1; k < small.times.size(); ++k) {
      CAPTURE(kind, slow[k - 1], small.outcome.statistics.steps);
      // Both differ from the slow flow by O(lambda), at most 1e-9 times some hundred here, and by
      // their tolerances: 1e-8 in each of 600 steps.
      CHECK((small.states[k] - larger.states[k]).norm() <= 6e-6 * small.states[k].norm());
      // It decays as exp(-2 tau). Some hundred steps of 1e-8, relative to entries of order 1.
      const double decay = std::exp(-2 * slow[k - 1]);
      CHECK((invariant(small.states[k]) - decay * invariant(start)).norm() <=
            1e-5 * invariant(start).norm());
    }
  }
}
