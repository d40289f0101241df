#include "solve/spectral_radius.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "flow/lanczos.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/long_vectors.hpp"
#include "numerics/random.hpp"
#include "solve/outcome.hpp"

namespace gradflow {
namespace {

/// Of the first search, and of the later ones, which know where to begin.
constexpr Index first_products = 12, products_between = 6;
constexpr int most_rounds = 4;
/// A rate is known when the mode's residual is this share of it.
constexpr double known = 0.05;
/// Beside a mode of length one.
constexpr double random_share = 0.1;
/// For what is left of the residual's bound, and for the growth until the next estimate.
constexpr double margin = 1.05;

/// The power method, as in RKC (Sommeijer, Shampine and Verwer, J. Comput. Appl. Math. 88, 1998).
constexpr int most_powers = 30;
constexpr double settled_powers = 0.01, margin_of_powers = 1.2;

}  // namespace

SpectralRadius::SpectralRadius(System& system) : system_(system) {}

void SpectralRadius::exchange(Archive& archive) {
  archive("mode", mode_);
  archive("products", products_);
}

double SpectralRadius::estimate(double t, ConstVectorRef y) {
  const bool symmetric = system_.has_energy() && system_.has_saddles();
  const double radius = symmetric ? by_lanczos(t, y) : by_powers(t, y);
  if (!std::isfinite(radius))
    throw SolverError(Status::not_finite, "a product with the Jacobian is not finite",
                      "the flow may blow up in finite time; check data and initial values");
  return radius;
}

double SpectralRadius::by_lanczos(double t, ConstVectorRef y) {
  Vector random(y.size());
  RandomStream(0, "spectral radius").fill_normal(random);
  double longest_image = 0, radius = 0;
  for (int round = 0; round < most_rounds; ++round) {
    Vector start = random;
    if (mode_.size() > 0) {
      const double length = std::sqrt(system_.inner_product(y, random, random));
      start = mode_ + random_share / length * random;
    }
    const Index most = mode_.size() > 0 ? products_between : first_products;
    const JacobianKrylovSpace space = lanczos(system_, t, y, most, std::move(start));
    const Index size = space.diagonal.size();
    products_ += size;
    if (size == 0) return std::numeric_limits<double>::quiet_NaN();
    const SymmetricEigen eigen = tridiagonal_eigen(space.diagonal, space.off_diagonal);
    const double rate = std::max(0.0, -eigen.values[0]);
    const double residual = space.remainder * std::abs(eigen.vectors(size - 1, 0));
    mode_.resize(y.size());
    long_vectors::combine(space.basis, eigen.vectors.col(0), mode_);
    longest_image = std::max(longest_image, space.longest_image);
    radius = std::max(rate + residual, longest_image);
    if (!(residual > known * radius)) break;
  }
  return margin * radius;
}

double SpectralRadius::by_powers(double t, ConstVectorRef y) {
  Vector image(y.size());
  if (mode_.size() == 0) {
    mode_.resize(y.size());
    RandomStream(0, "spectral radius").fill_normal(mode_);
    mode_.normalize();
  }
  double radius = 0;
  for (int k = 0; k < most_powers; ++k) {
    system_.jacobian_times(t, y, mode_, image);
    ++products_;
    const double length = image.norm();
    if (!std::isfinite(length)) return length;
    if (length == 0) break;
    const bool settled = std::abs(length - radius) < settled_powers * length;
    radius = std::max(radius, length);
    mode_ = image / length;
    if (settled) break;
  }
  return margin_of_powers * radius;
}

}  // namespace gradflow
