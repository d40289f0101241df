#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/newton_matrix.hpp"
#include "flow/pieces.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// What is integrated: y' = rhs(t, y). A value that a solver asks questions. It may keep work
/// memory, so it belongs to one thread.
class System {
 public:
  virtual ~System() = default;

  virtual Index dimension() const = 0;
  virtual void rhs(double t, ConstVectorRef y, VectorRef dydt) = 0;
  /// Of one call, from the formulas; 0 where it is not known.
  virtual double rhs_flops() const { return 0; }
  /// (d rhs / d y) v at (t, y).
  virtual void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) = 0;

  /// Off a slow manifold by the tolerance, what pulls back to it makes directions along it look
  /// unstable (see ShiftedHessian::settle_residuals). `settle` finds what an implicit Euler step of
  /// length gamma from y leaves of that, to first order; false where the system cannot tell.
  /// `settled_jacobian_times` then is jacobian_times with this in the place of what is at y.
  virtual bool settle(double /*t*/, ConstVectorRef /*y*/, double /*gamma*/) { return false; }
  virtual void settled_jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
    jacobian_times(t, y, v, out);
  }

  /// True where rhs does not depend on t itself.
  virtual bool autonomous() const { return true; }

  /// Gradient flows: y' = -G(y)^{-1} grad E(y), so that dE/dt = -<y', y'>_G.
  virtual bool has_energy() const { return false; }
  /// False where no unstable mode can be: the saddle guard then costs nothing.
  virtual bool has_saddles() const { return true; }
  /// False where there is no condition to follow: no disturbance of any size grows in the flow's
  /// own geometry (mirror flow of a convex loss), or J is symmetric in no metric, and quotients
  /// <v, J v> / <v, v> are no rates (heavy ball).
  virtual bool has_condition() const { return true; }
  virtual double energy(ConstVectorRef /*y*/) { return 0; }
  /// The diagonal of the metric G at y, which has nothing beside it. Euclidean by default.
  virtual void metric(ConstVectorRef y, VectorRef diagonal);
  /// <u, v>_G at y, by `metric`. To be overridden where it is had for less.
  virtual double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v);

  /// Brings a state back to what the exact flow never leaves (a manifold); applied to samples.
  virtual void correct(double /*t*/, VectorRef /*y*/) {}
  /// How far a corrected state is from where the flow is defined, relative; 0: it is there.
  virtual double misfit(ConstVectorRef /*y*/) { return 0; }
  /// True where the flow has come to a point at which it is not defined (after the last rhs).
  virtual bool at_singular_point() const { return false; }

  /// Non-null where the right-hand side is smooth only between surfaces: the solver keeps to one
  /// smooth piece up to its boundary, and there enters the next.
  virtual FlowPieces* pieces() { return nullptr; }

  /// The Newton matrices (I - gamma J) that this system has.
  virtual std::vector<NewtonOffer> newton_offers() const { return {}; }
  /// \throws std::invalid_argument for a kind that is not offered.
  virtual std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind);
  /// The method that `method = "auto"` takes, from the recorded work-precision tables
  /// (docs/solvers.md).
  virtual std::string preferred_method() const;

  /// One step of the discrete dynamics (gradient_descent, sgd, langevin), in place. By default
  /// explicit Euler, y += step * rhs. Noise is part of the system: one with SGD's or Langevin's
  /// overrides this and carries its own random stream.
  virtual void discrete_step(double t, double step, VectorRef y);
  /// True where that draws random numbers.
  virtual bool stochastic() const { return false; }

 private:
  Vector euler_slope_, metric_;
};

/// Growth rate <v, J v>_G / <v, v>_G of a disturbance along v at (t, y): positive where the flow
/// leaves a saddle along v. `work` has the system's dimension.
double growth_rate(System& system, double t, ConstVectorRef y, ConstVectorRef v, VectorRef work);

}  // namespace gradflow
