#include <cmath>
#include <limits>

#include "solve/method_choice.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// 200 parameters and some 310 residuals: a dense matrix, whose set-up takes many times an
/// iteration.
std::unique_ptr<Model> completion(double initial_variance) {
  return make_model("matrix_completion", {{"rows", std::int64_t{25}},
                                          {"columns", std::int64_t{25}},
                                          {"rank", std::int64_t{4}},
                                          {"initial_variance", initial_variance}});
}

FlowSettings decay() {
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  return flow;
}

SolverSettings dense_cvode() {
  SolverSettings settings;
  settings.method = "cvode";
  settings.linear = LinearKind::dense;
  return settings;
}

}  // namespace

TEST_CASE(
    "A Newton matrix serves for several steps where its set-up is dear, and for ten at most") {
  const auto system = completion(1)->system(decay());
  const double step = 8e4 + system->rhs_flops();
  NewtonOffer offer{.cost = {.factorise_flops = 3 * step}};
  CHECK(steps_of_a_matrix(*system, offer) == 1);
  offer.cost.factorise_flops = 10.1 * step;
  CHECK(steps_of_a_matrix(*system, offer) == 5);
  offer.cost.solve_flops = 9 * step;  // a solve too is part of a step
  CHECK(steps_of_a_matrix(*system, offer) == 1);
  offer.cost = {.factorise_flops = 1e6 * step};
  CHECK(steps_of_a_matrix(*system, offer) == 10);
  offer.kind = LinearKind::krylov;
  CHECK(steps_of_a_matrix(*system, offer) == 1);
}

TEST_CASE("With kept matrices a run's condition is that of one with a matrix each step") {
  // Away from a saddle, by six decades.
  const auto model = completion(1e-6);
  SolverSettings settings = dense_cvode();
  const std::vector<double> times{0, 1, 10, 100};
  const Run kept = run_model(*model, decay(), settings, times, false);
  REQUIRE(2 * kept.outcome.statistics.factorisations < kept.outcome.statistics.steps);
  settings.method = "rodas";
  const Run each = run_model(*model, decay(), settings, times, false);
  REQUIRE(kept.outcome.amplification);
  REQUIRE(each.outcome.amplification);
  // Two methods look at the same growth at times of their own, and its rate changes in between: a
  // twentieth of its logarithm, where a solve counted as growth itself would be a tenth.
  const double ratio = kept.outcome.amplification->largest / each.outcome.amplification->largest;
  CHECK(each.outcome.amplification->largest > 1e3);
  CHECK(std::abs(std::log(ratio)) < 0.05 * std::log(each.outcome.amplification->largest));
  CHECK((kept.outcome.final_state - each.outcome.final_state).norm() <
        1e-5 * each.outcome.final_state.norm());
}

TEST_CASE("A run with kept matrices goes on from where it begins anew to the same bits") {
  const auto model = completion(1);
  const auto system = model->system(decay()), again = model->system(decay());
  SolverSettings settings = dense_cvode();
  const auto stepper = make_stepper(*system, settings), other = make_stepper(*again, settings);
  stepper->start(0, model->initial_state(decay()));
  do stepper->step(1e6, 1e-2);
  while (!stepper->can_resume());
  REQUIRE(stepper->time() < 1e6);
  Archive out;
  stepper->exchange(out);
  Archive in(std::move(out).take());
  other->exchange(in);
  constexpr double endless = std::numeric_limits<double>::infinity();
  const auto before = stepper->statistics().factorisations;
  for (int step = 0; step < 100; ++step)
    for (const auto* each : {&stepper, &other}) (*each)->step(1e6, endless);
  CHECK(stepper->statistics().factorisations - before < 60);
  CHECK(other->time() == stepper->time());
  CHECK(other->state() == stepper->state());
}
