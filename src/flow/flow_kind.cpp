#include "flow/flow_kind.hpp"

#include <algorithm>
#include <stdexcept>

namespace gradflow {

const std::vector<FlowKind>& flow_kinds() {
  static const std::vector<FlowKind> kinds = [] {
    const std::vector<std::string> terms{"weight_decay", "learning_rates", "weight_decays"};
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), terms.begin(), terms.end());
      return more;
    };
    FlowKind gradient{"gradient", "w' = -grad F(w) - lambda w", terms};
    gradient.descent = true;
    FlowKind riemannian{"riemannian", "its slow limit as lambda -> 0, in tau = lambda t", {}};
    riemannian.slow_limit = true;
    FlowKind mirror{"mirror", "mirror flow of a convex loss", {}};
    mirror.accelerates = true;
    FlowKind gradient_descent{"gradient_descent", "explicit Euler of the gradient flow",
                              with({"step"})};
    FlowKind sgd{"sgd", "stochastic gradient descent by mini-batches, with noisy labels or without",
                 with({"step", "batch", "label_noise"})};
    FlowKind langevin{"langevin", "overdamped Langevin dynamics", with({"step", "temperature"})};
    gradient_descent.iterates = sgd.iterates = langevin.iterates = true;
    FlowKind heavy_ball{"heavy_ball", "w'' + friction w' = -grad F(w) - lambda w",
                        with({"friction"})};
    return std::vector<FlowKind>{gradient, riemannian, mirror,    gradient_descent,
                                 sgd,      langevin,   heavy_ball};
  }();
  return kinds;
}

const FlowKind& flow_kind(const std::string& name) {
  const auto& kinds = flow_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const FlowKind& k) { return k.name == name; });
  if (found == kinds.end()) throw std::logic_error("there is no kind of flow '" + name + "'");
  return *found;
}

static const std::string& first_with(bool FlowKind::*property) {
  const auto& kinds = flow_kinds();
  return std::find_if(kinds.begin(), kinds.end(), [&](const FlowKind& k) { return k.*property; })
      ->name;
}
const std::string& descent_kind() {
  return first_with(&FlowKind::descent);
}
const std::string& slow_limit_kind() {
  return first_with(&FlowKind::slow_limit);
}

}  // namespace gradflow
