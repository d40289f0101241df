#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "flow/loss.hpp"
#include "flow/loss_model.hpp"
#include "flow/output_map.hpp"
#include "flow/system.hpp"
#include "models/registry.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"

/// The derivatives that a model writes by hand, held against finite differences and against each
/// other. One call checks all there is to check at one point.
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

/// Central differences of order 4 of f along v at w. With h = 2e-4 of |w| the rounding (2e-16/h) is
/// near 1e-12 of |f|, and so is the truncation (h^4/30) for functions that vary on a tenth of |w|.
template <class F>
auto directional_derivative(F&& f, const Vector& w, const Vector& v) {
  const double h = 2e-4 * std::max(1.0, w.norm()) / std::max(1e-300, v.norm());
  return ((8.0 * (f(w + h * v) - f(w - h * v)) - (f(w + 2 * h * v) - f(w - 2 * h * v))) / (12 * h))
      .eval();
}

/// The error that differences and rounding may leave: a thousand times the 1e-12 above.
constexpr double difference_tolerance = 1e-9;
/// Between two ways of computing the same sum: rounding alone, over some thousand terms.
constexpr double rounding_tolerance = 1e-12;

/// J v, J^T u, J^T as a matrix, both Gram matrices, curvature (products and blocks), clones.
inline void check_output_map(OutputMap& map, const Vector& w, RandomStream& stream) {
  const Index p = map.parameters(), n = map.outputs();
  REQUIRE(w.size() == p);
  INFO("p = " << p << ", N = " << n);
  const auto outputs = [&](const Vector& at) {
    Vector f(n);
    map.evaluate(at, f);
    return f;
  };
  const Vector u = random_vector(n, stream), v = random_vector(p, stream);
  const auto transposed = [&](const Vector& at) {
    outputs(at);
    Vector out(p);
    map.transpose_times(u, out);
    return out;
  };
  const Vector jv_differences = directional_derivative(outputs, w, v);
  const Vector curved_differences = directional_derivative(transposed, w, v);

  const Vector f = outputs(w);  // the point is w from here on
  Vector jv(n), jtu(p);
  map.jacobian_times(v, jv);
  map.transpose_times(u, jtu);
  // Relative to the outputs themselves: differences cannot see a derivative far below f / |w|.
  CHECK((jv - jv_differences).norm() <=
        difference_tolerance * (jv.norm() + f.norm() * v.norm() / std::max(1.0, w.norm())));
  CHECK(std::abs(u.dot(jv) - jtu.dot(v)) <=
        rounding_tolerance * (u.norm() * jv.norm() + jtu.norm() * v.norm()));

  Matrix jt(p, n);
  map.transposed_jacobian(jt);
  CHECK(relative_error(jt * u, jtu) <= rounding_tolerance);
  CHECK(relative_error(jt.transpose() * v, jv) <= rounding_tolerance);

  Matrix gram(n, n);
  map.gram(Vector(), gram);
  CHECK(relative_error(gram, jt.transpose() * jt) <= rounding_tolerance);
  CHECK(relative_error(gram, gram.transpose()) <= rounding_tolerance);
  Vector weight = random_vector(p, stream).cwiseAbs();
  map.gram(weight, gram);
  CHECK(relative_error(gram, jt.transpose() * weight.asDiagonal() * jt) <= rounding_tolerance);
  CHECK(relative_error(gram, gram.transpose()) <= rounding_tolerance);

  Vector curved(p);
  map.curvature_times(u, v, curved);
  CHECK((curved - curved_differences).norm() <=
        difference_tolerance * (curved.norm() + jtu.norm() * v.norm() / std::max(1.0, w.norm())));
  const Vector other = random_vector(p, stream);
  Vector other_curved(p);
  map.curvature_times(u, other, other_curved);
  CHECK(std::abs(other.dot(curved) - v.dot(other_curved)) <=
        rounding_tolerance * (other.norm() * curved.norm() + v.norm() * other_curved.norm()));
  if (map.affine()) CHECK(curved.norm() == 0);

  if (const BlockStructure* structure = map.curvature_blocks()) {
    std::vector<int> seen(static_cast<std::size_t>(p), 0);
    for (const Index i : structure->index) ++seen.at(static_cast<std::size_t>(i));
    CHECK(seen == std::vector<int>(static_cast<std::size_t>(p), 1));
    Index size = 0;
    for (std::size_t b = 0; b + 1 < structure->start.size(); ++b) {
      const Index width = structure->start[b + 1] - structure->start[b];
      CHECK(width <= structure->largest());
      size += width * width;
    }
    Vector blocks = Vector::Constant(size, std::numeric_limits<double>::quiet_NaN());
    map.curvature(u, blocks);
    Vector product = Vector::Zero(p);
    Index offset = 0;
    for (std::size_t b = 0; b + 1 < structure->start.size(); ++b) {
      const Index start = structure->start[b], width = structure->start[b + 1] - start;
      for (Index j = 0; j < width; ++j)
        for (Index i = 0; i < width; ++i)
          product[structure->index[static_cast<std::size_t>(start + i)]] +=
              blocks[offset + j * width + i] *
              v[structure->index[static_cast<std::size_t>(start + j)]];
      offset += width * width;
    }
    CHECK(relative_error(product, curved) <= rounding_tolerance);
  }

  // A clone goes its own way.
  const auto clone = map.clone();
  Vector elsewhere(n), again(n);
  clone->evaluate(2 * w, elsewhere);
  map.jacobian_times(v, again);
  CHECK(again == jv);
  CHECK(map.evaluate_flops() > 0);
  CHECK(map.gram_flops() > 0);
}

