#include "flow/loss_model.hpp"

#include "flow/gradient_flow.hpp"
#include "flow/riemannian_flow.hpp"

namespace gradflow {

LossModel::LossModel(Loss loss, Vector initial, std::vector<ParameterGroup> groups)
    : loss_(std::move(loss)), initial_(std::move(initial)), groups_(std::move(groups)) {
  if (groups_.empty()) groups_.push_back({"w", 0, loss_.dimension()});
  evaluation_.gradient.resize(loss_.dimension());
}

std::vector<std::string> LossModel::flows() {
  return {"gradient", "gradient_descent", "heavy_ball", "riemannian"};
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
  if (flow.kind == "riemannian") {
    if (!loss_.output_loss().has_residual())
      throw ParameterError("kind", "is \"riemannian\", which needs a squared loss");
    return std::make_unique<RiemannianFlow>(loss_);
  }
  if (flow.kind == "heavy_ball") {
    if (!flow.learning_rates.empty())
      throw ParameterError("learning_rates", "does not go with flow.kind = \"heavy_ball\"");
    return std::make_unique<HeavyBallFlow>(loss_, terms(flow).decay, flow.friction);
  }
  throw ParameterError("kind", "is \"" + flow.kind + "\", which this model does not offer");
}

const LossModel::Evaluation& LossModel::at(const State& state) {
  if (!evaluation_.filled || evaluation_.serial != state.serial) {
    evaluation_.loss = loss_.gradient(weights(state), evaluation_.gradient);
    evaluation_.serial = state.serial;
    evaluation_.filled = true;
  }
  return evaluation_;
}

const Vector& LossModel::outputs_at(const State& state) {
  at(state);
  return loss_.last_outputs();
}

std::vector<Observable> LossModel::observables(const FlowSettings& flow) {
  const DecayAndRate decay = terms(flow);
  std::vector<Observable> all;
  all.push_back({"train_loss", "training loss F(w), without the decay term", {}, true,
                 [this](const State& s, double* out) { *out = at(s).loss; }});
  all.push_back({"norm", "2-norm of the parameters", {}, true,
                 [this](const State& s, double* out) { *out = weights(s).norm(); }});
  all.push_back({"gradient_norm", "2-norm of the gradient of F + lambda/2 |w|^2", {}, true,
                 [this, decay](const State& s, double* out) {
                   const Evaluation& e = at(s);
                   *out = decay.decay.size() == 1
                              ? (e.gradient + decay.decay[0] * weights(s)).norm()
                              : (e.gradient + decay.decay.cwiseProduct(weights(s))).norm();
                 }});
  for (Observable& observable : own_observables()) all.push_back(std::move(observable));
  return all;
}

}  // namespace gradflow
