#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "flow/derivative_check.hpp"
#include "flow/directional_derivative.hpp"
#include "flow/loss.hpp"
#include "flow/loss_model.hpp"
#include "flow/output_map.hpp"
#include "flow/system.hpp"
#include "models/registry.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"

/// The comparisons of flow/derivative_check.hpp as checks of a test: one call checks all there is
/// to check at one point.
namespace gradflow::testing {

inline Vector random_vector(Index n, RandomStream& stream, double sd = 1) {
  Vector v(n);
  stream.fill_normal(v, sd);
  return v;
}

/// |a - b| over the larger of both norms; 0 where both vanish.
template <class A, class B>
double relative_error(const A& a, const B& b) {
  const double scale = std::max(a.norm(), b.norm());
  return scale > 0 ? (a - b).norm() / scale : 0;
}

inline void check_all(const DerivativeChecks& checks) {
  for (const DerivativeCheck& check : checks) {
    INFO(check.what << ": " << check.error << ", at most " << check.tolerance);
    CHECK(check.holds());
  }
}

/// J v, J^T u, J^T as a matrix, both Gram matrices, curvature (products and blocks), clones.
inline void check_output_map(OutputMap& map, const Vector& w, RandomStream& stream) {
  REQUIRE(w.size() == map.parameters());
  INFO("p = " << map.parameters() << ", N = " << map.outputs());
  check_all(compare_derivatives(map, w, stream));
  CHECK(map.evaluate_flops() > 0);
  CHECK(map.gram_flops() > 0);
}

/// dl/df, D v, and D = S S^T.
inline void check_output_loss(const OutputLoss& loss, const Vector& f, RandomStream& stream) {
  check_all(compare_derivatives(loss, f, stream));
}

/// Gradient, Hessian and Gauss-Newton products of F = l(f(w)).
inline void check_loss(Loss& loss, const Vector& w, RandomStream& stream) {
  check_all(compare_derivatives(loss, w, stream));
}

/// The Jacobian of a system, and the descent of its energy.
inline void check_system(System& system, const Vector& y, RandomStream& stream) {
  check_all(compare_derivatives(system, y, stream));
}

using Settings = std::vector<std::pair<std::string, ParameterValue>>;

/// A model as a config would build it.
inline std::unique_ptr<Model> make_model(const std::string& name, const Settings& settings,
                                         std::uint64_t seed = 0) {
  const ModelInfo* info = find_model(name);
  REQUIRE(info != nullptr);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : settings) parameters.set(key, value);
  return info->make(parameters, seed);
}

/// The loss of a loss model.
inline Loss& loss_of(Model& model) {
  auto* loss_model = dynamic_cast<LossModel*>(&model);
  REQUIRE(loss_model != nullptr);
  return loss_model->loss();
}

/// All of the above for a model, at its start and at random points.
inline void check_loss_model(Model& model, RandomStream& stream, int points = 2) {
  Loss& loss = loss_of(model);
  FlowSettings flow;
  flow.weight_decay = 0.3;
  std::vector<Vector> states{model.initial_state(flow)};
  for (int k = 0; k < points; ++k) states.push_back(random_vector(loss.dimension(), stream));
  for (const Vector& w : states) {
    check_output_map(loss.map(), w, stream);
    check_output_loss(loss.output_loss(), random_vector(loss.outputs(), stream), stream);
    check_loss(loss, w, stream);
    for (const char* kind : {"gradient", "heavy_ball"}) {
      flow.kind = kind;
      const auto system = model.system(flow);
      Vector y = random_vector(system->dimension(), stream);
      y.head(w.size()) = w;
      check_system(*system, y, stream);
    }
  }
}

}  // namespace gradflow::testing
