#include "solve/checkpoint.hpp"

#include "solve/method_choice.hpp"
#include "tests/catch.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// States in memory, each taken to be due.
class MemoryCheckpoints final : public Checkpoints {
 public:
  std::optional<Archive::Entries> find() override { return last; }
  void keep(Archive::Entries state) override {
    last = std::move(state);
    ++kept;
  }
  double seconds() const override { return 1e-9; }

  std::optional<Archive::Entries> last;
  int kept = 0;
};

struct Run {
  Outcome outcome;
  std::vector<Vector> samples;
  std::int64_t asked = 0;  ///< whether to be interrupted
};

using MakeStepper = std::function<std::unique_ptr<Stepper>(System&, const SolverSettings&)>;

/// One call of `integrate` in a world of its own, interrupted when it is asked for the n-th time.
Run integrate_once(const EnergySystem& model, const SolverSettings& settings, const Vector& y0,
                   const std::vector<double>& times, const MakeStepper& make,
                   Checkpoints* checkpoints, std::int64_t n = -1) {
  Run run;
  EnergySystem system = model;
  const auto stepper = make(system, settings);
  IntegrationControl control;
  control.times = times;
  control.sample = [&](std::size_t, double, ConstVectorRef y) { run.samples.emplace_back(y); };
  control.interrupted = [&] { return ++run.asked == n; };
  control.checkpoints = checkpoints;
  control.recorded = [&](Archive& archive, std::size_t next) {
    std::vector<Vector> first(
        run.samples.begin(),
        run.samples.begin() + static_cast<std::ptrdiff_t>(archive.reading() ? 0 : next));
    first.resize(next);
    for (std::size_t k = 0; k < next; ++k) archive(std::to_string(k), first[k]);
    run.samples = first;
  };
  run.outcome = integrate(system, *stepper, settings, y0, control);
  return run;
}

void check_equal(const Run& a, const Run& b) {
  CHECK(a.outcome.status == b.outcome.status);
  CHECK(a.outcome.message == b.outcome.message);
  CHECK(a.outcome.method == b.outcome.method);
  CHECK(a.outcome.linear == b.outcome.linear);
  CHECK(a.outcome.t_end == b.outcome.t_end);
  CHECK(a.outcome.final_state == b.outcome.final_state);
  CHECK(a.outcome.statistics.steps == b.outcome.statistics.steps);
  CHECK(a.outcome.statistics.rejected_steps == b.outcome.statistics.rejected_steps);
  CHECK(a.outcome.statistics.rhs_evaluations == b.outcome.statistics.rhs_evaluations);
  CHECK(a.outcome.statistics.factorisations == b.outcome.statistics.factorisations);
  CHECK(a.outcome.worst_energy_defect == b.outcome.worst_energy_defect);
  CHECK(a.outcome.energy.size() == b.outcome.energy.size());
  REQUIRE(a.outcome.amplification.has_value() == b.outcome.amplification.has_value());
  if (a.outcome.amplification)
    CHECK(a.outcome.amplification->largest == b.outcome.amplification->largest);
  REQUIRE(a.samples.size() == b.samples.size());
  for (std::size_t k = 0; k < a.samples.size(); ++k) CHECK(a.samples[k] == b.samples[k]);
}

/// Cut three times and gone on with, a run has the bits of one that was never cut.
void check_resumes(const EnergySystem& system, const SolverSettings& settings, const Vector& y0,
                   const std::vector<double>& times, const MakeStepper& make) {
  const Run whole = integrate_once(system, settings, y0, times, make, nullptr);
  REQUIRE(whole.outcome.status == Status::ok);
  MemoryCheckpoints checkpoints;
  for (const double share : {0.4, 0.5, 0.45}) {
    const auto n = static_cast<std::int64_t>(share * static_cast<double>(whole.asked));
    const Run cut = integrate_once(system, settings, y0, times, make, &checkpoints, n);
    if (cut.outcome.status == Status::ok) break;  // what is left was less
    REQUIRE(cut.outcome.status == Status::interrupted);
  }
  CHECK(checkpoints.kept > 1);
  const Run rest = integrate_once(system, settings, y0, times, make, &checkpoints);
  CHECK(rest.asked < whole.asked);
  check_equal(whole, rest);
}

