#pragma once

#include <cmath>
#include <functional>

#include "flow/system.hpp"
#include "numerics/decompositions.hpp"
#include "solve/integrate.hpp"

/// Small systems with known solutions and energies.
namespace gradflow::testing {

/// Dense (I - gamma J) by partial-pivoting LU, for small general systems.
class DenseLu final : public NewtonMatrix {
 public:
  DenseLu(std::function<void(double, ConstVectorRef, MatrixRef)> jacobian, Index n)
      : NewtonMatrix({}), jacobian_(std::move(jacobian)), j_(n, n) {}
  void linearise(double t, ConstVectorRef y) override { jacobian_(t, y, j_); }
  bool factorise(double gamma) override {
    lu_.compute(Matrix::Identity(j_.rows(), j_.cols()) - gamma * j_);
    return true;
  }
  bool solve(VectorRef b, double) override {
    b = lu_.solve(b).eval();
    return true;
  }
  std::string name() const override { return "dense LU"; }

 private:
  std::function<void(double, ConstVectorRef, MatrixRef)> jacobian_;
  Matrix j_;
  Eigen::PartialPivLU<Matrix> lu_;
};

/// y' = f(y) with everything as functions; energy where there is one.
struct EnergySystem final : System {
  Index n = 1;
  std::function<Vector(double, const Vector&)> f;
  std::function<Matrix(double, const Vector&)> jacobian;
  std::function<double(const Vector&)> e;
  int rhs_calls = 0;

  Index dimension() const override { return n; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override {
    ++rhs_calls;
    dydt = f(t, y);
  }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    out = jacobian(t, y) * v;
  }
  bool has_energy() const override { return static_cast<bool>(e); }
  double energy(ConstVectorRef y) override { return e(y); }
  std::vector<NewtonOffer> newton_offers() const override { return {{}}; }
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind) override {
    return std::make_unique<DenseLu>(
        [this](double t, ConstVectorRef y, MatrixRef j) { j = jacobian(t, y); }, n);
  }
};

/// y_i' = -rate_i y_i, the gradient flow of 1/2 sum rate_i y_i^2.
inline EnergySystem decay(const Vector& rates) {
  EnergySystem system;
  system.n = rates.size();
  system.f = [rates](double, const Vector& y) { return Vector(-rates.cwiseProduct(y)); };
  system.jacobian = [rates](double, const Vector&) { return Matrix((-rates).asDiagonal()); };
  system.e = [rates](const Vector& y) { return 0.5 * rates.dot(y.cwiseAbs2()); };
  return system;
}

/// y' = y (1 - y^2), the gradient flow of (1 - y^2)^2 / 4, with a saddle at 0:
/// y(t)^2 = y0^2 / (y0^2 + (1 - y0^2) e^{-2t}).
inline EnergySystem double_well() {
  EnergySystem system;
  system.f = [](double, const Vector& y) { return Vector{{y[0] * (1 - y[0] * y[0])}}; };
  system.jacobian = [](double, const Vector& y) { return Matrix{{1 - 3 * y[0] * y[0]}}; };
  system.e = [](const Vector& y) {
    const double s = 1 - y[0] * y[0];
    return 0.25 * s * s;
  };
  return system;
}
inline double double_well_exact(double t, double y0) {
  return y0 / std::sqrt(y0 * y0 + (1 - y0 * y0) * std::exp(-2 * t));
}

/// y1' = -rate y1, y2' = y2 (1 - y2^2).
inline EnergySystem hidden_double_well(double rate) {
  EnergySystem system;
  system.n = 2;
  system.f = [=](double, const Vector& y) {
    return Vector{{-rate * y[0], y[1] * (1 - y[1] * y[1])}};
  };
  system.jacobian = [=](double, const Vector& y) {
    return Matrix{{-rate, 0}, {0, 1 - 3 * y[1] * y[1]}};
  };
  system.e = [=](const Vector& y) {
    const double s = 1 - y[1] * y[1];
    return 0.5 * rate * y[0] * y[0] + 0.25 * s * s;
  };
  return system;
}

/// y' = y^2: infinite at t = 1 from y = 1.
inline EnergySystem blow_up() {
  EnergySystem system;
  system.f = [](double, const Vector& y) { return Vector{{y[0] * y[0]}}; };
  system.jacobian = [](double, const Vector& y) { return Matrix{{2 * y[0]}}; };
  return system;
}

struct Samples {
  Outcome outcome;
  std::vector<std::size_t> indices;
  std::vector<double> times;
  std::vector<Vector> states;
};

/// Integrates through the times and keeps the samples; no stop condition.
inline Samples sample(System& system, Stepper& stepper, const SolverSettings& settings,
                      const Vector& y0, const std::vector<double>& times,
                      const std::function<bool(double, ConstVectorRef)>& stop = {},
                      const std::function<bool()>& interrupted = {}) {
  Samples out;
  IntegrationControl control;
  control.times = times;
  control.stop = stop;
  control.interrupted = interrupted;
  control.sample = [&](std::size_t index, double t, ConstVectorRef y) {
    out.indices.push_back(index);
    out.times.push_back(t);
    out.states.emplace_back(y);
  };
  out.outcome = integrate(system, stepper, settings, y0, control);
  return out;
}

inline std::vector<double> linear_times(double end, int count) {
  std::vector<double> times;
  for (int k = 0; k <= count; ++k) times.push_back(end * k / count);
  return times;
}

}  // namespace gradflow::testing
