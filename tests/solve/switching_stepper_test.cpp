#include "solve/method_choice.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// 540 parameters, some 4000 observed entries: a Newton set-up costs 400 explicit steps.
std::unique_ptr<Model> completion() {
  return make_model("matrix_completion", {{"rows", std::int64_t{100}},
                                          {"columns", std::int64_t{80}},
                                          {"rank", std::int64_t{3}},
                                          {"true_rank", std::int64_t{3}},
                                          {"observed", 0.5},
                                          {"initial_variance", 0.01}});
}

}  // namespace

TEST_CASE("Where a Newton set-up is dear, a flow that is not stiff is never set up") {
  const auto model = completion();
  const Run run = run_model(*model, {}, {}, {0, 0.1, 0.5}, false);
  CHECK(run.outcome.method == "dopri5");
  CHECK(run.outcome.statistics.factorisations == 0);
  SolverSettings other;
  other.method = "cvode_adams";
  other.rtol = 1e-6;
  const Run reference = run_model(*model, {}, other, {0, 0.1, 0.5}, false);
  // Another method, at a tolerance between.
  CHECK((run.outcome.final_state - reference.outcome.final_state).norm() <
        1e-4 * reference.outcome.final_state.norm());
}

TEST_CASE("One that turns stiff is given over to the implicit method, and says when") {
  EnergySystem system = decay(Vector{{1e6, 1, 1e-3}});
  SolverSettings settings;
  settings.rtol = 1e-8;
  const Vector start{{1, 1, 1}};
  const std::vector<double> times{0, 1e-6, 1, 1e3};
  const auto stepper = make_switching_stepper(make_dopri5_stepper(system, settings),
                                              make_cvode_stepper(system, settings, false), 1e5);
  const Samples run = sample(system, *stepper, settings, start, times);
  REQUIRE(run.outcome.status == Status::ok);
  INFO(run.outcome.method);
  CHECK(run.outcome.method.find("dopri5 up to t = ") == 0);
  CHECK(run.outcome.method.find(", then cvode") != std::string::npos);
  CHECK(run.outcome.linear.find("dense") == 0);
  for (std::size_t k = 0; k < times.size(); ++k)
    for (Index i = 0; i < 3; ++i)
      CHECK(std::abs(run.states[k][i] - std::exp(-Vector{{1e6, 1, 1e-3}}[i] * times[k])) < 1e-5);
  // It takes two looks at steps that do not grow to know; 3e8 of them would lead to the end.
  CHECK(run.outcome.statistics.steps < 1000);
}

TEST_CASE("A first look at the spectrum says whether auto begins with an explicit method") {
  // The mean field's spectral radius is some sigma^2 / epsilon = .5 / epsilon: twenty steps of
  // dopri5 at its limit of stability at .01, and 10^5 at 1e-6.
  const auto mean_field = [](double epsilon) {
    return make_model("single_index_mean_field",
                      {{"width", std::int64_t{50}},
                       {"epsilon", epsilon},
                       {"target_hermite", std::vector<double>{1, -1, 0.7, 0.3}},
                       {"activation_hermite", std::vector<double>{0.4, 0.5, 0.3, 0.2}}});
  };
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = 1e-8;
  SolverSettings tight;
  tight.method = "rodas";
  tight.rtol = 1e-10;
  tight.atol = 1e-12;
  for (const auto& [epsilon, method] :
       {std::pair{0.1, "dopri5"}, {0.01, "dopri5"}, {1e-6, "rodas"}}) {
    CAPTURE(epsilon);
    const Run run = run_model(*mean_field(epsilon), {}, settings, {0, 0.5, 1}, false);
    INFO(run.outcome.method);
    CHECK(run.outcome.method.find(method) == 0);
    const Run reference = run_model(*mean_field(epsilon), {}, tight, {0, 0.5, 1}, false);
    // A thousand tolerances: plateaus amplify.
    CHECK((run.outcome.final_state - reference.outcome.final_state).norm() <
          1e-3 * reference.outcome.final_state.norm());
  }
}

TEST_CASE("Where gradients are cheap beside a Newton matrix, auto follows a long flow by rock4") {
  // 180 residuals, whose Gram matrix costs fifty gradients; the sharpness is about 1.
  const auto model =
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{5, 20, 3}},
                                           {"loss", std::string("cross_entropy")},
                                           {"samples", std::int64_t{60}},
                                           {"activation", std::string("tanh")}});
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  SolverSettings settings;
  settings.rtol = 1e-6;
  settings.atol = 1e-8;
  const Run run = run_model(*model, flow, settings, {0, 1e2, 1e4}, false);
  CHECK(run.outcome.method == "rock4");
  CHECK(run.outcome.statistics.factorisations == 0);
  settings.method = "cvode";
  const Run other = run_model(*model, flow, settings, {0, 1e2, 1e4}, false);
  CHECK((run.outcome.final_state - other.outcome.final_state).norm() <
        1e-4 * other.outcome.final_state.norm());
  // Ten thousand times as far to go: a hundred times as many gradients, and as many set-ups.
  settings.method = "auto";
  flow.weight_decay = 1e-7;
  CHECK(run_model(*model, flow, settings, {0, 1e8}, false).outcome.method.find("cvode") == 0);
}

