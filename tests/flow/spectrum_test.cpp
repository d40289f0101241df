#include "flow/spectrum.hpp"

#include <cmath>
#include <limits>

#include "flow/linear_map.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// F = 1/2 |X w|^2, X diagonal with the squares given: these are the Hessian's eigenvalues.
Loss diagonal_loss(const Vector& eigenvalues) {
  auto inputs = std::make_shared<Matrix>(eigenvalues.cwiseSqrt().asDiagonal());
  return {std::make_unique<LinearMap>(inputs),
          std::make_shared<SquaredLoss>(0.5, Vector::Zero(eigenvalues.size()))};
}

}  // namespace

TEST_CASE("The ends of a Hessian's spectrum by Lanczos are those of the Hessian") {
  const Index p = 400, count = 10;
  const Vector decay = Vector::Constant(1, 1e-3);
  const Vector eigenvalues = Vector::LinSpaced(p, 0, 100);
  Loss loss = diagonal_loss(eigenvalues);
  const HessianSpectrum ends = hessian_spectrum(loss, Vector::Ones(p), decay, count, 100);
  CHECK_FALSE(ends.complete);
  REQUIRE(ends.values.size() == 2 * count);
  for (Index k = 0; k < 2 * count; ++k) {
    // 1e-8 of the largest, as documented: 1e-6.
    const double exact = eigenvalues[k < count ? k : p - 2 * count + k] + 1e-3;
    CHECK(ends.values[k] == Approx(exact).margin(1e-6));
    const Vector v = ends.vectors.col(k);
    Vector image(p);
    loss.hessian_times(v, image);
    image += decay[0] * v;
    CHECK((image - ends.values[k] * v).norm() < 1e-6);
  }
}

TEST_CASE("A lower end that Lanczos cannot tell apart is no number, the upper end is there") {
  // Over twelve decades: a hundred of the eigenvalues are within 1e-9 of the largest of each other.
  const Index p = 400, count = 10;
  Vector eigenvalues(p);
  for (Index i = 0; i < p; ++i)
    eigenvalues[i] = std::pow(10, -10 + 12 * static_cast<double>(i) / static_cast<double>(p - 1));
  Loss loss = diagonal_loss(eigenvalues);
  const HessianSpectrum ends = hessian_spectrum(loss, Vector::Ones(p), Vector::Zero(1), count, 100);
  REQUIRE(ends.values.size() == 2 * count);
  for (Index k = 0; k < count; ++k) {
    CHECK(ends.values[2 * count - 1 - k] == Approx(eigenvalues[p - 1 - k]).margin(1e-6));
    if (!std::isnan(ends.values[k])) CHECK(ends.values[k] == Approx(eigenvalues[k]).margin(1e-6));
  }
}

TEST_CASE("An unknown spectrum has no time scales") {
  const Vector unknown = Vector::Constant(20, std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(scale_separation(unknown).gap));
  CHECK(scale_separation(unknown).fast_modes == 0);
}
