#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flow/gradient_flow.hpp"
#include "flow/loss.hpp"
#include "flow/model.hpp"
#include "flow/riemannian_flow.hpp"
#include "flow/scalar_curvature.hpp"
#include "flow/spectrum.hpp"

namespace gradflow {

/// A model whose flow descends a loss of outputs: it brings the outputs, the data and its own
/// observables, and has all flows of a loss and their solvers from here.
class LossModel : public Model {
 public:
  LossModel(Loss loss, Vector initial, std::vector<ParameterGroup> groups = {});

  Vector initial_state(const FlowSettings& flow) override;
  std::unique_ptr<System> system(const FlowSettings& flow) override;
  /// train_loss, regularised_loss, norm, gradient_norm, spectra and curvature, then
  /// `own_observables`.
  std::vector<Observable> observables(const FlowSettings& flow) override;

  Loss& loss() { return loss_; }
  const std::vector<ParameterGroup>& groups() const { return groups_; }
  static std::vector<std::string> flows();

 protected:
  virtual std::vector<Observable> own_observables() = 0;
  /// The loss as a sum over samples, of which sgd takes its batches: by default the loss itself. A
  /// model whose outputs are not those of samples makes another, or has no sgd.
  virtual Loss sample_loss() { return loss_; }
  /// The outputs f(w) at a sample, computed once for all observables of it.
  const Vector& outputs_at(const State& state);
  /// The parameters within a flow's state (heavy ball carries velocities behind them).
  auto weights(const State& state) const { return state.y.head(loss_.dimension()); }

 private:
  /// Sharpness, spectra, time-scale separation, tangent kernel: off unless named.
  std::vector<Observable> spectral_observables(const DecayAndRate& terms);
  /// Of hess F + Lambda, worked out once for all observables of a sample.
  const HessianSpectrum& spectrum_at(const State& state, const Vector& decay);
  TangentProjection& projection_at(const State& state);

  std::vector<Observable> curvature_observables(const FlowSettings& flow);
  const CurvatureEstimate& curvature_at(const State& state, Index probes, std::uint64_t seed);
  /// A loss whose point moves apart from that of loss_, which `outputs_at` relies on.
  Loss& spectral_loss();

  /// F, without its gradient: a stop condition asks for it after each step.
  double loss_at(const State& state);
  const Vector& gradient_at(const State& state);
  DecayAndRate terms(const FlowSettings& flow) const;

  Loss loss_;
  Vector initial_;
  std::vector<ParameterGroup> groups_;
  OncePerSample<Vector> gradient_;
  OncePerSample<HessianSpectrum> spectrum_;
  OncePerSample<CurvatureEstimate> curvature_;
  std::unique_ptr<Loss> spectral_loss_;
  OncePerSample<std::unique_ptr<TangentProjection>> projection_;
  static constexpr Index spectrum_count = 10;
};

/// Mean squared error an output entry between predictions and targets.
inline double mean_squared_error(ConstVectorRef prediction, ConstVectorRef target) {
  return (prediction - target).squaredNorm() / static_cast<double>(target.size());
}

/// `rank`: how many singular values of the outputs, f(X)/sqrt(n), are above 1e-3 of the targets'
/// largest.
Observable rank_observable(ConstVectorRef target_singular_values,
                           std::function<Vector(const State&)> singular_values);

}  // namespace gradflow
