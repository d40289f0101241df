#pragma once

#include <memory>

#include "flow/inertial_flow.hpp"
#include "flow/loss.hpp"
#include "flow/settled_gradient.hpp"
#include "flow/system.hpp"
#include "numerics/archive.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// Learning rates eta and weight decays Lambda, each one number for all parameters (size 1) or one
/// a parameter (size p).
struct DecayAndRate {
  Vector decay = Vector::Zero(1);
  Vector rate = Vector::Ones(1);
  bool uniform() const { return decay.size() == 1 && rate.size() == 1; }
};

/// w' = -eta (grad F(w) + Lambda w), the gradient flow of E = F + 1/2 w.Lambda w in the metric
/// 1/eta. State: w, shape (p).
class GradientFlow : public System, public Resumable, private FlowPieces {
 public:
  GradientFlow(const Loss& loss, DecayAndRate terms);

  Index dimension() const override { return loss_.dimension(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool settle(double t, ConstVectorRef y, double gamma) override;
  void settled_jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  double rhs_flops() const override {
    return loss_.map().evaluate_flops() + loss_.map().product_flops();
  }
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) override;
  /// Kinks: only with one learning rate and weight decay for all, which keep a surface's normal.
  FlowPieces* pieces() override {
    return terms_.uniform() && loss_.map().pieces() != nullptr ? this : nullptr;
  }
  /// The piece, where the map has any.
  void exchange(Archive& archive) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::string preferred_method() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;

 protected:
  const Loss& loss() const { return loss_; }
  /// grad F(y) -> -eta (grad F + Lambda y), in place.
  void descend(ConstVectorRef y, VectorRef gradient);

 private:
  void hold(double tolerance) override;
  double margin(double t, ConstVectorRef y) override;
  void enter(double t, VectorRef y, bool afresh) override;
  void keep(ConstVectorRef y, VectorRef v) override;
  /// hess F v -> (the flow's Jacobian) v, in place.
  void finish_jacobian(ConstVectorRef v, VectorRef out);
  /// out <- -eta out, where asked with Lambda v added first; in one pass.
  void turn_downhill(ConstVectorRef v, VectorRef out, bool adds_decay) const;

  Loss loss_;
  DecayAndRate terms_;
  bool symmetric_;  ///< the Jacobian: in surfaces that are curved it is not
  std::unique_ptr<SettledGradient> settled_;  ///< made when first asked for
};

/// Overdamped Langevin dynamics, dw = -eta (grad F(w) + Lambda w) dt + sqrt(2 eta T) dW, by the
/// Euler-Maruyama scheme (weak order 1 in the step). The learning rates eta do not change its
/// stationary density, exp(-E/T) up to the order of the step. The noise of step k is a function of
/// (seed, k).
class LangevinDynamics final : public GradientFlow {
 public:
  LangevinDynamics(const Loss& loss, DecayAndRate terms, double temperature, std::uint64_t seed);

  void discrete_step(double t, double step, VectorRef y) override;
  bool stochastic() const override { return noise_scale_.maxCoeff() > 0; }

 private:
  Vector noise_scale_;  ///< sqrt(2 eta T), size 1 or p
  Vector noise_;
  RandomStream stream_;
};

/// w'' + mu w' = -grad F(w) - Lambda w as a first-order system. State: w then w', shape (2p).
/// Its energy F + 1/2 w.Lambda w + 1/2 |w'|^2 falls at the rate mu |w'|^2.
class HeavyBallFlow final : public System, public InertialFlow {
 public:
  HeavyBallFlow(const Loss& loss, Vector decay, double friction);

  Index dimension() const override { return 2 * loss_.dimension(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  /// None that its metric shows (InertialFlow): a ball at a turning point has an infinite rate of
  /// growth in it.
  bool has_saddles() const override { return false; }
  bool has_condition() const override { return false; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;
  System& descent() override;
  double friction() const override { return friction_; }

 private:
  Loss loss_;
  Vector decay_;
  double friction_;
  std::unique_ptr<GradientFlow> descent_;  ///< made when first asked for
};

}  // namespace gradflow
