#include "solve/energy_identity.hpp"

#include "solve/integrate.hpp"
#include "solve/stationary_point.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<double> decades(double first, double last) {
  std::vector<double> times{0};
  for (double t = first; t < last; t *= 3) times.push_back(t);
  times.push_back(last);
  return times;
}

Outcome run(EnergySystem& system, const Vector& y0, const SolverSettings& settings,
            const std::vector<double>& times) {
  const auto stepper = make_cvode_stepper(system, settings, false);
  return sample(system, *stepper, settings, y0, times).outcome;
}

}  // namespace

TEST_CASE("Along a quadratic's flow the drop of the energy is the dissipation, decade by decade") {
  const Vector rates{{1e4, 1, 1e-4}}, y0{{1, 1, 100}};
  EnergySystem system = decay(rates);
  SolverSettings settings;
  const Outcome outcome = run(system, y0, settings, decades(1e-6, 1e5));
  REQUIRE(outcome.status == Status::ok);
  CHECK(outcome.warnings == 0);
  REQUIRE(outcome.energy.size() == 11);  // -6 to 4
  double total = 0;
  for (std::size_t k = 0; k < outcome.energy.size(); ++k) {
    const EnergyDecade& decade = outcome.energy[k];
    CHECK(decade.log10_start == -6 + static_cast<double>(k));
    CHECK(decade.drop >= -1e-12);
    CHECK(decade.dissipation >= 0);
    // Closed form of the drop over [10^k, 10^(k+1)] (from 0 for the first).
    const auto energy = [&](double t) {
      double sum = 0;
      for (Index i = 0; i < 3; ++i)
        sum += 0.5 * rates[i] * y0[i] * y0[i] * std::exp(-2 * rates[i] * t);
      return sum;
    };
    const double from = k == 0 ? 0 : std::pow(10.0, decade.log10_start);
    const double drop = energy(from) - energy(std::pow(10.0, decade.log10_start + 1));
    // States are right to 1e-8 of their size and the energy is 5000: 1e-4 near the start.
    CHECK(std::abs(decade.drop - drop) < 1e-6 * drop + 1e-4 * (k < 4 ? 1 : 0.01));
    total += decade.drop;
    CHECK(decade.defect <= outcome.worst_energy_defect);
  }
  CHECK(total == Approx(system.e(y0) - system.e(outcome.final_state)).epsilon(1e-10));
  // Three Gauss points a step of a smooth interpolant.
  CHECK(outcome.worst_energy_defect < 1e-2);
}

TEST_CASE("A motion that is not the descent of its energy is reported") {
  // The energy claimed is 1.2 times the one that is descended: drop = 1.2 dissipation.
  EnergySystem system = decay(Vector{{1, 3}});
  const auto energy = system.e;
  system.e = [energy](const Vector& y) { return 1.2 * energy(y); };
  const Outcome outcome = run(system, Vector{{1, 1}}, {}, decades(1e-2, 10));
  CHECK(outcome.status == Status::ok);
  CHECK((outcome.warnings & energy_defect_high) != 0);
  CHECK(outcome.worst_energy_defect == Approx(0.2 / 1.2).epsilon(0.01));
  CHECK(outcome.message.find("energy identity") != std::string::npos);
}

TEST_CASE("An energy that rises makes the run doubtful") {
  EnergySystem system = decay(Vector{{1, 3}});
  const auto energy = system.e;
  system.e = [energy](const Vector& y) { return -energy(y); };
  const Outcome outcome = run(system, Vector{{1, 1}}, {}, decades(1e-2, 10));
  CHECK(outcome.status == Status::energy_rise);
  CHECK(outcome.message.find("the energy rose") != std::string::npos);
}

TEST_CASE("A run that has come to rest is not blamed for the noise in its energy") {
  EnergySystem system = decay(Vector{{10, 1}});
  for (const double rtol : {1e-3, 1e-6, 1e-10}) {
    SolverSettings settings;
    settings.rtol = rtol;
    const Outcome outcome = run(system, Vector{{1, 1}}, settings, decades(1e-3, 1e8));
    INFO("rtol = " << rtol << ": " << outcome.message);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.warnings == 0);
  }
}

TEST_CASE("A flow on a manifold that has come to rest does not rise") {
  // u v = 1, u^2 - v^2 decays as exp(-2 tau): from tau = 10 on it is below the tolerance, and E
  // moves with the states' distance from the manifold alone.
  const ModelInfo* info = find_model("diagonal_linear_network");
  Parameters parameters(info->parameters);
  parameters.set("parametrisation", std::string("product"));
  parameters.set_file("inputs", "x.npy", Matrix::Ones(1, 1));
  parameters.set_file("targets", "y.npy", Vector::Ones(1));
  parameters.set_file("initial", "w.npy", Vector{{2, 0.1}});
  const auto model = info->make(parameters, 0);
  FlowSettings flow;
  flow.kind = "riemannian";
  const auto limit = flow_limit(*model->system({}), {}, model->initial_state({}));
  REQUIRE(limit.converged);
  const Run run = run_from(limit.y, *model, flow, {}, {0, 1, 10, 20, 100});
  const Vector end = run.states.back();
  CHECK(end[0] == Approx(1).epsilon(1e-6));
  CHECK(end[0] * end[1] == Approx(1).epsilon(1e-12));
}
