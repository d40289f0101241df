#include "models/single_index_asymptotics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <set>

#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// The outer problem of degree 2. State: A (m), S (m). With c = 0 the outer problem itself; with
/// c = sigma_2^2 epsilon^{1/4} the matched one.
class SecondDegree {
 public:
  SecondDegree(double force, double feedback, bool constant_mode)
      : force_(force), feedback_(feedback), constant_mode_(constant_mode) {}

  static double moment(const Vector& y) {
    const Index m = y.size() / 2;
    return (y.head(m).array() * y.tail(m).array().square()).mean();
  }

  void operator()(const Vector& y, Vector& out) const {
    const Index m = y.size() / 2;
    const auto a = y.head(m).array(), s = y.tail(m).array();
    const double strength = force_ - feedback_ * moment(y);
    // <b_k, b_l> for b_0 = (1, 0), b_1 = (S, A), b_2 = (S^2, 2AS).
    const double b01 = s.mean(), b11 = (s * s + a * a).mean();
    const double b02 = (s * s).mean(), b12 = (s * s * s + 2 * a * a * s).mean();
    double r0 = 0, r1;
    if (constant_mode_) {
      const double det = b11 - b01 * b01;
      r1 = -(b12 - b01 * b02) / det;
      r0 = -b02 - b01 * r1;
    } else {
      r1 = -b12 / b11;
    }
    out.head(m) = strength * (r0 + r1 * s + s * s);
    out.tail(m) = strength * (r1 * a + 2 * a * s);
  }

 private:
  double force_, feedback_;
  bool constant_mode_;
};

/// Dormand-Prince 5(4) at relative tolerance 1e-9, step by step: the outer problems are not stiff.
class DormandPrince {
 public:
  DormandPrince(const SecondDegree& f, Vector y) : f_(f), y_(std::move(y)) {
    for (Vector& k : k_) k.resize(y_.size());
    f_(y_, k_[0]);
  }
  double time() const { return t_; }
  const Vector& state() const { return y_; }
  const Vector& slope() const { return k_[0]; }

