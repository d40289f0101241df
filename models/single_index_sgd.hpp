#pragma once

#include "flow/system.hpp"
#include "models/single_index_activation.hpp"
#include "models/single_index_population.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// SGD with step eta, t = k eta: each step draws a batch, e = y - f, and
/// a_i += (eta/epsilon) <e sigma(z_i)>, u_i += eta a_i <e sigma'(z_i) x>, then u_i back to the
/// sphere. One pass (fresh Gaussian inputs, "batch" stream), or drawn with replacement from given
/// samples; label noise of variance v adds a fresh N(0, v) to each y. The draws of step k are a
/// function of seed and k: a restart needs nothing but t.
class NetworkSgd final : public System {
 public:
  NetworkSgd(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
             std::shared_ptr<const Vector> targets, Index batch, double label_noise,
             std::uint64_t seed);

  Index dimension() const override { return m_ + m_ * d_; }
  /// The population's slope: what the steps average to.
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override { mean_.rhs(t, y, dydt); }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    mean_.jacobian_times(t, y, v, out);
  }
  void discrete_step(double t, double step, VectorRef y) override;
  bool stochastic() const override { return true; }

 private:
  SingleIndexProblem problem_;
  Index m_, d_, batch_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<const Vector> targets_;
  NetworkActivation activation_;
  NetworkFlow mean_;
  double noise_deviation_;
  RandomStream stream_, noise_stream_;
  Matrix x_, z_, s0_, s1_;
  Vector e_, noise_;
};

}  // namespace gradflow
