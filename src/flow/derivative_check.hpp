#pragma once

#include <string>
#include <vector>

#include "flow/loss.hpp"
#include "flow/model.hpp"
#include "flow/system.hpp"
#include "numerics/random.hpp"

/// The derivatives that a model writes by hand, held against finite differences and against each
/// other: for the tests of a model, in this tree or outside of it, and for
/// `gradflow check CONFIG --derivatives`.
namespace gradflow {

/// Two ways to the same derivative, compared.
struct DerivativeCheck {
  std::string what;      ///< "J v against differences of f"
  double error = 0;      ///< of their difference, relative to the larger of them
  double tolerance = 0;  ///< that differences, or rounding, may leave
  bool holds() const { return error <= tolerance; }  ///< false for NaN
};
using DerivativeChecks = std::vector<DerivativeCheck>;

/// J v, J^T u, curvature; with `matrices` J^T as a matrix, both Gram matrices and the blocks of the
/// curvature, for which a few N x p and N x N matrices are made; clones. u and v are drawn.
DerivativeChecks compare_derivatives(OutputMap& map, const Vector& w, RandomStream& stream,
                                     bool matrices = true);
/// dl/df, D v, and D = S S^T, at outputs f.
DerivativeChecks compare_derivatives(const OutputLoss& loss, const Vector& f, RandomStream& stream);
/// Gradient, Hessian and Gauss-Newton products of F = l(f(w)).
DerivativeChecks compare_derivatives(Loss& loss, const Vector& w, RandomStream& stream);
/// The Jacobian of a system against differences of its right-hand side, and the descent of its
/// energy at the rate of its metric.
DerivativeChecks compare_derivatives(System& system, const Vector& y, RandomStream& stream);

/// All of these that a model has, the same at each point.
struct PointChecks {
  std::string point;  ///< "initial state", "random point"
  DerivativeChecks checks;
};
/// At the model's initial state and at a random point around it, the same for the same seed. Kinds
/// of flow.kind that iterate have the derivatives of the flow. A model with kinks is moved off
/// them and kept to the smooth piece that it is in.
std::vector<PointChecks> compare_derivatives(Model& model, FlowSettings flow, std::uint64_t seed);

}  // namespace gradflow
