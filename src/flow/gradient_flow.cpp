#include "flow/gradient_flow.hpp"

#include <cmath>

#include "flow/jacobian_newton.hpp"
#include "flow/one_or_each.hpp"
#include "flow/shifted_hessian.hpp"
#include "numerics/long_vectors.hpp"

namespace gradflow {
namespace {

/// out += Lambda v.
void add_decay(ConstVectorRef decay, ConstVectorRef v, VectorRef out) {
  if (decay.size() > 1 || decay[0] != 0) one_or_each::add_product(decay, v, out);
}

double decay_energy(const Vector& decay, ConstVectorRef w) {
  return 0.5 * long_vectors::sum_of_stretches(w.size(), [&](Index first, Index count) {
           return one_or_each::square_sum(one_or_each::part(decay, first, count),
                                          w.segment(first, count));
         });
}

/// I + gamma eta (H + Lambda), divided by eta: (1/eta + gamma Lambda) + gamma H.
class GradientFlowMatrix final : public NewtonMatrix {
 public:
  GradientFlowMatrix(std::unique_ptr<ShiftedHessian> hessian, DecayAndRate terms, Index p)
      : NewtonMatrix(hessian->offer()), hessian_(std::move(hessian)), terms_(std::move(terms)) {
    shift_.resize(terms_.uniform() ? 1 : p);
  }

  void linearise(double, ConstVectorRef y) override { hessian_->linearise(y); }

  bool factorise(double gamma) override {
    for (Index i = 0; i < shift_.size(); ++i)
      shift_[i] =
          1 / one_or_each::entry(terms_.rate, i) + gamma * one_or_each::entry(terms_.decay, i);
    return hessian_->factorise(shift_, gamma);
  }

  bool solve(VectorRef b, double tolerance) override {
    long_vectors::for_stretches(b.size(), [&](Index first, Index count) {
      one_or_each::divide(one_or_each::part(terms_.rate, first, count), b.segment(first, count));
    });
    return hessian_->solve(b, tolerance);
  }

  std::string name() const override { return hessian_->name(); }
  std::optional<Index> negative_eigenvalues() const override {
    return hessian_->negative_eigenvalues();
  }
  void linearise_at_predictions() override { hessian_->settle_residuals(terms_.decay); }

 private:
  std::unique_ptr<ShiftedHessian> hessian_;
  DecayAndRate terms_;
  Vector shift_;
};

/// Heavy ball: eliminating x_v = (x_w - b_w)/gamma from (I - gamma J) x = b leaves
/// [(1 + gamma mu) + gamma^2 (Lambda + H)] x_w = gamma b_v + (1 + gamma mu) b_w.
class HeavyBallMatrix final : public NewtonMatrix {
 public:
  HeavyBallMatrix(NewtonOffer offer, std::unique_ptr<ShiftedHessian> hessian, Vector decay,
                  double friction, Index p)
      : NewtonMatrix(std::move(offer)),
        hessian_(std::move(hessian)),
        decay_(std::move(decay)),
        friction_(friction),
        x_(p) {
    shift_.resize(decay_.size());
  }

  void linearise(double, ConstVectorRef y) override { hessian_->linearise(y.head(x_.size())); }

  bool factorise(double gamma) override {
    gamma_ = gamma;
    shift_ = (gamma * gamma * decay_).array() + (1 + gamma * friction_);
    return hessian_->factorise(shift_, gamma * gamma);
  }

  bool solve(VectorRef b, double /*tolerance*/) override {
    const Index p = x_.size();
    x_ = gamma_ * b.tail(p) + (1 + gamma_ * friction_) * b.head(p);
    // Velocities are a difference over gamma: nothing less than all digits will do.
    if (!hessian_->solve(x_, 0)) return false;
    b.tail(p) = (x_ - b.head(p)) / gamma_;
    b.head(p) = x_;
    return true;
  }

  std::string name() const override { return hessian_->name(); }
  void linearise_at_predictions() override { hessian_->settle_residuals(decay_); }

