#include "flow/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "numerics/long_vectors.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

/// Products in a metric, by stretches of the vectors that the threads of the run share out; sums
/// are joined in their order.
class InMetric {
 public:
  InMetric(System& system, ConstVectorRef y, Index most_columns)
      : diagonal_(y.size()),
        weighted_(y.size()),
        parts_(most_columns, (y.size() + stretch - 1) / stretch) {
    system.metric(y, diagonal_);
  }

  double length(const Vector& v) {
    each([&](Index k, Index first, Index count) {
      parts_(0, k) = v.segment(first, count).cwiseAbs2().dot(diagonal_.segment(first, count));
    });
    return std::sqrt(parts_.row(0).sum());
  }
  /// Takes the columns' parts out of v, the columns orthonormal. \returns <column, v>
  Vector remove(ConstMatrixRef columns, Vector& v) {
    each([&](Index k, Index first, Index count) {
      auto weighted = weighted_.segment(first, count);
      weighted = diagonal_.segment(first, count).cwiseProduct(v.segment(first, count));
      parts_.col(k).head(columns.cols()).noalias() =
          columns.middleRows(first, count).transpose() * weighted;
    });
    const Vector products = parts_.topRows(columns.cols()).rowwise().sum();
    each([&](Index, Index first, Index count) {
      v.segment(first, count).noalias() -= columns.middleRows(first, count) * products;
    });
    return products;
  }

 private:
  /// Rows of a basis that stay in the second-level cache.
  static constexpr Index stretch = 2048;
  template <class Visit>
  void each(const Visit& visit) const {
    for_each_stretch(diagonal_.size(), stretch, visit);
  }

  Vector diagonal_;
  Vector weighted_;
  Matrix parts_;
};

}  // namespace

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
  InMetric in_metric(system, y, most);
  const double length = in_metric.length(next);
  if (!(length > 0) || !std::isfinite(length)) return space;
  basis.resize(n, most);
  long_vectors::divide(next, length, basis.col(0));
  Index size = 0;
  while (size < most) {
    system.jacobian_times(t, y, basis.col(size), next);
    if (!long_vectors::all_finite(next)) return {};
    // What the recurrence has beside the next vector, then what rounding left of all: a second pass
    // over all adds nothing.
    double squared_image = 0;
    for (const Index first : {std::max<Index>(0, size - 1), Index{0}}) {
      const Vector removed = in_metric.remove(basis.middleCols(first, size + 1 - first), next);
      squared_image += removed.squaredNorm();
      alpha[size] += removed[removed.size() - 1];
    }
    const double remainder = in_metric.length(next);
    ++size;
    space.remainder = remainder;
    space.longest_image =
        std::max(space.longest_image, std::sqrt(squared_image + remainder * remainder));
    if (size == most || !(remainder > 1e-12 * alpha.head(size).cwiseAbs().maxCoeff() + 1e-300))
      break;
    beta[size - 1] = remainder;
    long_vectors::divide(next, remainder, basis.col(size));
  }
  basis.conservativeResize(Eigen::NoChange, size);
  space.diagonal = alpha.head(size);
  space.off_diagonal = beta.head(size - 1);
  return space;
}

}  // namespace gradflow