/// dl/df, D v, and D = S S^T.
inline void check_output_loss(const OutputLoss& loss, const Vector& f, RandomStream& stream) {
  const Index n = f.size();
  const Vector v = random_vector(n, stream), u = random_vector(n, stream);
  const auto value = [&](const Vector& at) { return Vector::Constant(1, loss.value(at)); };
  const auto gradient = [&](const Vector& at) {
    Vector g(n);
    loss.gradient(at, g);
    return g;
  };
  Vector g(n);
  const double at_f = loss.gradient(f, g);
  CHECK(std::abs(at_f - loss.value(f)) <= rounding_tolerance * std::abs(at_f));
  const double slope = directional_derivative(value, f, v)[0];
  CHECK(std::abs(slope - g.dot(v)) <=
        difference_tolerance * (g.norm() * v.norm() + std::abs(at_f)));

  Vector dv(n), du(n);
  loss.hessian_times(f, v, dv);
  loss.hessian_times(f, u, du);
  CHECK((directional_derivative(gradient, f, v) - dv).norm() <=
        difference_tolerance * (dv.norm() + g.norm()));
  CHECK(std::abs(u.dot(dv) - v.dot(du)) <=
        rounding_tolerance * (u.norm() * dv.norm() + v.norm() * du.norm()));

  Vector root = v;
  loss.root_transposed_times(f, root);
  CHECK(std::abs(root.squaredNorm() - v.dot(dv)) <=
        rounding_tolerance * v.norm() * dv.norm() + 1e-300);
  loss.root_times(f, root);
  CHECK((root - dv).norm() <= rounding_tolerance * (root.norm() + dv.norm()));
}

/// Gradient, Hessian and Gauss-Newton products of F = l(f(w)).
inline void check_loss(Loss& loss, const Vector& w, RandomStream& stream) {
  const Index p = loss.dimension();
  const Vector v = random_vector(p, stream), u = random_vector(p, stream);
  const auto value = [&](const Vector& at) { return Vector::Constant(1, loss.value(at)); };
  const auto gradient = [&](const Vector& at) {
    Vector g(p);
    loss.gradient(at, g);
    return g;
  };
  const double slope = directional_derivative(value, w, v)[0];
  const Vector differences = directional_derivative(gradient, w, v);
  Vector g(p), hv(p), hu(p), gauss_newton(p), jv(loss.outputs()), djv(loss.outputs()), sum(p);
  const double at_w = loss.gradient(w, g);
  const double reach = v.norm() / std::max(1.0, w.norm());
  CHECK(std::abs(slope - g.dot(v)) <= difference_tolerance * (g.norm() * v.norm() + at_w * reach));
  loss.hessian_times(v, hv);
  CHECK((differences - hv).norm() <= difference_tolerance * (hv.norm() + g.norm() * reach));
  loss.hessian_times(u, hu);
  CHECK(std::abs(u.dot(hv) - v.dot(hu)) <=
        rounding_tolerance * (u.norm() * hv.norm() + v.norm() * hu.norm()));

  loss.gauss_newton_times(v, gauss_newton);
  loss.map().jacobian_times(v, jv);
  loss.output_loss().hessian_times(loss.last_outputs(), jv, djv);
  loss.map().transpose_times(djv, sum);
  CHECK(relative_error(gauss_newton, sum) <= rounding_tolerance);
  loss.map().curvature_times(loss.last_output_gradient(), v, sum);
  CHECK((gauss_newton + sum - hv).norm() <= rounding_tolerance * (hv.norm() + sum.norm()));

  // `linearise` leaves the same point as `gradient`; a copy has its own.
  loss.linearise(w);
  loss.hessian_times(v, sum);
  CHECK(sum == hv);
  Loss copy(loss);
  copy.linearise(-w);
  loss.hessian_times(v, sum);
  CHECK(sum == hv);
}

/// The Jacobian of a system against differences of its right-hand side, and the descent of its
/// energy at the rate of its metric.
inline void check_system(System& system, const Vector& y, RandomStream& stream) {
  const Index n = system.dimension();
  const Vector v = random_vector(n, stream);
  const auto rhs = [&](const Vector& at) {
    Vector out(n);
    system.rhs(0, at, out);
    return out;
  };
  const Vector differences = directional_derivative(rhs, y, v);
  Vector jv(n);
  system.jacobian_times(0, y, v, jv);
  const Vector slope = rhs(y);
  CHECK((differences - jv).norm() <=
        difference_tolerance * (jv.norm() + slope.norm() * v.norm() / std::max(1.0, y.norm())));
  if (!system.has_energy()) return;
  const auto energy = [&](const Vector& at) { return Vector::Constant(1, system.energy(at)); };
  const double fall = directional_derivative(energy, y, slope)[0];
  const double rate = system.inner_product(y, slope, slope);
  CHECK(rate >= 0);
  CHECK(std::abs(fall + rate) <=
        difference_tolerance *
            (rate + std::abs(system.energy(y)) * slope.norm() / std::max(1.0, y.norm())));
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
