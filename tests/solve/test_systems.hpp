#pragma once

#include <functional>
#include <memory>
#include <stdexcept>

#include <Eigen/LU>

#include "flow/system.hpp"

namespace gradflow::testing {

/// Dense (I - gamma J) by partial-pivoting LU, for small general systems.
class DenseLu final : public NewtonMatrix {
 public:
  DenseLu(std::function<void(double, ConstVectorRef, MatrixRef)> jacobian, Index n)
      : jacobian_(std::move(jacobian)), j_(n, n) {}
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
  bool exact() const override { return true; }
  NewtonCost cost() const override { return {}; }

 private:
  std::function<void(double, ConstVectorRef, MatrixRef)> jacobian_;
  Matrix j_;
  Eigen::PartialPivLU<Matrix> lu_;
};

/// A small system given by functions, as the IVP test set has them.
class FunctionSystem : public System {
 public:
  using Rhs = std::function<void(double, ConstVectorRef, VectorRef)>;
  using Jacobian = std::function<void(double, ConstVectorRef, MatrixRef)>;
  FunctionSystem(Index n, Rhs rhs, Jacobian jacobian)
      : n_(n), rhs_(std::move(rhs)), jacobian_(std::move(jacobian)), j_(n, n) {}

  Index dimension() const override { return n_; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override { rhs_(t, y, dydt); }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    jacobian_(t, y, j_);
    out = j_ * v;
  }
  std::vector<LinearKind> linear_kinds() const override { return {LinearKind::dense}; }
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind) override {
    return std::make_unique<DenseLu>(jacobian_, n_);
  }

 private:
  Index n_;
  Rhs rhs_;
  Jacobian jacobian_;
  Matrix j_;
};

/// y' = y (1 - y^2), the gradient flow of (1 - y^2)^2 / 4 in one variable: leaves the saddle at 0.
class DoubleWell final : public FunctionSystem {
 public:
  DoubleWell()
      : FunctionSystem(
            1, [](double, ConstVectorRef y, VectorRef f) { f[0] = y[0] * (1 - y[0] * y[0]); },
            [](double, ConstVectorRef y, MatrixRef j) { j(0, 0) = 1 - 3 * y[0] * y[0]; }) {}
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override { return 0.25 * (1 - y[0] * y[0]) * (1 - y[0] * y[0]); }
};

}  // namespace gradflow::testing