 private:
  std::unique_ptr<ShiftedHessian> hessian_;
  Vector decay_;
  double friction_, gamma_ = 0;
  Vector x_, shift_;
};

}  // namespace

GradientFlow::GradientFlow(const Loss& loss, DecayAndRate terms)
    : loss_(loss), terms_(std::move(terms)) {
  symmetric_ = pieces() == nullptr || !loss_.map().pieces()->curved();
}

void GradientFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  loss_.gradient(y, dydt);
  descend(y, dydt);
}

void GradientFlow::descend(ConstVectorRef y, VectorRef gradient) {
  const bool projects = loss_.map().pieces() != nullptr;
  if (projects) {
    add_decay(terms_.decay, y, gradient);
    loss_.project(gradient);
  }
  turn_downhill(y, gradient, !projects);
}

void GradientFlow::turn_downhill(ConstVectorRef v, VectorRef out, bool adds_decay) const {
  long_vectors::for_stretches(v.size(), [&](Index first, Index count) {
    auto part = out.segment(first, count);
    if (adds_decay)
      add_decay(one_or_each::part(terms_.decay, first, count), v.segment(first, count), part);
    one_or_each::multiply(one_or_each::part(terms_.rate, first, count), part);
    part *= -1;
  });
}

void GradientFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  loss_.linearise(y);
  loss_.hessian_times(v, out);
  finish_jacobian(v, out);
}

bool GradientFlow::settle(double, ConstVectorRef y, double gamma) {
  if (!settled_) settled_ = std::make_unique<SettledGradient>(loss_);
  const Vector shift = one_or_each::sum(terms_.rate.cwiseInverse(), gamma * terms_.decay);
  return settled_->find(y, shift, gamma, terms_.decay);
}

void GradientFlow::settled_jacobian_times(double, ConstVectorRef y, ConstVectorRef v,
                                          VectorRef out) {
  loss_.linearise(y);
  loss_.hessian_times(v, out, settled_->gradient());
  finish_jacobian(v, out);
}

void GradientFlow::finish_jacobian(ConstVectorRef v, VectorRef out) {
  MapPieces* const pieces = loss_.map().pieces();
  if (pieces != nullptr) {
    add_decay(terms_.decay, v, out);
    pieces->project(out);
    pieces->turn(loss_.last_output_gradient(), v, out);
  }
  turn_downhill(v, out, pieces == nullptr);
}

double GradientFlow::energy(ConstVectorRef y) {
  return loss_.value(y) + decay_energy(terms_.decay, y);
}

void GradientFlow::metric(ConstVectorRef, VectorRef diagonal) {
  if (terms_.rate.size() == 1)
    diagonal.setConstant(1 / terms_.rate[0]);
  else
    diagonal = terms_.rate.cwiseInverse();
}

double GradientFlow::inner_product(ConstVectorRef, ConstVectorRef u, ConstVectorRef v) {
  if (terms_.rate.size() == 1) return long_vectors::dot(u, v) / terms_.rate[0];
  return long_vectors::sum_of_stretches(u.size(), [&](Index first, Index count) {
    return (u.segment(first, count).array() * v.segment(first, count).array() /
            terms_.rate.segment(first, count).array())
        .sum();
  });
}

void GradientFlow::hold(double tolerance) {
  loss_.map().pieces()->hold(tolerance, terms_.decay[0]);
}

double GradientFlow::margin(double, ConstVectorRef y) {
  loss_.linearise(y);
  return loss_.map().pieces()->margin(loss_.last_output_gradient());
}

void GradientFlow::enter(double, VectorRef y, bool afresh) {
  loss_.linearise(y);
  loss_.map().pieces()->enter(y, loss_.last_output_gradient(), afresh);
}

void GradientFlow::keep(ConstVectorRef y, VectorRef v) {
  loss_.linearise(y);
  loss_.map().pieces()->project(v);
}

void GradientFlow::exchange(Archive& archive) {
  if (auto* map = dynamic_cast<Resumable*>(&loss_.map())) archive.part("map", *map);
}

