#include "solve/integrate.hpp"

#include <cmath>
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// y' = 1 in pieces of a given length, without a bound on how many.
class ManyPieces final : public System, private FlowPieces {
 public:
  explicit ManyPieces(double length) : length_(length) {}
  Index dimension() const override { return 1; }
  void rhs(double, ConstVectorRef, VectorRef dydt) override { dydt[0] = 1; }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef, VectorRef out) override {
    out.setZero();
  }
  FlowPieces* pieces() override { return this; }

 private:
  void hold(double) override {}
  double margin(double, ConstVectorRef y) override { return begin_ + length_ - y[0]; }
  void enter(double, VectorRef y, bool) override { begin_ = y[0]; }

  double length_, begin_ = 0;
};

/// y' = 1 up to y = 0, then -(y + 2).
class Kink final : public System, private FlowPieces {
 public:
  Index dimension() const override { return 1; }
  void rhs(double, ConstVectorRef y, VectorRef dydt) override { dydt[0] = above_ ? -y[0] - 2 : 1; }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef v, VectorRef out) override {
    out = above_ ? Vector(-v) : Vector(0 * v);
  }
  FlowPieces* pieces() override { return this; }

 private:
  void hold(double) override {}
  double margin(double, ConstVectorRef y) override { return above_ ? 1.0 : -y[0]; }
  void enter(double, VectorRef, bool afresh) override { above_ = !afresh; }

  bool above_ = false;
};

Outcome run(System& system, double y0, std::vector<double> times) {
  SolverSettings settings;
  settings.method = "dopri5";
  const auto stepper = make_stepper(system, settings);
  IntegrationControl control;
  control.times = std::move(times);
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  return integrate(system, *stepper, settings, Vector::Constant(1, y0), control);
}

}  // namespace

TEST_CASE("A step that meets the boundary of a piece ends there, and the next piece goes on") {
  Kink system;
  // y = t - 1 up to t = 1, then y = -2 + 2 exp(-(t - 1)).
  const Outcome outcome = run(system, -1, {0, 3});
  CHECK(outcome.status == Status::ok);
  CHECK(outcome.statistics.events == 1);
  // rtol is 1e-8; a crossing that is missed or late by a step would cost far more.
  CHECK(std::abs(outcome.final_state[0] - (-2 + 2 * std::exp(-2.0))) < 1e-7);
}

TEST_CASE("More boundaries than can be followed end the run, with a word on it") {
  ManyPieces fine(1e-8);
  const Outcome outcome = run(fine, 0, {1, 10});
  CHECK(outcome.status == Status::step_budget);
  CHECK(outcome.message.find("too many to follow") != std::string::npos);
  CHECK(outcome.t_end < 1.01);

  ManyPieces none(0);
  const Outcome stuck = run(none, 0, {0, 10});
  CHECK(stuck.status == Status::no_convergence);
}

TEST_CASE("Many boundaries that the flow leaves behind are no reason to end a run") {
  ManyPieces coarse(1e-2);
  const Outcome outcome = run(coarse, 0, {0, 10});
  CHECK(outcome.status == Status::ok);
  CHECK(outcome.statistics.events >= 999);
  CHECK(std::abs(outcome.final_state[0] - 10) < 1e-9);
}
