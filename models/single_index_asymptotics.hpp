#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "flow/observable.hpp"
#include "models/single_index.hpp"

namespace gradflow {

/// The small-epsilon solution in the canonical learning order: what the theory says of t_0, t_1,
/// t_2 and of the risk along the way, without a fit.
///
///  - Degree 0, t = epsilon tau: C_0 = (phi_0 - sigma_0 <a(0)>)^2/2 e^{-2 sigma_0^2 tau}.
///  - Degree 1, inner: sigma_1 M_1/phi_1 is the logistic 1/(1 + 4 kappa/(v sqrt(epsilon))
///    e^{-2 lambda t/sqrt(epsilon)}), lambda = |sigma_1 phi_1|, kappa = |phi_1/sigma_1|, v = Var
///    a(0)
///    (<a(0)^2> if sigma_0 = 0), plus 1/(d epsilon) at finite d.
///  - Degree 2, outer: t = t_1 + epsilon^{1/4} T, a = epsilon^{-1/4} A, s = epsilon^{1/4} S;
///    (A, S)' is the projection of sigma_2 phi_2 (S^2, 2AS) on the directions that leave <A> and
///    <AS> at 0 and phi_1/sigma_1 (multipliers), from A(0) = atilde sqrt(kappa/v), S(0) = sign
///    A(0). It blows up at T*.
///  - Degree 2, inner layer matched onto it: the same with phi_2 - sigma_2 epsilon^{1/4} <AS^2> in
///    place of phi_2, which ends the blow-up in a window of width epsilon^{1/3}.
class SingleIndexAsymptotics {
 public:
  SingleIndexAsymptotics(const SingleIndexProblem& problem, ConstVectorRef a0);

  /// Half times of C_0, C_1, C_2; NaN where the theory has none.
  double t0() const { return t0_; }
  double t1() const { return t1_; }
  double t2() const { return t2_; }
  /// T*: t_2 ~ T* epsilon^{1/4}; NaN where the outer problem does not blow up.
  double blow_up() const { return blow_up_; }
  /// sigma_k phi_k != 0 up to the target's last degree, spread a(0) for degree 1, three support
  /// points for degree 2.
  bool canonical() const { return canonical_; }
  /// What spreads the neurons in the linear phase: Var a(0) or <a(0)^2>, plus 1/(d epsilon).
  double spread() const { return spread_; }

  /// C_k at time t, inner layers matched.
  void components(double t, VectorRef out) const;
  /// C_2 by the outer solution alone; NaN from the blow-up on, and before t_1.
  double outer_second_component(double t) const;

 private:
  struct Curve {
    std::vector<double> time, moment;  ///< T and epsilon^{1/4} <AS^2>
    double at(double T) const;
    void add(double T, double value) {
      time.push_back(T);
      moment.push_back(value);
    }
  };
  void integrate_outer(ConstVectorRef a0);
  void integrate_matched() const;

  SingleIndexProblem problem_;
  double t0_, t1_, t2_, blow_up_;
  double spread_ = 0, initial_mean_ = 0, rate_ = 0, kappa_ = 0;
  bool canonical_ = false;
  Vector start_;  ///< (A, S) at T = 0; empty where degree 2 is not integrated
  Curve outer_;
  mutable Curve matched_;  ///< solved when a component at a time is first asked for
};

/// The theory of one run, solved when first asked for and once for all copies.
class SharedAsymptotics {
 public:
  SharedAsymptotics(SingleIndexProblem problem, Vector a0)
      : shared_(std::make_shared<Shared>(Shared{std::move(problem), std::move(a0), nullptr})) {}
  const SingleIndexAsymptotics& operator()() const;

 private:
  struct Shared {
    SingleIndexProblem problem;
    Vector a0;
    std::unique_ptr<const SingleIndexAsymptotics> solved;
  };
  std::shared_ptr<Shared> shared_;
};

/// Off by default: risk_asymptotic, risk_component_asymptotic (degree) and second_component_outer,
/// for a target of `size` coefficients.
std::vector<Observable> asymptotic_observables(const SharedAsymptotics& theory, Index size);

}  // namespace gradflow