std::string GradientFlow::preferred_method() const {
  // With outputs affine in w no slow manifold is curved, for which a Rosenbrock method would pay in
  // each step; without iterations its steps are a quarter of BDF's, and its errors far below.
  return loss_.map().affine() ? "rodas" : System::preferred_method();
}

std::vector<NewtonOffer> GradientFlow::newton_offers() const {
  std::vector<NewtonOffer> offers = newton_offers_of(loss_);
  if (symmetric_) return offers;
  for (NewtonOffer& offer : offers) {
    if (offer.kind != LinearKind::dense) continue;
    const double product = offer.cost.linearise_flops / static_cast<double>(dimension());
    NewtonOffer general = dense_newton_offer(dimension(), product);
    general.about = offer.about;
    offer = general;
  }
  return offers;
}

std::unique_ptr<NewtonMatrix> GradientFlow::newton_matrix(LinearKind kind) {
  if (kind == LinearKind::dense && !symmetric_)
    return make_dense_newton_matrix(
        *this, dense_hessian_offer(loss_).cost.linearise_flops / static_cast<double>(dimension()));
  return std::make_unique<GradientFlowMatrix>(make_shifted_hessian(loss_, kind), terms_,
                                              loss_.dimension());
}

LangevinDynamics::LangevinDynamics(const Loss& loss, DecayAndRate terms, double temperature,
                                   std::uint64_t seed)
    : GradientFlow(loss, terms),
      noise_scale_((2 * temperature * terms.rate).cwiseSqrt()),
      noise_(loss.dimension()),
      stream_(seed, "noise") {}

void LangevinDynamics::discrete_step(double t, double step, VectorRef y) {
  stream_.seek(static_cast<std::uint64_t>(std::llround(t / step)) *
               static_cast<std::uint64_t>(y.size()));
  stream_.fill_normal(noise_, std::sqrt(step));
  GradientFlow::discrete_step(t, step, y);
  one_or_each::add_product(noise_scale_, noise_, y);
}

HeavyBallFlow::HeavyBallFlow(const Loss& loss, Vector decay, double friction)
    : loss_(loss), decay_(std::move(decay)), friction_(friction) {}

void HeavyBallFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Index p = loss_.dimension();
  auto force = dydt.tail(p);
  loss_.gradient(y.head(p), force);
  add_decay(decay_, y.head(p), force);
  force = -force - friction_ * y.tail(p);
  dydt.head(p) = y.tail(p);
}

void HeavyBallFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Index p = loss_.dimension();
  loss_.linearise(y.head(p));
  auto force = out.tail(p);
  loss_.hessian_times(v.head(p), force);
  add_decay(decay_, v.head(p), force);
  force = -force - friction_ * v.tail(p);
  out.head(p) = v.tail(p);
}

double HeavyBallFlow::energy(ConstVectorRef y) {
  const Index p = loss_.dimension();
  return loss_.value(y.head(p)) + decay_energy(decay_, y.head(p)) + 0.5 * y.tail(p).squaredNorm();
}

void HeavyBallFlow::metric(ConstVectorRef, VectorRef diagonal) {
  const Index p = loss_.dimension();
  diagonal.head(p).setConstant(friction_);
  diagonal.tail(p).setZero();
}

std::vector<NewtonOffer> HeavyBallFlow::newton_offers() const {
  std::vector<NewtonOffer> offers = newton_offers_of(loss_);
  // What the loss's matrices count are no eigenvalues of I - gamma J.
  for (NewtonOffer& offer : offers) offer.counts_inertia = false;
  return offers;
}

System& HeavyBallFlow::descent() {
  if (!descent_)
    descent_ = std::make_unique<GradientFlow>(loss_, DecayAndRate{decay_, Vector::Ones(1)});
  return *descent_;
}

std::unique_ptr<NewtonMatrix> HeavyBallFlow::newton_matrix(LinearKind kind) {
  auto hessian = make_shifted_hessian(loss_, kind);
  NewtonOffer offer = hessian->offer();
  offer.counts_inertia = false;
  return std::make_unique<HeavyBallMatrix>(std::move(offer), std::move(hessian), decay_, friction_,
                                           loss_.dimension());
}

}  // namespace gradflow
