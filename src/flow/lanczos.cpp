#include "flow/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "numerics/random.hpp"

namespace gradflow {

JacobianKrylovSpace lanczos(System& system, double t, ConstVectorRef y, Index iterations) {
  Vector start(system.dimension());
  RandomStream(0, "saddle").fill_normal(start);
  return lanczos(system, t, y, iterations, std::move(start));
}

JacobianKrylovSpace lanczos(System& system, double t, ConstVectorRef y, Index iterations,
                            Vector next) {
  const Index n = system.dimension();
  const Index most = std::min(n, iterations);
  JacobianKrylovSpace space;
  Matrix& basis = space.basis;
  Vector alpha = Vector::Zero(most), beta = Vector::Zero(most);
  const double length = std::sqrt(system.inner_product(y, next, next));
  if (!(length > 0) || !std::isfinite(length)) return space;
  basis.resize(n, most);
  basis.col(0) = next / length;
  Index size = 0;
  while (size < most) {
    system.jacobian_times(t, y, basis.col(size), next);
    if (!next.allFinite()) return {};
    // What the recurrence has beside the next vector, then what rounding left of all: a second pass
    // over all adds nothing.
    double squared_image = 0;
    const auto remove = [&](Index k) {
      const double c = system.inner_product(y, basis.col(k), next);
      squared_image += c * c;
      if (k == size) alpha[size] += c;
      next -= c * basis.col(k);
    };
    for (Index k = size; k >= std::max<Index>(0, size - 1); --k) remove(k);
    for (Index k = 0; k <= size; ++k) remove(k);
    const double remainder = std::sqrt(system.inner_product(y, next, next));
    ++size;
    space.remainder = remainder;
    space.longest_image =
        std::max(space.longest_image, std::sqrt(squared_image + remainder * remainder));
    if (size == most || !(remainder > 1e-12 * alpha.head(size).cwiseAbs().maxCoeff() + 1e-300))
      break;
    beta[size - 1] = remainder;
    basis.col(size) = next / remainder;
  }
  basis.conservativeResize(Eigen::NoChange, size);
  space.diagonal = alpha.head(size);
  space.off_diagonal = beta.head(size - 1);
  return space;
}

}  // namespace gradflow
