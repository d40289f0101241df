#include "flow/derivative_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "flow/directional_derivative.hpp"
#include "flow/loss_model.hpp"
#include "flow/manifold.hpp"

namespace gradflow {
namespace {

/// What differences may leave: a thousand times the 1e-12 of `directional_derivative`.
constexpr double difference_tolerance = 1e-9;
/// Between two ways of computing the same sum: rounding alone, over some thousand terms.
constexpr double rounding_tolerance = 1e-12;

Vector random_vector(Index n, RandomStream& stream) {
  Vector v(n);
  stream.fill_normal(v);
  return v;
}

/// Differences of f along v cannot see a derivative far below |f| times this.
double reach(const Vector& v, const Vector& w) {
  return v.norm() / std::max(1.0, w.norm());
}

double relative(double difference, double scale) {
  return difference == 0 ? 0 : difference / scale;
}

template <class A, class B>
double relative_error(const A& a, const B& b) {
  return relative((a - b).norm(), std::max(a.norm(), b.norm()));
}

/// Comparisons of one point, as they are made.
class Comparisons {
 public:
  void by_differences(std::string what, double difference, double scale) {
    all_.push_back({std::move(what), relative(difference, scale), difference_tolerance});
  }
  void by_rounding(std::string what, double error) {
    all_.push_back({std::move(what), error, rounding_tolerance});
  }
  void exactly(std::string what, bool same) {
    all_.push_back({std::move(what), same ? 0.0 : 1.0, 0});
  }
  DerivativeChecks take() { return std::move(all_); }

