#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/registry.hpp"
#include "numerics/random.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "solve/stepper.hpp"
#include "tests/catch.hpp"

/// Builds and runs the single-index models as the study layer does, without files.
namespace gradflow::test {

using Values = std::vector<std::pair<std::string, ParameterValue>>;

inline std::unique_ptr<Model> build(const std::string& name, const Values& values,
                                    std::uint64_t seed = 0) {
  const ModelInfo* info = find_model(name);
  REQUIRE(info != nullptr);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : values) parameters.set(key, value);
  return info->make(parameters, seed);
}

/// 0 and `count` times in geometric progression.
inline std::vector<double> log_times(double first, double last, int count) {
  std::vector<double> times{0};
  for (int i = 0; i < count; ++i)
    times.push_back(first * std::pow(last / first, static_cast<double>(i) / (count - 1)));
  return times;
}

class Run final : public Trajectory {
 public:
  const std::vector<double>& times() const override { return times_; }
  const std::vector<double>* values(const std::string& name) const override {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }
  const Vector& final_state() const override { return outcome.final_state; }
  const std::vector<double>& operator[](const std::string& name) const { return values_.at(name); }

  Outcome outcome;
  std::vector<double> times_;
  std::map<std::string, std::vector<double>> values_;
};

inline Run run(Model& model, const FlowSettings& flow, SolverSettings settings,
               std::vector<double> times) {
  Run result;
  const std::unique_ptr<System> system = model.system(flow);
  const std::vector<Observable> observables = model.observables(flow);
  const Vector start = model.initial_state(flow);
  settings = tightened(settings, start);
  const std::unique_ptr<Stepper> stepper = flow.discrete()
                                               ? make_descent_stepper(*system, flow.step, flow.kind)
                                               : make_stepper(*system, settings);
  IntegrationControl control;
  control.times = std::move(times);
  std::uint64_t serial = 0;
  control.sample = [&](std::size_t, double t, ConstVectorRef y) {
    result.times_.push_back(t);
    const State state{t, y, ++serial};
    for (const Observable& observable : observables) {
      if (!observable.by_default) continue;
      std::vector<double>& values = result.values_[observable.name];
      const std::size_t old = values.size();
      values.resize(old + static_cast<std::size_t>(observable.size()));
      observable.evaluate(state, values.data() + old);
    }
  };
  result.outcome = integrate(*system, *stepper, settings, start, control);
  INFO(result.outcome.message);
  REQUIRE(result.outcome.status == Status::ok);
  return result;
}

inline SolverSettings tight() {
  SolverSettings settings;
  settings.rtol = 1e-8;
  settings.atol = 1e-14;
  return settings;
}

inline FlowSettings gradient() {
  return {};
}

inline std::vector<double> measurement(Model& model, const Run& run, const std::string& name) {
  for (const Measurement& m : model.measure(gradient(), run))
    if (m.name == name) return m.values;
  FAIL("no measurement " << name);
  return {};
}
inline std::vector<double> constant(Model& model, const std::string& name) {
  for (const Measurement& m : model.constants(gradient()))
    if (m.name == name) return m.values;
  FAIL("no constant " << name);
  return {};
}

/// The largest |J v - (f(y + h v) - f(y - h v))/(2h)| over the largest |J v|.
inline double jacobian_error(System& system, const Vector& y, const Vector& v, double h) {
  Vector up(y.size()), down(y.size()), product(y.size());
  system.rhs(0, y + h * v, up);
  system.rhs(0, y - h * v, down);
  system.jacobian_times(0, y, v, product);
  const Vector difference = product - (up - down) / (2 * h);
  return difference.cwiseAbs().maxCoeff() / product.cwiseAbs().maxCoeff();
}

/// |(I - gamma J) x - b| / |b| for the x that the Newton matrix gives.
inline double newton_residual(System& system, NewtonMatrix& newton, const Vector& y, double gamma,
                              const Vector& b, double tolerance = 1e-12) {
  newton.linearise(0, y);
  REQUIRE(newton.factorise(gamma));
  Vector x = b;
  REQUIRE(newton.solve(x, tolerance));
  Vector jx(y.size());
  system.jacobian_times(0, y, x, jx);
  return (x - gamma * jx - b).norm() / b.norm();
}

/// The reference runs: ReLU cut at K = 8, phi = h_0 - h_1 + (2/3) h_2, uniform quantiles, m = 50.
inline Values baseline_values(double epsilon, std::int64_t width = 50) {
  return {{"width", width},
          {"epsilon", epsilon},
          {"degree", std::int64_t{8}},
          {"activation", std::string("relu")},
          {"target_hermite", std::vector<double>{1, -1, 2.0 / 3}},
          {"initial_second_layer", std::string("uniform_quantiles")}};
}

}  // namespace gradflow::test
