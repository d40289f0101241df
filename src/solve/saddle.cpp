#include "solve/saddle.hpp"

#include <cmath>

#include "flow/lanczos.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/long_vectors.hpp"

namespace gradflow {
namespace {

/// A mode of the descent that grows as exp(k t) is q'' + friction q' = k q here: q = a e^{st} + b
/// e^{rt}, s > 0 > r.
GrowingMode with_inertia(InertialFlow& flow, double t, ConstVectorRef y, int products) {
  const Index p = y.size() / 2;
  System& descent = flow.descent();
  GrowingMode found = fastest_growing_mode(descent, t, y.head(p), products);
  const double k = found.rate, friction = flow.friction();
  const auto growth = [&](double rate) {
    return 2 * rate / (friction + std::sqrt(friction * friction + 4 * rate));
  };
  const bool grows = k > resolved_growth * found.fastest;
  found.fastest = growth(found.fastest);
  found.rate = grows ? growth(k) : 0;
  found.amplitude = 0;
  if (!grows) return found;
  Vector slope(p);
  descent.rhs(t, y.head(p), slope);
  const double q = found.mode.dot(slope) / k, velocity = found.mode.dot(y.tail(p)),
               apart = std::sqrt(friction * friction + 4 * k), s = found.rate;
  const double length = std::sqrt(1 + s * s);
  found.amplitude = length * std::abs(velocity + (apart - s) * q) / apart;
  Vector mode(y.size());
  mode << found.mode, s * found.mode;
  found.mode = mode / length;
  return found;
}

}  // namespace

bool rounding_leaves(InertialFlow& flow, ConstVectorRef y0, double elapsed, double rounding) {
  const Index p = y0.size() / 2;
  if (y0.tail(p).norm() > 0) return false;
  const GrowingMode mode = with_inertia(flow, 0, y0, products_for_a_mode);
  if (!(mode.rate * elapsed > -std::log(rounding))) return false;
  Vector slope(p);
  flow.descent().rhs(0, y0.head(p), slope);
  // The fastest rate of the descent: s^2 + friction s = k.
  const double scale = mode.fastest * (mode.fastest + flow.friction());
  return slope.norm() <= rounding * scale * y0.norm();
}

bool knows_saddles(const System& system) {
  return system.has_energy() &&
         (system.has_saddles() || dynamic_cast<const InertialFlow*>(&system) != nullptr);
}

GrowingMode fastest_growing_mode(System& system, double t, ConstVectorRef y, int products) {
  if (auto* inertial = dynamic_cast<InertialFlow*>(&system))
    return with_inertia(*inertial, t, y, products);
  GrowingMode found;
  const JacobianKrylovSpace space = lanczos(system, t, y, products);
  if (space.diagonal.size() == 0) return found;
  const SymmetricEigen eigen = tridiagonal_eigen(space.diagonal, space.off_diagonal);
  const Index last = space.diagonal.size() - 1;
  found.rate = eigen.values[last];
  found.fastest = eigen.values.cwiseAbs().maxCoeff();
  found.mode.resize(y.size());
  long_vectors::combine(space.basis, eigen.vectors.col(last), found.mode);
  if (found.rate > 0) {
    Vector slope(system.dimension());
    system.rhs(t, y, slope);
    found.amplitude = std::abs(system.inner_product(y, found.mode, slope)) / found.rate;
  }
  return found;
}

}  // namespace gradflow