 private:
  DerivativeChecks all_;
};

/// The map at a point w, with vectors for its products.
struct MapAt {
  OutputMap& map;
  const Vector& w;
  Vector u, v;     ///< (N), (p), random
  Vector f;        ///< f(w)
  Vector jv, jtu;  ///< J v, J^T u
  Vector curved;   ///< sum_i u_i (hess f_i) v
};

MapAt products_at(OutputMap& map, const Vector& w, RandomStream& stream, Comparisons& all) {
  const Index p = map.parameters(), n = map.outputs();
  MapAt at{
      map,       w,        random_vector(n, stream), random_vector(p, stream), Vector(n), Vector(n),
      Vector(p), Vector(p)};
  const auto outputs = [&](const Vector& point) {
    Vector f(n);
    map.evaluate(point, f);
    return f;
  };
  const auto transposed = [&](const Vector& point) {
    outputs(point);
    Vector out(p);
    map.transpose_times(at.u, out);
    return out;
  };
  const Vector jv_differences = directional_derivative(outputs, w, at.v);
  const Vector curved_differences = directional_derivative(transposed, w, at.v);
  at.f = outputs(w);  // the point is w from here on
  map.jacobian_times(at.v, at.jv);
  map.transpose_times(at.u, at.jtu);
  map.curvature_times(at.u, at.v, at.curved);
  all.by_differences("J v, differences of f", (at.jv - jv_differences).norm(),
                     at.jv.norm() + at.f.norm() * reach(at.v, w));
  all.by_rounding("u . J v, J^T u . v",
                  relative(std::abs(at.u.dot(at.jv) - at.jtu.dot(at.v)),
                           at.u.norm() * at.jv.norm() + at.jtu.norm() * at.v.norm()));
  all.by_differences("curvature v, differences of J^T u", (at.curved - curved_differences).norm(),
                     at.curved.norm() + at.jtu.norm() * reach(at.v, w));
  return at;
}

void compare_curvature(const MapAt& at, RandomStream& stream, Comparisons& all) {
  const Vector other = random_vector(at.v.size(), stream);
  Vector curved(other.size());
  at.map.curvature_times(at.u, other, curved);
  all.by_rounding("curvature is symmetric",
                  relative(std::abs(other.dot(at.curved) - at.v.dot(curved)),
                           other.norm() * at.curved.norm() + at.v.norm() * curved.norm()));
  if (at.map.affine()) all.exactly("no curvature where f is affine", at.curved.norm() == 0);
}

void compare_matrices(const MapAt& at, RandomStream& stream, Comparisons& all) {
  const Index p = at.map.parameters(), n = at.map.outputs();
  Matrix jt(p, n), gram(n, n);
  at.map.transposed_jacobian(jt);
  all.by_rounding("J^T as a matrix, J^T u", relative_error(jt * at.u, at.jtu));
  all.by_rounding("J^T as a matrix, J v", relative_error(jt.transpose() * at.v, at.jv));
  at.map.gram(Vector(), gram);
  all.by_rounding("J J^T", relative_error(gram, jt.transpose() * jt));
  all.by_rounding("J J^T is symmetric", relative_error(gram, gram.transpose()));
  const Vector weight = random_vector(p, stream).cwiseAbs();
  at.map.gram(weight, gram);
  all.by_rounding("J D J^T", relative_error(gram, jt.transpose() * weight.asDiagonal() * jt));
  all.by_rounding("J D J^T is symmetric", relative_error(gram, gram.transpose()));
  if (!at.map.hessian_flops()) return;
  const double scale = 0.7;
  Matrix hessian = Matrix::Identity(p, p);
  at.map.add_hessian(scale, Vector(), hessian);
  hessian.diagonal().array() -= 1;
  all.by_rounding("J^T J as a matrix", relative_error(hessian, scale * jt * jt.transpose()));
  hessian.setZero();
  at.map.add_hessian(0, at.u, hessian);
  all.by_rounding("curvature as a matrix", relative_error(hessian * at.v, at.curved));
  all.by_rounding("curvature as a matrix is symmetric",
                  relative_error(hessian, hessian.transpose()));
}

void compare_blocks(const MapAt& at, const BlockStructure& structure, Comparisons& all) {
  const Index p = at.map.parameters();
  std::vector<int> seen(static_cast<std::size_t>(p), 0);
  for (const Index i : structure.index) ++seen.at(static_cast<std::size_t>(i));
  all.exactly("each parameter is in one block", seen == std::vector<int>(seen.size(), 1));
  Index size = 0;
  for (std::size_t b = 0; b + 1 < structure.start.size(); ++b) {
    const Index width = structure.start[b + 1] - structure.start[b];
    size += width * width;
  }
  Vector blocks = Vector::Constant(size, std::numeric_limits<double>::quiet_NaN());
  at.map.curvature(at.u, blocks);
  Vector product = Vector::Zero(p);
  Index offset = 0;
  for (std::size_t b = 0; b + 1 < structure.start.size(); ++b) {
    const Index start = structure.start[b], width = structure.start[b + 1] - start;
    const auto parameter = [&](Index k) {
      return structure.index[static_cast<std::size_t>(start + k)];
    };
    for (Index j = 0; j < width; ++j)
      for (Index i = 0; i < width; ++i)
        product[parameter(i)] += blocks[offset + j * width + i] * at.v[parameter(j)];
    offset += width * width;
  }
  all.by_rounding("curvature by blocks", relative_error(product, at.curved));
}

/// Clones go their own way.
void compare_clone(const MapAt& at, Comparisons& all) {
  const auto clone = at.map.clone();
  Vector elsewhere(at.f.size()), again(at.jv.size());
  clone->evaluate(2 * at.w, elsewhere);
  at.map.jacobian_times(at.v, again);
  all.exactly("a clone has its own point", again == at.jv);
}

/// y and entries of `fraction` of its root mean square, or of 1 where it is 0.
Vector around(const Vector& y, double fraction, RandomStream& stream) {
  const double rms = y.norm() / std::sqrt(static_cast<double>(std::max<Index>(1, y.size())));
  return y + (rms > 0 ? rms : 1.0) * fraction * random_vector(y.size(), stream);
}

void compare_loss(const Loss& original, Vector w, double decay, RandomStream& stream,
                  DerivativeChecks& all) {
  Loss loss(original);
  OutputMap& map = loss.map();
  if (MapPieces* pieces = map.pieces()) {
    pieces->hold(rounding_tolerance, decay);
    loss.linearise(w);
    pieces->enter(w, loss.last_output_gradient(), true);
  }
  // As far as the matrices are no larger than 128 MB each.
  constexpr double most_entries = 1 << 24;
  const double p = static_cast<double>(loss.dimension()), n = static_cast<double>(loss.outputs());
  const auto add = [&](DerivativeChecks&& checks) {
    for (DerivativeCheck& check : checks) all.push_back(std::move(check));
  };
  add(compare_derivatives(map, w, stream, n * std::max(n, p) <= most_entries));
  add(compare_derivatives(loss, w, stream));
}

}  // namespace

DerivativeChecks compare_derivatives(OutputMap& map, const Vector& w, RandomStream& stream,
                                     bool matrices) {
  Comparisons all;
  const MapAt at = products_at(map, w, stream, all);
  compare_curvature(at, stream, all);
  if (matrices) {
    compare_matrices(at, stream, all);
    if (const BlockStructure* structure = map.curvature_blocks())
      compare_blocks(at, *structure, all);
  }
  compare_clone(at, all);
  return all.take();
}

DerivativeChecks compare_derivatives(const OutputLoss& loss, const Vector& f,
                                     RandomStream& stream) {
  Comparisons all;
  const Index n = f.size();
  const Vector v = random_vector(n, stream), u = random_vector(n, stream);
  const auto value = [&](const Vector& at) { return Vector::Constant(1, loss.value(at)).eval(); };
  const auto gradient = [&](const Vector& at) {
    Vector g(n);
    loss.gradient(at, g);
    return g;
  };
  Vector g(n), dv(n), du(n);
  const double at_f = loss.gradient(f, g);
  all.by_rounding("l, with its gradient and without",
                  relative(std::abs(at_f - loss.value(f)), std::abs(at_f)));
  all.by_differences("l' . v, differences of l",
                     std::abs(directional_derivative(value, f, v)[0] - g.dot(v)),
                     g.norm() * v.norm() + std::abs(at_f));
  loss.hessian_times(f, v, dv);
  loss.hessian_times(f, u, du);
  all.by_differences("D v, differences of l'", (directional_derivative(gradient, f, v) - dv).norm(),
                     dv.norm() + g.norm());
  all.by_rounding("D is symmetric", relative(std::abs(u.dot(dv) - v.dot(du)),
                                             u.norm() * dv.norm() + v.norm() * du.norm()));
  Vector root = v;
  loss.root_transposed_times(f, root);
  all.by_rounding("v . D v, |S^T v|^2", relative(std::abs(root.squaredNorm() - v.dot(dv)),
                                                 v.norm() * dv.norm() + 1e-288));
  loss.root_times(f, root);
  all.by_rounding("D v, S S^T v", relative((root - dv).norm(), root.norm() + dv.norm()));
  return all.take();
}

DerivativeChecks compare_derivatives(Loss& loss, const Vector& w, RandomStream& stream) {
  Comparisons all;
  const Index p = loss.dimension();
  const Vector v = random_vector(p, stream), u = random_vector(p, stream);
  const auto value = [&](const Vector& at) { return Vector::Constant(1, loss.value(at)).eval(); };
  const auto gradient = [&](const Vector& at) {
    Vector g(p);
    loss.gradient(at, g);
    return g;
  };
  const double slope = directional_derivative(value, w, v)[0];
  const Vector differences = directional_derivative(gradient, w, v);
  Vector g(p), hv(p), hu(p), gauss_newton(p), jv(loss.outputs()), djv(loss.outputs()), sum(p);
  const double at_w = loss.gradient(w, g);
  all.by_differences("grad F . v, differences of F", std::abs(slope - g.dot(v)),
                     g.norm() * v.norm() + at_w * reach(v, w));
  loss.hessian_times(v, hv);
  all.by_differences("hess F v, differences of grad F", (differences - hv).norm(),
                     hv.norm() + g.norm() * reach(v, w));
  loss.hessian_times(u, hu);
  all.by_rounding("hess F is symmetric", relative(std::abs(u.dot(hv) - v.dot(hu)),
                                                  u.norm() * hv.norm() + v.norm() * hu.norm()));
  loss.gauss_newton_times(v, gauss_newton);
  loss.map().jacobian_times(v, jv);
  loss.output_loss().hessian_times(loss.last_outputs(), jv, djv);
  loss.map().transpose_times(djv, sum);
  all.by_rounding("Gauss-Newton part v, J^T D J v", relative_error(gauss_newton, sum));
  loss.map().curvature_times(loss.last_output_gradient(), v, sum);
  all.by_rounding("hess F v, its two parts",
                  relative((gauss_newton + sum - hv).norm(), hv.norm() + sum.norm()));
  // `linearise` leaves the same point as `gradient`; a copy has its own.
  loss.linearise(w);
  loss.hessian_times(v, sum);
  all.exactly("hess F v, without a gradient before", sum == hv);
  Loss copy(loss);
  copy.linearise(-w);
  loss.hessian_times(v, sum);
  all.exactly("a copy has its own point", sum == hv);
  return all.take();
}

DerivativeChecks compare_derivatives(System& system, const Vector& y, RandomStream& stream) {
  Comparisons all;
  const Index n = system.dimension();
  Vector v = random_vector(n, stream);
  if (const auto* manifold = dynamic_cast<const OnManifold*>(&system)) manifold->to_tangent(y, v);
  const auto rhs = [&](const Vector& at) {
    Vector out(n);
    system.rhs(0, at, out);
    return out;
  };
  const Vector differences = directional_derivative(rhs, y, v);
  Vector jv(n);
  system.jacobian_times(0, y, v, jv);
  const Vector slope = rhs(y);
  all.by_differences("Jacobian v, differences of y'", (differences - jv).norm(),
                     jv.norm() + slope.norm() * reach(v, y));
  if (!system.has_energy()) return all.take();
  const auto energy = [&](const Vector& at) {
    return Vector::Constant(1, system.energy(at)).eval();
  };
  const double fall = directional_derivative(energy, y, slope)[0];
  const double rate = system.inner_product(y, slope, slope);
  all.exactly("|y'|^2 is not negative", rate >= 0);
  Vector metric(n);
  system.metric(y, metric);
  all.exactly("inner products are those of the metric",
              std::abs(slope.dot(metric.cwiseProduct(slope)) - rate) <=
                  std::numeric_limits<double>::epsilon() * static_cast<double>(n + 8) * rate);
  all.by_differences("fall of the energy, |y'|^2", std::abs(fall + rate),
                     rate + std::abs(system.energy(y)) * reach(slope, y));
  return all.take();
}

std::vector<PointChecks> compare_derivatives(Model& model, FlowSettings flow, std::uint64_t seed) {
  RandomStream stream(seed, "derivatives");
  auto* loss_model = dynamic_cast<LossModel*>(&model);
  // The flow itself, in its own time: the rest follows from it.
  if (flow.discrete() || loss_model != nullptr) flow.kind = descent_kind();
  flow.accelerated = false;
  const bool kinks = model.system(flow)->pieces() != nullptr;
  Vector start = model.initial_state(flow);
  // A start of zeros may lie on kinks.
  if (kinks) start = around(start, 1e-3, stream);
  std::vector<PointChecks> points{{"initial state", {}}, {"random point", {}}};
  Vector states[] = {start, around(start, 0.1, stream)};
  for (std::size_t k = 0; k < points.size(); ++k) {
    DerivativeChecks& checks = points[k].checks;
    Vector& y = states[k];
    const std::unique_ptr<System> system = model.system(flow);
    if (const auto* manifold = dynamic_cast<const OnManifold*>(system.get()))
      manifold->to_manifold(y);
    if (loss_model != nullptr)
      compare_loss(loss_model->loss(), y, flow.weight_decay, stream, checks);
    if (FlowPieces* pieces = system->pieces()) {
      pieces->hold(rounding_tolerance);
      pieces->enter(0, y, true);
    }
    for (DerivativeCheck& check : compare_derivatives(*system, y, stream))
      checks.push_back(std::move(check));
  }
  return points;
}

}  // namespace gradflow
