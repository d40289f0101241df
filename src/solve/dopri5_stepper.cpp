#include <boost/numeric/odeint/algebra/default_operations.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <boost/numeric/odeint/util/is_resizeable.hpp>
#include <boost/numeric/odeint/util/resize.hpp>
#include <boost/numeric/odeint/util/same_size.hpp>
#include <cmath>
#include <limits>

#include "solve/one_step_stepper.hpp"

namespace boost::numeric::odeint {

template <>
struct is_resizeable<gradflow::Vector> : boost::true_type {};
template <>
struct same_size_impl<gradflow::Vector, gradflow::Vector> {
  static bool same_size(const gradflow::Vector& u, const gradflow::Vector& v) {
    return u.size() == v.size();
  }
};
template <>
struct resize_impl<gradflow::Vector, gradflow::Vector> {
  static void resize(gradflow::Vector& u, const gradflow::Vector& v) { u.resize(v.size()); }
};

}  // namespace boost::numeric::odeint

namespace gradflow {
namespace {

namespace odeint = boost::numeric::odeint;

/// Odeint's sums, by stretches that the threads of the run share out.
struct StretchAlgebra {
  template <class Op, class Out, class... In>
  static void for_each(const Op& op, Out& out, const In&... in) {
    shared(op, out.size(), out.data(), in.data()...);
  }
  template <class Op, class... In>
  static void shared(const Op& op, Index n, double* out, const In*... in) {
    long_vectors::for_stretches(n, [=](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) op(out[i], in[i]...);
    });
  }
  template <class Out, class In, class Op>
  static void for_each3(Out& out, const In& in, const In& a, Op op) {
    for_each(op, out, in, a);
  }
  template <class Out, class In, class Op>
  static void for_each4(Out& out, const In& in, const In& a, const In& b, Op op) {
    for_each(op, out, in, a, b);
  }
  template <class Out, class In, class Op>
  static void for_each5(Out& out, const In& in, const In& a, const In& b, const In& c, Op op) {
    for_each(op, out, in, a, b, c);
  }
  template <class Out, class In, class Op>
  static void for_each6(Out& out, const In& in, const In& a, const In& b, const In& c, const In& d,
                        Op op) {
    for_each(op, out, in, a, b, c, d);
  }
  template <class Out, class In, class Op>
  static void for_each7(Out& out, const In& in, const In& a, const In& b, const In& c, const In& d,
                        const In& e, Op op) {
    for_each(op, out, in, a, b, c, d, e);
  }
  template <class Out, class In, class Op>
  static void for_each8(Out& out, const In& in, const In& a, const In& b, const In& c, const In& d,
                        const In& e, const In& f, Op op) {
    for_each(op, out, in, a, b, c, d, e, f);
  }
};

/// Dormand and Prince's method of order 5(4), explicit, with the stages and the dense output of
/// Boost.Odeint. Six evaluations a step, and none for what lies within it or for its slope: the
/// dense output is a polynomial of degree 5 that has the slopes of both ends,
///
///     y(theta) = H(theta) + theta^2 (1 - theta)^2 (a + theta b),
///
/// H the cubic with the states and slopes of the ends, so that its values at two places give a and
/// b, and these its slope anywhere.
class Dopri5Stepper final : public OneStepStepper {
 public:
  Dopri5Stepper(System& system, const SolverSettings& settings)
      : OneStepStepper(system, settings, order, embedded_order) {
    for (Vector* v : {&last_slope_, &next_slope_, &bend_, &twist_}) v->resize(system.dimension());
  }

  void interpolate(double t, VectorRef y) override {
    if (t >= time_ || !(time_ > previous_))
      y = state_;
    else
      odeint_state(t, y);
  }

  void interpolate_derivative(double t, VectorRef ydot) override {
    if (t >= time_ || !(time_ > previous_))
      ydot = slope_;
    else
      take(Polynomial(*this, t), nullptr, ydot.data());
  }

  void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) override {
    for (std::size_t k = 0; k < nodes; ++k) {
      const auto column = static_cast<Index>(k);
      if (!(time_ > previous_)) {
        y.col(column) = state_;
        ydot.col(column) = slope_;
        continue;
      }
      take(Polynomial(*this, t[k]), y.col(column).data(), ydot.col(column).data());
    }
  }

