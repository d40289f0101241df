#include "continuation/point_modes.hpp"

#include <cmath>

#include "numerics/decompositions.hpp"
#include "numerics/random.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A with given eigenvalues; columns of `vectors` are its modes.
struct Spectrum {
  Matrix vectors;
  Vector values;

  explicit Spectrum(Vector of) : values(std::move(of)) {
    RandomStream stream(1, "spectrum");
    Matrix random(values.size(), values.size());
    stream.fill_normal(random);
    vectors = Eigen::HouseholderQR<Matrix>(random).householderQ();
  }
  Matrix matrix() const {
    const Matrix a = vectors * values.asDiagonal() * vectors.transpose();
    return 0.5 * (a + a.transpose());
  }
};

/// 25 symmetries' modes, one of the value given, one growing, the others from 0.01 to 2.
Spectrum with_symmetries(double critical) {
  Vector values = Vector::Zero(60);
  values[25] = critical;
  values[26] = -0.3;
  for (Index k = 27; k < 60; ++k) values[k] = 0.01 * std::pow(200.0, double(k - 27) / 32);
  return Spectrum(values);
}

}  // namespace

TEST_CASE("Modes by a tridiagonal form are those of all eigenpairs, among many flat ones") {
  // In the window of flat modes (1e-6 of the largest), just beyond it, and far.
  for (const double critical : {1e-9, -1e-8, 1e-6, 5e-6, -5e-6, 1e-4, 1e-2}) {
    CAPTURE(critical);
    const Spectrum spectrum = with_symmetries(critical);
    const PointModes all(spectrum.matrix(), 1e-6), tridiagonal(spectrum.matrix(), 1e-6, 0);
    CHECK(tridiagonal.unstable == all.unstable);
    CHECK(tridiagonal.flat == all.flat);
    CHECK((tridiagonal.values - all.values).norm() <= 1e-14 * all.largest);
    CHECK(std::abs(tridiagonal.lowest - all.lowest) <= 1e-14 * all.largest);
    // A vector like w: orthogonal to symmetries' modes, with a part in the critical one or without.
    for (const double part : {1.0, 0.05, 0.0}) {
      CAPTURE(part);
      Vector parts = Vector::Ones(60);
      parts.head(25).setZero();
      parts[25] = part;
      const Vector w = spectrum.vectors * parts;
      const Vector exact = all.solve(w), found = tridiagonal.solve(w);
      // Rounding of the critical eigenvalue, 1e-15 of the largest, and of w over the shift.
      const double share = part == 0 ? 1e-9 : 1e-9 + 1e-14 / std::abs(critical);
      CHECK((found - exact).norm() <= share * exact.norm());
    }
    // Eigenvectors are made when they are asked for.
    const Matrix& modes = tridiagonal.vectors();
    CHECK((spectrum.matrix() * modes - modes * tridiagonal.values.asDiagonal()).norm() <=
          1e-13 * all.largest);
  }
}