/// y'' = -y: some 100 steps of BDF a turn.
EnergySystem oscillator() {
  EnergySystem system;
  system.n = 2;
  system.f = [](double, const Vector& y) { return Vector{{y[1], -y[0]}}; };
  system.jacobian = [](double, const Vector&) { return Matrix{{0, 1}, {-1, 0}}; };
  return system;
}

}  // namespace

TEST_CASE("Runs of each method go on from a checkpoint to the same bits") {
  for (const char* method : {"cvode", "cvode_adams", "rodas", "rock4", "dopri5", "rosenbrock4"}) {
    CAPTURE(method);
    SolverSettings settings;
    settings.method = method;
    settings.rtol = 1e-7;
    const bool multistep = settings.method.starts_with("cvode");
    check_resumes(oscillator(), settings, Vector{{1, 0}}, linear_times(multistep ? 600 : 60, 37),
                  make_stepper);
  }
}

TEST_CASE("What is watched beside a run goes on with it: energy, saddles, the condition") {
  SolverSettings settings;
  for (const char* method : {"rodas", "rock4", "dopri5"}) {
    CAPTURE(method);
    settings.method = method;
    check_resumes(hidden_double_well(30), settings, Vector{{1, 1e-6}}, linear_times(40, 23),
                  make_stepper);
  }
}

TEST_CASE("A run that has changed its method goes on with the one that it has changed to") {
  SolverSettings settings;
  settings.method = "rodas";
  const MakeStepper make = [](System& system, const SolverSettings& used) {
    return make_switching_stepper(make_dopri5_stepper(system, used),
                                  make_rodas_stepper(system, used), 1000);
  };
  const EnergySystem system = decay(Vector{{1e4, 1, 1e-3}});
  check_resumes(system, settings, Vector{{1, 1, 1}}, {0, 1e-6, 1e-3, 1, 1e3}, make);
  for (const bool worth_trying : {false, true})
    check_resumes(system, settings, Vector{{1, 1, 1}}, {0, 1e-6, 1e-3, 1, 1e3},
                  [worth_trying](System& of, const SolverSettings& used) {
                    return make_switching_stepper(
                        make_dopri5_stepper(of, used), make_rodas_stepper(of, used), 1000,
                        Effort::steps,
                        [worth_trying](double, const Vector&, double) { return worth_trying; });
                  });
}

TEST_CASE("CVODE begins anew where the run says, not where it is cut") {
  SolverSettings settings;
  settings.rtol = 1e-7;
  EnergySystem system = oscillator();
  const auto stepper = make_cvode_stepper(system, settings, false);
  stepper->start(0, Vector{{1, 0}});
  CHECK(stepper->can_resume());
  CHECK_FALSE(stepper->resumes_anywhere());
  std::vector<std::int64_t> places;
  for (std::int64_t step = 1; step <= 4001; ++step) {
    stepper->step(1e6, std::numeric_limits<double>::infinity());
    if (stepper->can_resume()) places.push_back(step);
  }
  CHECK(places == std::vector<std::int64_t>{2000, 4000});
}

TEST_CASE("A state of another run is refused, not taken for this one's") {
  MemoryCheckpoints checkpoints;
  SolverSettings settings;
  settings.method = "rodas";
  integrate_once(oscillator(), settings, Vector{{1, 0}}, {0, 10}, make_stepper, &checkpoints, 20);
  REQUIRE(checkpoints.last);
  settings.method = "dopri5";
  CHECK_THROWS_AS(
      integrate_once(oscillator(), settings, Vector{{1, 0}}, {0, 10}, make_stepper, &checkpoints),
      ArchiveError);
}