  std::string method() const override { return "dopri5"; }

 private:
  static constexpr int order = 5, embedded_order = 4;
  using Method = odeint::runge_kutta_dopri5<Vector, double, Vector, double, StretchAlgebra,
                                            odeint::default_operations>;

  /// Where y(theta) is this times the states, h times the slopes, and a and b; y' likewise.
  struct Polynomial {
    double last, end, last_slope, end_slope, bend, twist;
    double last_rate, last_slope_rate, end_slope_rate, bend_rate, twist_rate;
    Polynomial(const Dopri5Stepper& of, double t) {
      const double h = of.time_ - of.previous_;
      const double theta = (t - of.previous_) / h, rest = 1 - theta;
      end = theta * theta * (3 - 2 * theta);
      last = 1 - end;
      last_slope = h * theta * rest * rest;
      end_slope = -h * theta * theta * rest;
      bend = theta * theta * rest * rest;
      twist = theta * bend;
      last_rate = -6 * theta * rest / h;
      last_slope_rate = rest * (1 - 3 * theta);
      end_slope_rate = theta * (3 * theta - 2);
      bend_rate = 2 * theta * rest * (1 - 2 * theta) / h;
      twist_rate = theta * theta * rest * (3 - 5 * theta) / h;
    }
  };

  void prepare() override {}
  void accepted() override { bends_are_known_ = false; }
  void renew_slope() override {
    last_slope_.swap(slope_);
    slope_.swap(next_slope_);
  }
  void exchange_own(Archive&) override {}

  double try_step(double h) override {
    const auto rhs = [this](const Vector& y, Vector& slope, double t) { evaluate(t, y, slope); };
    method_.do_step(rhs, state_, slope_, time_, next_, next_slope_, h, error_);
    const double error = weighted_norm(error_, state_, next_);
    return std::isfinite(error) ? error : std::numeric_limits<double>::quiet_NaN();
  }

  void odeint_state(double t, VectorRef y) const {
    method_.calc_state(t, y, last_, last_slope_, previous_, state_, slope_, time_);
  }

  /// Two passes over the stages.
  void find_bends() {
    const double h = time_ - previous_;
    const double first = previous_ + h / 3, second = time_ - h / 3;
    odeint_state(first, bend_);
    odeint_state(second, twist_);
    const Polynomial p(*this, first), q(*this, second);
    // a + theta b there.
    const double at_p = p.twist / p.bend, at_q = q.twist / q.bend;
    for_stretches([&](Index from, Index count) {
      const auto part = [&](const Vector& v) { return v.segment(from, count); };
      auto a = bend_.segment(from, count), b = twist_.segment(from, count);
      a = (a - p.last * part(last_) - p.end * part(state_) - p.last_slope * part(last_slope_) -
           p.end_slope * part(slope_)) /
          p.bend;
      b = (b - q.last * part(last_) - q.end * part(state_) - q.last_slope * part(last_slope_) -
           q.end_slope * part(slope_)) /
          q.bend;
      b = (b - a) / (at_q - at_p);
      a -= at_p * b;
    });
    bends_are_known_ = true;
  }

  /// State (where asked for) and slope.
  void take(const Polynomial& p, double* y, double* ydot) {
    if (!bends_are_known_) find_bends();
    for_stretches([&](Index from, Index count) {
      const auto part = [&](const Vector& v) { return v.segment(from, count); };
      if (y != nullptr)
        Eigen::Map<Vector>(y + from, count) =
            p.last * part(last_) + p.end * part(state_) + p.last_slope * part(last_slope_) +
            p.end_slope * part(slope_) + p.bend * part(bend_) + p.twist * part(twist_);
      Eigen::Map<Vector>(ydot + from, count) =
          p.last_rate * (part(last_) - part(state_)) + p.last_slope_rate * part(last_slope_) +
          p.end_slope_rate * part(slope_) + p.bend_rate * part(bend_) + p.twist_rate * part(twist_);
    });
  }

  Method method_;
  Vector last_slope_, next_slope_;
  Vector bend_, twist_;  ///< a and b, of the last step where `bends_are_known_`
  bool bends_are_known_ = false;
};

}  // namespace

std::unique_ptr<Stepper> make_dopri5_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Dopri5Stepper>(system, settings);
}

}  // namespace gradflow
