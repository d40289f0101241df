#include "flow/loss_model.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "flow/gradient_flow.hpp"
#include "flow/mini_batch.hpp"
#include "flow/one_or_each.hpp"
#include "flow/riemannian_flow.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/random.hpp"

namespace gradflow {

LossModel::LossModel(Loss loss, Vector initial, std::vector<ParameterGroup> groups)
    : loss_(std::move(loss)), initial_(std::move(initial)), groups_(std::move(groups)) {
  if (groups_.empty()) groups_.push_back({"w", 0, loss_.dimension()});
}

std::vector<std::string> LossModel::flows() {
  return {"gradient", "gradient_descent", "sgd", "langevin", "heavy_ball", "riemannian"};
}

Vector LossModel::initial_state(const FlowSettings& flow) {
  if (flow.kind != "heavy_ball") return initial_;
  Vector state = Vector::Zero(2 * initial_.size());
  state.head(initial_.size()) = initial_;
  return state;
}

DecayAndRate LossModel::terms(const FlowSettings& flow) const {
  DecayAndRate terms;
  terms.decay[0] = flow.weight_decay;
  const auto by_group = [&](const std::vector<double>& values, const char* key, Vector& out) {
    if (values.empty()) return;
    if (values.size() != groups_.size())
      throw ParameterError(key, "has " + std::to_string(values.size()) + " entries, expected " +
                                    std::to_string(groups_.size()) +
                                    ", one for each group of parameters");
    out.resize(loss_.dimension());
    for (std::size_t g = 0; g < groups_.size(); ++g)
      out.segment(groups_[g].offset, groups_[g].size).setConstant(values[g]);
  };
  by_group(flow.learning_rates, "learning_rates", terms.rate);
  by_group(flow.weight_decays, "weight_decays", terms.decay);
  return terms;
}

std::unique_ptr<System> LossModel::system(const FlowSettings& flow) {
  if (flow.kind == "gradient" || flow.kind == "gradient_descent")
    return std::make_unique<GradientFlow>(loss_, terms(flow));
  if (flow.kind == "sgd")
    return std::make_unique<MiniBatchDescent>(sample_loss(), terms(flow), flow.batch,
                                              flow.label_noise, flow.seed);
  if (flow.kind == "langevin")
    return std::make_unique<LangevinDynamics>(loss_, terms(flow), flow.temperature, flow.seed);
  if (flow.kind == "riemannian") {
    if (!loss_.output_loss().has_residual())
      throw ParameterError("kind", "is \"riemannian\", which needs a squared loss");
    for (const auto& [key, values] : {std::pair{"learning_rates", &flow.learning_rates},
                                      std::pair{"weight_decays", &flow.weight_decays}})
      if (!values->empty())
        throw ParameterError(key,
                             "does not go with flow.kind = \"riemannian\": that flow is the "
                             "limit for one learning rate and one lambda for all");
    return std::make_unique<RiemannianFlow>(loss_);
  }
  if (flow.kind == "heavy_ball") {
    if (!flow.learning_rates.empty())
      throw ParameterError("learning_rates", "does not go with flow.kind = \"heavy_ball\"");
    return std::make_unique<HeavyBallFlow>(loss_, terms(flow).decay, flow.friction);
  }
  throw ParameterError("kind", "is \"" + flow.kind + "\", which this model does not offer");
}

double LossModel::loss_at(const State& state) {
  loss_.linearise(weights(state));
  return loss_.value(weights(state));
}

const Vector& LossModel::gradient_at(const State& state) {
  return gradient_.at(state, [&](Vector& gradient) {
    gradient.resize(loss_.dimension());
    loss_.gradient(weights(state), gradient);
  });
}

const Vector& LossModel::outputs_at(const State& state) {
  loss_.linearise(weights(state));
  return loss_.last_outputs();
}

std::vector<Observable> LossModel::observables(const FlowSettings& flow) {
  const DecayAndRate decay = terms(flow);
  std::vector<Observable> all;
  all.push_back({"train_loss",
                 "training loss F(w), without the decay term",
                 {},
                 true,
                 [this](const State& s, double* out) { *out = loss_at(s); }});
  all.push_back({"regularised_loss",
                 "F(w) + lambda/2 |w|^2, which the flow descends",
                 {},
                 true,
                 [this, decay](const State& s, double* out) {
                   const auto w = weights(s);
                   *out = loss_at(s) + 0.5 * one_or_each::square_sum(decay.decay, w);
                 }});
  all.push_back({"norm", "2-norm of the parameters", {}, true, [this](const State& s, double* out) {
                   *out = weights(s).norm();
                 }});
  all.push_back({"gradient_norm",
                 "2-norm of the gradient of F + lambda/2 |w|^2",
                 {},
                 true,
                 [this, decay](const State& s, double* out) {
                   Vector gradient = gradient_at(s);
                   one_or_each::add_product(decay.decay, weights(s), gradient);
                   *out = gradient.norm();
                 }});
  for (Observable& observable : spectral_observables(decay)) all.push_back(std::move(observable));
  for (Observable& observable : curvature_observables(flow)) all.push_back(std::move(observable));
  for (Observable& observable : own_observables()) all.push_back(std::move(observable));
  return all;
}

Loss& LossModel::spectral_loss() {
  if (!spectral_loss_) spectral_loss_ = std::make_unique<Loss>(loss_);
  return *spectral_loss_;
}

const CurvatureEstimate& LossModel::curvature_at(const State& state, Index probes,
                                                 std::uint64_t seed) {
  return curvature_.at(state, [&](CurvatureEstimate& estimate) {
    Loss& loss = spectral_loss();
    Vector gradient(loss.dimension());
    loss.gradient(weights(state), gradient);
    const auto hessian = [&loss](ConstVectorRef v, VectorRef out) { loss.hessian_times(v, out); };
    if (probes == 0) {
      estimate = {scalar_curvature(gradient, hessian), 0};
      return;
    }
    // The same probes at every state: curves are as smooth as the curvature is.
    RandomStream stream(seed, "curvature");
    estimate = estimate_scalar_curvature(gradient, hessian, probes, stream);
  });
}

std::vector<Observable> LossModel::curvature_observables(const FlowSettings& flow) {
  const Index probes = flow.curvature_probes;
  const std::uint64_t seed = flow.seed;
  std::vector<Observable> all;
  all.push_back({"scalar_curvature",
                 "scalar curvature of the graph of F",
                 {},
                 false,
                 [this, probes, seed](const State& s, double* out) {
                   *out = curvature_at(s, probes, seed).value;
                 }});
  if (probes > 0) {
    all.push_back({"scalar_curvature_error",
                   "one standard error of scalar_curvature, by jackknife over the probes",
                   {},
                   false,
                   [this, probes, seed](const State& s, double* out) {
                     *out = curvature_at(s, probes, seed).error;
                   }});
    all.back().beside = "scalar_curvature";
  }
  for (Observable& observable : all) observable.keys = {"curvature_probes"};
  return all;
}

const HessianSpectrum& LossModel::spectrum_at(const State& state, const Vector& decay) {
  return spectrum_.at(state, [&](HessianSpectrum& spectrum) {
    spectrum = hessian_spectrum(spectral_loss(), weights(state), decay, spectrum_count);
  });
}

TangentProjection& LossModel::projection_at(const State& state) {
  return *projection_.at(state, [&](std::unique_ptr<TangentProjection>& projection) {
    if (!projection) projection = std::make_unique<TangentProjection>(loss_);
    projection->linearise(weights(state));
  });
}

namespace {

/// How far the Hessian's fast modes are from its slow ones: of the spectrum of hess F + Lambda, and
/// the flow's velocity.
std::vector<Observable> separation_observables(
    const std::function<const HessianSpectrum&(const State&)>& decayed,
    const std::function<Vector(const State&)>& velocity, Index residuals) {
  // The minimisers have p - N dimensions at least: no more than N modes are fast. Without this the
  // last growing mode, as it passes through 0, would be the only slow one for a moment.
  const auto separation = [residuals](Vector values) {
    const Index slow = values.size() - residuals;
    if (slow > 0 && values.allFinite()) {
      const double largest = values.head(slow).cwiseAbs().maxCoeff();
      values.head(slow).setConstant(-largest);
    }
    return scale_separation(values);
  };
  std::vector<Observable> all;
  all.push_back({"spectral_gap",
                 "largest ratio of an eigenvalue of hess F + lambda to the largest |.| below it",
                 {},
                 false,
                 [decayed, separation](const State& s, double* out) {
                   *out = separation(decayed(s).values).gap;
                 }});
  all.push_back({"fast_modes",
                 "number of modes above the largest gap; 0 where it is below 10",
                 {},
                 false,
                 [decayed, separation](const State& s, double* out) {
                   const ScaleSeparation scales = separation(decayed(s).values);
                   *out =
                       std::isnan(scales.gap) ? scales.gap : static_cast<double>(scales.fast_modes);
                 }});
  all.push_back({"fast_velocity_share",
                 "share of |grad F + lambda w|^2 in the fast modes",
                 {},
                 false,
                 [decayed, velocity, separation](const State& s, double* out) {
                   const HessianSpectrum& spectrum = decayed(s);
                   const ScaleSeparation scales = separation(spectrum.values);
                   const Index fast = scales.fast_modes;
                   if (std::isnan(scales.gap)) {
                     *out = scales.gap;
                     return;
                   }
                   const Vector v = velocity(s);
                   const double whole = v.squaredNorm();
                   *out = whole > 0
                              ? (spectrum.vectors.rightCols(fast).transpose() * v).squaredNorm() /
                                    whole
                              : 0;
                 }});
  return all;
}

}  // namespace

std::vector<Observable> LossModel::spectral_observables(const DecayAndRate& terms) {
  const Vector& decay = terms.decay;
  const auto decayed = [this, decay](const State& s) -> const HessianSpectrum& {
    return spectrum_at(s, decay);
  };
  const Index p = loss_.dimension(), n = loss_.outputs();
  const Index count = std::min<Index>(spectrum_count, p / 2);
  std::vector<Observable> all;
  all.push_back({"sharpness",
                 "largest eigenvalue of hess F; gradient descent is stable below 2/step",
                 {},
                 false,
                 [this](const State& s, double* out) {
                   *out = largest_hessian_eigenvalue(spectral_loss(), weights(s));
                 }});
  if (count > 0) {
    std::vector<double> positions;
    for (Index k = 1; k <= count; ++k) positions.push_back(static_cast<double>(k));
    for (Index k = count; k >= 1; --k) positions.push_back(static_cast<double>(-k));
    all.push_back({"hessian_eigenvalues",
                   "leading (1, 2, ...) and trailing (..., -2, -1) eigenvalues of hess F + lambda "
                   "(group by group where weight_decays are)",
                   {{"eigenvalue", positions, "position from the top, or from the bottom", true}},
                   false,
                   [count, decayed](const State& s, double* out) {
                     const Vector& values = decayed(s).values;
                     const Index size = values.size();
                     for (Index k = 0; k < count; ++k) out[k] = values[size - 1 - k];
                     for (Index k = 0; k < count; ++k) out[count + k] = values[count - 1 - k];
                   }});
  }
  const auto velocity = [this, decay](const State& s) {
    Vector v = -gradient_at(s);
    one_or_each::add_product(-decay, weights(s), v);
    return v;
  };
  for (Observable& observable : separation_observables(decayed, velocity, n))
    all.push_back(std::move(observable));
  if (n <= 2000) {
    all.push_back({"tangent_kernel_eigenvalues",
                   "eigenvalues of the tangent kernel J J^T",
                   {counting_axis("kernel_mode", n, "mode, by size", 1)},
                   false,
                   [this, n](const State& s, double* out) {
                     outputs_at(s);
                     Matrix kernel(n, n);
                     loss_.map().gram(Vector(), kernel);
                     Eigen::Map<Vector>(out, n) = symmetric_eigenvalues(kernel).reverse();
                   }});
    all.push_back({"kkt_residual",
                   "|P w|, P the projection on ker J: 0 where the norm is stationary among "
                   "minimisers",
                   {},
                   false,
                   [this](const State& s, double* out) {
                     Vector w = weights(s);
                     projection_at(s).project(w);
                     *out = w.norm();
                   }});
    if (loss_.output_loss().has_residual())
      all.push_back({"manifold_distance",
                     "length of the Gauss-Newton step to the minimisers: distance to the slow "
                     "manifold",
                     {},
                     false,
                     [this](const State& s, double* out) {
                       TangentProjection& projection = projection_at(s);
                       Vector r(loss_.outputs()), step(loss_.dimension());
                       loss_.output_loss().residual(projection.loss().last_outputs(), r);
                       projection.least_step(r, step);
                       *out = step.norm();
                     }});
  }
  return all;
}

Observable rank_observable(ConstVectorRef target_singular_values,
                           std::function<Vector(const State&)> singular_values) {
  constexpr double least = 1e-3;
  const double bound = least * target_singular_values.maxCoeff();
  return {"rank",
          "singular values of the outputs above 1e-3 of the targets' largest",
          {},
          true,
          [bound, singular_values = std::move(singular_values)](const State& s, double* out) {
            *out = static_cast<double>((singular_values(s).array() > bound).count());
          }};
}

}  // namespace gradflow