TEST_CASE("Before the first look both methods are named, and a checkpoint knows what was taken") {
  EnergySystem system = decay(Vector{{1e6, 1, 1e-3}});
  SolverSettings settings;
  const auto never = [](double, const Vector&, double) { return false; };
  const auto make = [&] {
    return make_switching_stepper(make_dopri5_stepper(system, settings),
                                  make_cvode_stepper(system, settings, false), 1000, Effort::steps,
                                  never);
  };
  const auto stepper = make();
  CHECK(stepper->method() == "dopri5 if not stiff, else cvode");
  stepper->start(0, Vector{{1, 1, 1}});
  stepper->step(1e3, std::numeric_limits<double>::infinity());
  CHECK(stepper->method() == "cvode");
  CHECK(stepper->time() > 0);
  // What is kept before the first step does not answer in its place.
  const auto other = make();
  other->start(0, Vector{{1, 1, 1}});
  Archive archive;
  other->exchange(archive);
  other->step(1e3, std::numeric_limits<double>::infinity());
  CHECK(other->method() == "cvode");
}

TEST_CASE("An explicit method that fails is followed by the implicit one") {
  EnergySystem system = decay(Vector{{1, 2}});
  SolverSettings settings;
  settings.max_steps = 1000;
  const std::vector<double> times{0, 1e20};
  const auto stepper = make_switching_stepper(make_dopri5_stepper(system, settings),
                                              make_cvode_stepper(system, settings, false), 10);
  const Samples run = sample(system, *stepper, settings, Vector{{1, 1}}, times);
  CHECK(run.outcome.status == Status::ok);
  CHECK(run.outcome.final_state.norm() < 1e-6);
}

TEST_CASE("Steps that a boundary has cut short do not count against the first method") {
  // Stiff: some 3e8 steps of dopri5 lead to the end, and it is given over at the second look, but
  // where each of its steps is moved on from.
  EnergySystem system = decay(Vector{{1e3, 1}});
  SolverSettings settings;
  const auto make = [&] {
    return make_switching_stepper(make_dopri5_stepper(system, settings),
                                  make_cvode_stepper(system, settings, false), 30,
                                  Effort::whole_steps);
  };
  const auto given_over = [](const Stepper& stepper) {
    return stepper.method().find("then cvode") != std::string::npos;
  };
  const auto steps = [&](Stepper& stepper, int count, bool move) {
    for (int k = 0; k < count; ++k) {
      stepper.step(1e6, 1e300);
      if (move) REQUIRE(stepper.move_to(stepper.time(), Vector(stepper.state())));
    }
  };
  auto plain = make();
  plain->start(0, Vector{{1, 1}});
  steps(*plain, 201, false);
  CHECK(given_over(*plain));
  auto moved = make();
  moved->start(0, Vector{{1, 1}});
  steps(*moved, 201, true);
  CHECK_FALSE(given_over(*moved));
  // So does one that goes on from its state.
  Archive out;
  moved->exchange(out);
  Archive in(std::move(out).take());
  auto again = make();
  again->start(0, Vector{{1, 1}});
  again->exchange(in);
  steps(*again, 101, true);
  CHECK_FALSE(given_over(*again));
  steps(*again, 201, false);
  CHECK(given_over(*again));
}

TEST_CASE("auto counts a flop of a large set-up as half of one of a right-hand side") {
  // Figure 4's kind of completion on 40 x 40 with 480 entries, a set-up of 3.7e7 flops: counted as
  // they are it would be a hundred explicit steps and more, and rock4 be taken to the end, which
  // takes 2.5 times as long.
  const auto model = make_model("matrix_completion", {{"rows", std::int64_t{40}},
                                                      {"columns", std::int64_t{40}},
                                                      {"rank", std::int64_t{10}},
                                                      {"observed", 0.3}});
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  const Run run = run_model(*model, flow, {}, {0, 1e5}, false);
  CHECK(run.outcome.status == Status::ok);
  CHECK(run.outcome.method == "cvode");
}

TEST_CASE("rodas goes before cvode where its exact matrix costs next to nothing, and there alone") {
  const auto method_of = [](const std::unique_ptr<Model>& model, double rtol) {
    SolverSettings settings;
    settings.rtol = rtol;
    const auto system = model->system({});
    return make_stepper(*system, settings)->method();
  };
  const auto diagonal = [](std::int64_t dimension) {
    return make_model("diagonal_linear_network",
                      {{"dimension", dimension}, {"samples", dimension / 2}});
  };
  CHECK_THAT(method_of(diagonal(20), 1e-6), Catch::Matchers::EndsWith("rodas (RODAS5P)"));
  CHECK_THAT(method_of(diagonal(20), 1e-8), Catch::Matchers::EndsWith("rodas (RODAS5P)"));
  CHECK_THAT(method_of(diagonal(200), 1e-6), Catch::Matchers::EndsWith("cvode"));
  // Where none is affordable, in the pieces of a ReLU network too.
  CHECK(method_of(make_model("multilayer_perceptron",
                             {{"widths", std::vector<std::int64_t>{10, 24, 24, 1}},
                              {"activation", std::string("relu")},
                              {"samples", std::int64_t{100}}}),
                  1e-6) == "dopri5, piece by piece");
  // A dense matrix would be as cheap, but what is taken is GMRES beside an exact block.
  CHECK_THAT(method_of(make_model("single_index_overlaps",
                                  {{"width", std::int64_t{3}}, {"dimension", std::int64_t{8}}}),
                       1e-6),
             Catch::Matchers::EndsWith("cvode"));
}