  /// One accepted step, not past t_end; false where it is below the resolution of t.
  bool step(double t_end) {
    static constexpr double a[6][6] = {
        {1.0 / 5},
        {3.0 / 40, 9.0 / 40},
        {44.0 / 45, -56.0 / 15, 32.0 / 9},
        {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
        {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
        {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
    static constexpr double e[7] = {71.0 / 57600,      0,          -71.0 / 16695, 71.0 / 1920,
                                    -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
    const double size = y_.norm();
    if (h_ == 0) h_ = 1e-3 * size / std::max(k_[0].norm(), 1e-300);
    for (;;) {
      const double h = std::min(h_, t_end - t_);
      if (!(t_ + h > t_)) return false;
      for (int i = 0; i < 6; ++i) {
        next_ = y_;
        for (int j = 0; j <= i; ++j)
          if (a[i][j] != 0) next_ += h * a[i][j] * k_[static_cast<std::size_t>(j)];
        f_(next_, k_[static_cast<std::size_t>(i) + 1]);
      }
      error_.setZero(y_.size());
      for (std::size_t j = 0; j < 7; ++j)
        if (e[j] != 0) error_ += h * e[j] * k_[j];
      const double ratio = error_.norm() / (1e-9 * std::max(size, 1e-300));
      const double factor =
          std::isfinite(ratio) ? std::clamp(0.9 * std::pow(ratio, -0.2), 0.2, 5.0) : 0.2;
      h_ = h * factor;
      if (ratio <= 1) {
        t_ += h;
        y_.swap(next_);
        k_[0].swap(k_[6]);
        return true;
      }
    }
  }

 private:
  const SecondDegree& f_;
  Vector y_, next_, error_;
  std::array<Vector, 7> k_;
  double t_ = 0, h_ = 0;
};

}  // namespace

double SingleIndexAsymptotics::Curve::at(double T) const {
  if (time.empty()) return 0;
  if (T <= time.front()) return moment.front();
  if (T >= time.back()) return moment.back();
  const auto above = std::upper_bound(time.begin(), time.end(), T);
  const auto i = static_cast<std::size_t>(above - time.begin());
  const double fraction = (T - time[i - 1]) / (time[i] - time[i - 1]);
  return moment[i - 1] + fraction * (moment[i] - moment[i - 1]);
}

SingleIndexAsymptotics::SingleIndexAsymptotics(const SingleIndexProblem& problem, ConstVectorRef a0)
    : problem_(problem), t0_(nan), t1_(nan), t2_(nan), blow_up_(nan) {
  const Vector& sigma = problem.sigma;
  const Vector& phi = problem.phi;
  const double epsilon = problem.epsilon;
  initial_mean_ = a0.mean();
  const bool constant_mode = sigma[0] != 0;
  if (constant_mode && phi[0] - sigma[0] * initial_mean_ != 0)
    t0_ = epsilon * std::log(2.0) / (2 * sigma[0] * sigma[0]);
  const double variance =
      constant_mode ? (a0.array() - initial_mean_).square().mean() : a0.array().square().mean();
  // All equal, up to the rounding of their mean.
  const bool spread = variance > 1e-24 * a0.squaredNorm();
  spread_ = spread ? variance : 0;
  if (problem.dimension > 0) spread_ += 1 / (static_cast<double>(problem.dimension) * epsilon);
  if (phi.size() > 1 && sigma[1] != 0 && phi[1] != 0) {
    rate_ = std::abs(sigma[1] * phi[1]);
    kappa_ = std::abs(phi[1] / sigma[1]);
    const double argument = 4 * kappa_ * (std::sqrt(2.0) - 1) / (spread_ * std::sqrt(epsilon));
    if (spread_ > 0 && argument > 1) t1_ = std::sqrt(epsilon) / (2 * rate_) * std::log(argument);
  }
  Index last = 0;
  for (Index k = 0; k < phi.size(); ++k)
    if (phi[k] != 0) last = k;
  canonical_ = true;
  for (Index k = 0; k <= last; ++k) canonical_ = canonical_ && sigma[k] * phi[k] != 0;
  if (last >= 1) canonical_ = canonical_ && spread;
  if (last >= 2) {
    std::set<double> support;
    for (Index i = 0; i < a0.size() && support.size() < 3; ++i) support.insert(a0[i]);
    canonical_ = canonical_ && support.size() >= 3;
  }
  // Beyond this width the outer problem would cost as much as the run.
  const bool affordable = a0.size() <= 20000;
  if (affordable && spread && std::isfinite(t1_) && phi.size() > 2 && sigma[2] != 0 && phi[2] != 0)
    integrate_outer(a0);
}

void SingleIndexAsymptotics::integrate_outer(ConstVectorRef a0) {
  const Index m = a0.size();
  const double scale = std::pow(problem_.epsilon, 0.25);
  const double force = problem_.sigma[2] * problem_.phi[2];
  const bool constant_mode = problem_.sigma[0] != 0;
  // In the linear phase the spread of a(0) is what grows; s(0) at finite d adds to it alike.
  const double mean = constant_mode ? initial_mean_ : 0;
  const double variance = (a0.array() - mean).square().mean();
  start_.resize(2 * m);
  start_.head(m) = (a0.array() - mean) * std::sqrt(kappa_ / variance);
  start_.tail(m) =
      problem_.sigma[1] * problem_.phi[1] > 0 ? start_.head(m) : Vector(-start_.head(m));
  const double size = start_.norm();
  const double longest = 10 / scale;  // t = 10
  const double half = (1 - 1 / std::sqrt(2.0)) * problem_.phi[2];

  const SecondDegree outer(force, 0, constant_mode);
  DormandPrince flow(outer, start_);
  outer_.add(flow.time(), scale * SecondDegree::moment(flow.state()));
  bool learnt = false;
  while (flow.time() < longest && flow.step(longest)) {
    const double before = outer_.moment.back();
    outer_.add(flow.time(), scale * SecondDegree::moment(flow.state()));
    const double after = outer_.moment.back();
    // sigma_2 M_2 towards phi_2, whatever their signs.
    const auto progress = [&](double moment) { return problem_.sigma[2] * moment / half; };
    if (!learnt && progress(after) >= 1) {
      learnt = true;
      const double fraction = (1 - progress(before)) / (progress(after) - progress(before));
      const double T = outer_.time[outer_.time.size() - 2] +
                       fraction * (flow.time() - outer_.time[outer_.time.size() - 2]);
      t2_ = t1_ + scale * T;
    }
    if (flow.state().norm() > 1e6 * size) {
      // A' = f S^2, S' = 2 f A S of the leading neuron: A = 1/(2 f (T* - T)).
      Index leading = 0;
      flow.state().head(m).cwiseAbs().maxCoeff(&leading);
      blow_up_ = flow.time() + 1 / (2 * std::abs(force * flow.state()[leading]));
      break;
    }
  }
}

void SingleIndexAsymptotics::integrate_matched() const {
  const double scale = std::pow(problem_.epsilon, 0.25);
  const double force = problem_.sigma[2] * problem_.phi[2];
  const double feedback = problem_.sigma[2] * problem_.sigma[2] * scale;
  const SecondDegree matched(force, feedback, problem_.sigma[0] != 0);
  DormandPrince full(matched, start_);
  matched_.add(full.time(), scale * SecondDegree::moment(full.state()));
  const double end = 10 * blow_up_;
  while (full.time() < end && full.step(end)) {
    matched_.add(full.time(), scale * SecondDegree::moment(full.state()));
    if (std::abs(1 - problem_.sigma[2] * matched_.moment.back() / problem_.phi[2]) < 1e-9) break;
  }
}

void SingleIndexAsymptotics::components(double t, VectorRef out) const {
  const Vector& sigma = problem_.sigma;
  const Vector& phi = problem_.phi;
  out = 0.5 * phi.array().square();
  const double start = phi[0] - sigma[0] * initial_mean_;
  out[0] = 0.5 * start * start * std::exp(-2 * sigma[0] * sigma[0] * t / problem_.epsilon);
  if (out.size() > 1 && std::isfinite(t1_)) {
    const double root = std::sqrt(problem_.epsilon);
    // 1 - logistic, without cancellation on either side.
    const double ratio = 4 * kappa_ / (spread_ * root) * std::exp(-2 * rate_ * t / root);
    const double left = ratio / (1 + ratio);
    out[1] *= left * left;
  }
  if (out.size() > 2 && std::isfinite(blow_up_) && t > t1_) {
    if (matched_.time.empty()) integrate_matched();
    const double left =
        phi[2] - sigma[2] * matched_.at((t - t1_) / std::pow(problem_.epsilon, 0.25));
    out[2] = 0.5 * left * left;
  }
}

double SingleIndexAsymptotics::outer_second_component(double t) const {
  if (outer_.time.empty() || !(t > t1_)) return nan;
  const double T = (t - t1_) / std::pow(problem_.epsilon, 0.25);
  if (!(T < outer_.time.back())) return nan;
  const double left = problem_.phi[2] - problem_.sigma[2] * outer_.at(T);
  // Past full learning the outer solution has no meaning.
  return left * problem_.phi[2] > 0 ? 0.5 * left * left : nan;
}

const SingleIndexAsymptotics& SharedAsymptotics::operator()() const {
  if (shared_->solved == nullptr)
    shared_->solved = std::make_unique<SingleIndexAsymptotics>(shared_->problem, shared_->a0);
  return *shared_->solved;
}

std::vector<Observable> asymptotic_observables(const SharedAsymptotics& theory, Index size) {
  return {
      {"risk_asymptotic",
       "risk by the small-epsilon theory, inner layers matched",
       {},
       false,
       [theory, size](const State& s, double* out) {
         Vector components(size);
         theory().components(s.t, components);
         *out = components.sum();
       }},
      {"risk_component_asymptotic",
       "component of the risk by the small-epsilon theory",
       {counting_axis("degree", size, "Hermite degree")},
       false,
       [theory, size](const State& s, double* out) {
         Eigen::Map<Vector> components(out, size);
         theory().components(s.t, components);
       }},
      {"second_component_outer",
       "component of degree 2 by the outer solution alone",
       {},
       false,
       [theory](const State& s, double* out) { *out = theory().outer_second_component(s.t); }},
  };
}

}  // namespace gradflow
