#include "models/diagonal_linear_network.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("a diagonal network's gradient flow is the mirror flow of the hyperbolic entropy",
          "[diagonal_linear_network][mirror_flow]") {
  Parameters p(diagonal_linear_network().parameters);
  p.set("initial_scale", 0.1);
  p.set("dimension", std::int64_t{12});
  p.set("samples", std::int64_t{6});
  const auto model = diagonal_linear_network().make(p, 4);
  const std::vector<double> times{0, 0.5, 1, 2, 5, 20, 100};
  const auto path = [&](const char* kind) {
    FlowSettings flow;
    flow.kind = kind;
    SolverSettings settings;
    settings.rtol = 1e-11;
    settings.atol = 1e-14;
    const auto system = model->system(flow);
    const auto stepper = make_stepper(*system, settings);
    const auto observables = model->observables(flow);
    std::vector<double> values;
    IntegrationControl control;
    control.times = times;
    std::uint64_t serial = 0;
    control.sample = [&](std::size_t, double t, ConstVectorRef y) {
      ++serial;
      for (const Observable& o : observables)
        if (o.name == "effective_vector" || o.name == "train_loss" || o.name == "norm" ||
            o.name == "gradient_norm") {
          values.resize(values.size() + static_cast<std::size_t>(o.size()));
          o.evaluate(State{t, y, serial}, values.data() + values.size() - o.size());
        }
    };
    const Outcome outcome =
        integrate(*system, *stepper, settings, model->initial_state(flow), control);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.worst_energy_defect < 0.01);
    return values;
  };
  const std::vector<double> gradient = path("gradient"), mirror = path("mirror");
  REQUIRE(gradient.size() == mirror.size());
  REQUIRE(gradient.size() == times.size() * 15);
  // Both at rtol 1e-11: errors grow by the escape from the small start, by some hundred.
  for (std::size_t k = 0; k < gradient.size(); ++k)
    CHECK(mirror[k] == Approx(gradient[k]).epsilon(1e-7).margin(1e-8));
}

TEST_CASE("mirror flow of a diagonal network is refused where it is not one",
          "[diagonal_linear_network][mirror_flow]") {
  FlowSettings flow;
  flow.kind = "mirror";
  const auto refused = [&](const char* name, ParameterValue value) {
    Parameters p(diagonal_linear_network().parameters);
    p.set(name, std::move(value));
    const auto model = diagonal_linear_network().make(p, 0);
    CHECK_THROWS_AS(model->system(flow), ParameterError);
  };
  refused("parametrisation", std::string("product"));
  refused("initial_scale", 0.0);
  flow.weight_decay = 1e-3;
  refused("parametrisation", std::string("difference"));
}
