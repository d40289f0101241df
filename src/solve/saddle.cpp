#include "solve/saddle.hpp"

#include <cmath>

#include "flow/lanczos.hpp"
#include "numerics/decompositions.hpp"

namespace gradflow {

GrowingMode fastest_growing_mode(System& system, double t, ConstVectorRef y, int products) {
  GrowingMode found;
  const JacobianKrylovSpace space = lanczos(system, t, y, products);
  if (space.diagonal.size() == 0) return found;
  Eigen::SelfAdjointEigenSolver<Matrix> eigen;
  eigen.computeFromTridiagonal(space.diagonal, space.off_diagonal);
  const Index last = space.diagonal.size() - 1;
  found.rate = eigen.eigenvalues()[last];
  found.fastest = eigen.eigenvalues().cwiseAbs().maxCoeff();
  found.mode = space.basis * eigen.eigenvectors().col(last);
  if (found.rate > 0) {
    Vector slope(system.dimension());
    system.rhs(t, y, slope);
    found.amplitude = std::abs(system.inner_product(y, found.mode, slope)) / found.rate;
  }
  return found;
}

}  // namespace gradflow
