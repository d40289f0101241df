#pragma once

#include <algorithm>
#include <memory>

#include "flow/loss.hpp"
#include "flow/margin_loss.hpp"
#include "flow/potential.hpp"
#include "flow/system.hpp"

namespace gradflow {

/// d grad phi(beta) = -grad L(beta) dt in real time, for any loss L(beta) and separable potential.
/// State: x, shape (d), each coordinate in the variable its potential is integrated in (theta =
/// phi'(beta) by default). `rate` multiplies the right-hand side: the flow of another time unit.
/// Energy L, metric phi'' in beta, so that dL/dt = -<beta', beta'>.
class MirrorFlow final : public System {
 public:
  MirrorFlow(const Loss& loss, SeparablePotential potential, double rate = 1);

  Index dimension() const override { return loss_.dimension(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  bool has_saddles() const override { return false; }
  bool has_condition() const override { return false; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;

  /// beta(x).
  void primal(ConstVectorRef y, VectorRef beta) const;
  /// x(beta).
  static Vector chart(const SeparablePotential& potential, ConstVectorRef beta);

 private:
  void move(ConstVectorRef y);
  Loss loss_;
  SeparablePotential potential_;
  double rate_;
  std::vector<ChartPoint> points_;
  Vector beta_, gradient_, work_;
};

/// The same flow for margins Z beta and exponential-tailed losses, in accelerated time ds = L dt,
/// with all exponentials as differences of logarithms. The independent variable is r = log10(1+s):
///
///   d theta/d rho = (1 + s) Z^T q,  q = -l'(Z beta)/L,  rho = log(1 + s) = r log 10,
///   d delta/d rho = e^-delta - 1 - D,  D = -d log L/d rho = (1 + s) <Z^T q, hess phi* Z^T q>,
///
/// where delta = log((t + 1/L_0) L/(1 + s)) carries the real time t without overflow or
/// cancellation. State: x (d), delta, and r itself, so that the system is autonomous and its metric
/// a function of the state; shape (d + 2).
///
/// Energy -log(1 + log(L_0/L)): L falls at the rate D of log L, by which margins may grow like exp
/// s; their logarithm is what a step resolves.
///
/// Margins of several support vectors differ by order 1 while they grow without bound, so that
/// their differences are lost in double precision once |z| ~ 1e16 (and with them Newton's iteration
/// much earlier). Beyond z ~ 1/`softness` the weights q are therefore taken at the temperature T =
/// sqrt(1 + (softness z_min)^2) in place of 1: differences of tied margins are then T log(q_i/q_j),
/// which moves the direction by order `softness` and nothing else.
class AcceleratedMirrorFlow final : public System {
 public:
  /// `margins`: Z, rows y_i x_i, shape (n, d).
  AcceleratedMirrorFlow(std::shared_ptr<const Matrix> margins, MarginLossKind kind,
                        SeparablePotential potential, double log_initial_loss);

  static constexpr double softness = 1e-8;
  /// Where |beta| or the dual leave what doubles hold, with room for products.
  static constexpr double largest = 1e280;

  Index dimension() const override { return d() + 2; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  bool has_saddles() const override { return false; }
  bool has_condition() const override { return false; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;

  /// What observables read off a state.
  struct Reading {
    Vector beta;
    Vector velocity;  ///< d beta/d r
    Vector margins;   ///< Z beta
    Vector weights;   ///< q, at the temperature above
    double log_loss = 0;
    double log_time = 0;  ///< log t; -infinity at t = 0
    double decay = 0;     ///< D = -d log L/d rho
  };
  void read(ConstVectorRef y, Reading& out);
  /// True where the next step may leave what doubles hold.
  bool arithmetic_ends(ConstVectorRef y) const;

 private:
  friend class AcceleratedNewtonMatrix;
  Index d() const { return margins_->cols(); }
  void move(ConstVectorRef y);
  /// 1 + log(L_0/L) at the last point.
  double depth() const { return 1 + std::max(0.0, log_initial_loss_ - log_loss_); }
  /// sum_i C_i z_i z_i^T, C = -dq/dz at unit temperature, as the covariance of the rows under q,
  /// for which one weight near 1 is no cancellation.
  void weight_curvature(MatrixRef out);

  std::shared_ptr<const Matrix> margins_;
  MarginLossKind kind_;
  SeparablePotential potential_;
  double log_initial_loss_;

  // At the last point.
  std::vector<ChartPoint> points_;
  Vector beta_, z_, scaled_, q_, g_, speed_;  ///< speed: (1 + s) m, so that dx/d rho = speed g
  std::vector<char> capped_;
  double log_loss_ = 0, temperature_ = 1, rate_ = 0, rho_ = 0;
  // Work.
  Matrix centred_, weighted_, curvature_;
  Vector mean_, work_, dg_, extra_;
};

}  // namespace gradflow
