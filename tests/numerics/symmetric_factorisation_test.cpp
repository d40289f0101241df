#include "numerics/symmetric_factorisation.hpp"
#include "numerics/decompositions.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "numerics/parallel.hpp"
#include "numerics/random.hpp"
#include "numerics/symmetric_product.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

using Outcome = SymmetricFactorisation::Outcome;

Matrix random_matrix(RandomStream& stream, Index rows, Index cols) {
  Matrix m(rows, cols);
  stream.fill_normal(m);
  return m;
}

Matrix symmetric_part(const Matrix& m) {
  return 0.5 * (m + m.transpose());
}

/// Q diag(eigenvalues) Q^T with a random orthogonal Q.
Matrix with_eigenvalues(RandomStream& stream, const Vector& eigenvalues) {
  const Index n = eigenvalues.size();
  const Matrix q = random_matrix(stream, n, n).householderQr().householderQ();
  return symmetric_part(q * eigenvalues.asDiagonal() * q.transpose());
}

std::vector<Index> sizes() {
  std::vector<Index> all;
  for (Index n = 1; n <= 40; ++n) all.push_back(n);
  all.push_back(127);
  all.push_back(200);
  return all;
}

/// Normwise backward error |b - A x| / (|A| |x|), largest of the columns, in units of n epsilon. It
/// is of order 1 for a backward stable method.
double backward_error(const Matrix& a, const Matrix& x, const Matrix& b) {
  double worst = 0;
  const double unit = static_cast<double>(a.rows()) * std::numeric_limits<double>::epsilon();
  for (Index j = 0; j < b.cols(); ++j) {
    const double residual = (b.col(j) - a * x.col(j)).norm();
    worst = std::max(worst, residual / (a.norm() * x.col(j).norm() + b.col(j).norm()) / unit);
  }
  return worst;
}

/// Backward stability with a modest constant; Bunch-Kaufman's element growth, in practice below 10,
/// is included.
constexpr double stable = 5;

}  // namespace

TEST_CASE("Positive definite matrices are recognised and solved, all sizes") {
  RandomStream stream(1, "data");
  SymmetricFactorisation factorisation;
  for (const Index n : sizes()) {
    INFO("n = " << n);
    const Matrix g = random_matrix(stream, n, n);
    const Matrix a = g * g.transpose() + 0.1 * Matrix::Identity(n, n);
    REQUIRE(factorisation.factorise(a) == Outcome::positive_definite);
    CHECK(factorisation.negative_eigenvalues() == 0);
    const Matrix b = random_matrix(stream, n, 3);
    Matrix x = b;
    factorisation.solve_in_place(x);
    CHECK(backward_error(a, x, b) < stable);
  }
}

TEST_CASE("Indefinite matrices of prescribed inertia: inertia and solution, all sizes") {
  RandomStream stream(2, "data");
  SymmetricFactorisation factorisation;
  for (const Index n : sizes()) {
    for (const Index negative : {Index{1}, (n + 1) / 2, n}) {
      INFO("n = " << n << ", negative = " << negative);
      Vector eigenvalues(n);
      for (Index i = 0; i < n; ++i) {
        eigenvalues[i] = (i < negative ? -1 : 1) * std::exp(stream.uniform(-5, 5));
      }
      const Matrix a = with_eigenvalues(stream, eigenvalues);
      REQUIRE(factorisation.factorise(a) == Outcome::indefinite);
      CHECK(factorisation.negative_eigenvalues() == negative);
      const Matrix b = random_matrix(stream, n, 2);
      Matrix x = b;
      factorisation.solve_in_place(x);
      CHECK(backward_error(a, x, b) < stable);
    }
  }
}

TEST_CASE(
    "The inertia of random symmetric matrices, also with zero diagonal, is that of eigenvalues") {
  RandomStream stream(3, "data");
  SymmetricFactorisation factorisation;
  for (const Index n : sizes()) {
    for (const bool hollow : {false, true}) {
      if (hollow && n == 1) continue;
      INFO("n = " << n << (hollow ? ", zero diagonal" : ""));
      Matrix a = symmetric_part(random_matrix(stream, n, n));
      if (hollow) a.diagonal().setZero();
      const Vector eigenvalues = Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues();
      CHECK(factorisation.factorise(a) != Outcome::singular);
      CHECK(factorisation.negative_eigenvalues() == (eigenvalues.array() < 0).count());
      const Matrix b = random_matrix(stream, n, 2);
      Matrix x = b;
      factorisation.solve_in_place(x);
      CHECK(backward_error(a, x, b) < stable);
    }
  }
}

TEST_CASE("The exchange matrix needs a 2x2 pivot") {
  const Matrix a = (Matrix(2, 2) << 0, 1, 1, 0).finished();
  SymmetricFactorisation factorisation;
  CHECK(factorisation.factorise(a) == Outcome::indefinite);
  CHECK(factorisation.negative_eigenvalues() == 1);
  Vector x = (Vector(2) << 3, 7).finished();
  factorisation.solve_in_place(x);
  CHECK(x[0] == 7);
  CHECK(x[1] == 3);
}

TEST_CASE("Matrices of deficient rank are singular, and no zero of theirs counts as negative") {
  RandomStream stream(4, "data");
  SymmetricFactorisation factorisation;
  for (const Index n : sizes()) {
    if (n < 3) continue;
    for (const Index kernel : {Index{1}, n / 2, n - 1}) {
      INFO("n = " << n << ", kernel = " << kernel);
      // At least one negative eigenvalue: a semi-definite matrix may pass for either.
      Vector eigenvalues = Vector::Zero(n);
      for (Index i = kernel; i < n; ++i) {
        eigenvalues[i] = (i % 2 == 0 || i == n - 1 ? -1 : 1) * stream.uniform(0.5, 2);
      }
      CHECK(factorisation.factorise(with_eigenvalues(stream, eigenvalues)) == Outcome::singular);
      CHECK(factorisation.negative_eigenvalues() == (eigenvalues.array() < 0).count());
    }
  }
}

TEST_CASE("Exactly singular matrices: zero, zero row, equal rows") {
  SymmetricFactorisation factorisation;
  CHECK(factorisation.factorise(Matrix::Zero(5, 5)) == Outcome::singular);
  CHECK(factorisation.factorise(Matrix::Ones(2, 2)) == Outcome::singular);
  CHECK(factorisation.negative_eigenvalues() == 0);
  Matrix hole = Matrix::Identity(4, 4);
  hole(1, 1) = 0;
  hole(3, 3) = -2;
  CHECK(factorisation.factorise(hole) == Outcome::singular);
  CHECK(factorisation.negative_eigenvalues() == 1);
  Vector b = Vector::Ones(4);
  CHECK_THROWS_AS(factorisation.solve_in_place(b), std::logic_error);
}

TEST_CASE("Small eigenvalues of a graded matrix do not pass for zero") {
  const Vector scales = (Vector(4) << 1e-20, -1, 1e-8, 1e12).finished();
  SymmetricFactorisation factorisation;
  CHECK(factorisation.factorise(Matrix(scales.asDiagonal())) == Outcome::indefinite);
  CHECK(factorisation.negative_eigenvalues() == 1);
  Vector x = Vector::Ones(4);
  factorisation.solve_in_place(x);
  for (Index i = 0; i < 4; ++i) CHECK(x[i] * scales[i] == Approx(1).epsilon(1e-15));

  // D S D with D from 1 to 1e-9: by Sylvester the inertia of S.
  RandomStream stream(5, "data");
  const Index n = 30;
  const Matrix s = symmetric_part(random_matrix(stream, n, n));
  const Vector d = (Vector::LinSpaced(n, 0, -9) * std::log(10.0)).array().exp();
  const auto expected =
      (Eigen::SelfAdjointEigenSolver<Matrix>(s).eigenvalues().array() < 0).count();
  CHECK(factorisation.factorise(d.asDiagonal() * s * d.asDiagonal()) == Outcome::indefinite);
  CHECK(factorisation.negative_eigenvalues() == expected);
}

TEST_CASE("A Cholesky factorisation that fails in its last pivot starts again from the original") {
  RandomStream stream(6, "data");
  SymmetricFactorisation factorisation;
  for (const Index n : {2, 33, 150}) {
    INFO("n = " << n);
    const Matrix g = random_matrix(stream, n, n);
    Matrix a = g * g.transpose() + Matrix::Identity(n, n);
    a(n - 1, n - 1) = -3;
    CHECK(factorisation.factorise(a) == Outcome::indefinite);
    CHECK(factorisation.negative_eigenvalues() == 1);
    const Vector b = Vector::Ones(n);
    Vector x = b;
    factorisation.solve_in_place(x);
    CHECK(backward_error(a, x, b) < stable);
  }
}

TEST_CASE("Only the lower triangle is read, and storage is kept for matrices of one size") {
  RandomStream stream(7, "data");
  SymmetricFactorisation factorisation;
  const Index n = 45;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double* memory = nullptr;
  for (int repetition = 0; repetition < 4; ++repetition) {
    Matrix a = symmetric_part(random_matrix(stream, n, n));
    if (repetition % 2 == 0) a = a * a + Matrix::Identity(n, n);
    Matrix& storage = factorisation.storage(n);
    if (memory != nullptr) CHECK(storage.data() == memory);
    memory = storage.data();
    storage = a;
    storage.triangularView<Eigen::StrictlyUpper>().setConstant(nan);
    CHECK(factorisation.factorise_in_place() ==
          (repetition % 2 == 0 ? Outcome::positive_definite : Outcome::indefinite));
    const Matrix b = random_matrix(stream, n, 4);
    Matrix x = b;
    factorisation.solve_in_place(x);
    CHECK(backward_error(a, x, b) < stable);

    // A column at a time, and in a map, gives the same up to rounding (condition times n epsilon).
    Matrix columns = b;
    for (Index j = 0; j < 4; ++j) factorisation.solve_in_place(columns.col(j));
    CHECK(backward_error(a, columns, b) < stable);
  }
}

TEST_CASE("Matrices that are not finite are reported, not factorised") {
  SymmetricFactorisation factorisation;
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const Index row : {0, 4, 7}) {
      Matrix a = 2 * Matrix::Identity(8, 8);
      a(row, 0) = bad;
      CHECK(factorisation.factorise(a) == Outcome::singular);
    }
  }
}

TEST_CASE("Misuse is refused with an exception and the empty matrix is not misuse") {
  SymmetricFactorisation factorisation;
  Vector b = Vector::Ones(3);
  CHECK_THROWS_AS(factorisation.solve_in_place(b), std::logic_error);
  CHECK_THROWS_AS(factorisation.factorise(Matrix::Ones(2, 3)), std::invalid_argument);
  factorisation.factorise(Matrix::Identity(4, 4));
  CHECK_THROWS_AS(factorisation.solve_in_place(b), std::invalid_argument);
  factorisation.storage(3).setIdentity();
  CHECK_THROWS_AS(factorisation.solve_in_place(b), std::logic_error);
  CHECK(factorisation.factorise(Matrix(0, 0)) == Outcome::positive_definite);
}

TEST_CASE("Cholesky in blocks: backward stable, the upper triangle untouched, any threads") {
  RandomStream stream(7, "cholesky");
  for (const Index n : {1, 7, 255, 256, 257, 700}) {
    CAPTURE(n);
    const Matrix factor = random_matrix(stream, n, n);
    Matrix a = factor * factor.transpose();
    a.diagonal().array() += 1;
    Matrix found = a;
    REQUIRE(cholesky_in_place(found));
    CHECK(found.triangularView<Eigen::StrictlyUpper>().toDenseMatrix() ==
          a.triangularView<Eigen::StrictlyUpper>().toDenseMatrix());
    const Matrix lower = found.triangularView<Eigen::Lower>();
    const double unit = static_cast<double>(n) * std::numeric_limits<double>::epsilon();
    CHECK((lower * lower.transpose() - a).norm() < stable * unit * a.norm());
    Matrix again = a;
    {
      const LoopThreads threads(3);
      REQUIRE(cholesky_in_place(again));
    }
    CHECK(again == found);
    a(n - 1, n - 1) -= 2 * lower(n - 1, n - 1) * lower(n - 1, n - 1);  // the last pivot
    CHECK_FALSE(cholesky_in_place(a));
  }
}

TEST_CASE("A symmetric product in panels is the product, any threads") {
  RandomStream stream(8, "product");
  // The last two are cut along their columns as well.
  for (const auto& [n, k] :
       {std::pair<Index, Index>{1, 30}, {255, 30}, {257, 30}, {600, 30}, {97, 9001}, {20, 5000}}) {
    CAPTURE(n, k);
    const Matrix a = random_matrix(stream, k, n);
    const Vector weight = Vector::LinSpaced(k, 1, 2);
    const Matrix b = weight.asDiagonal() * a;
    Matrix expected = 0.5 * a.transpose() * b;
    Matrix found = Matrix::Zero(n, n);
    found(n - 1, 0) = 7;  // what is there is added to
    add_symmetric_product(0.5, a, b, found);
    expected(n - 1, 0) += 7;
    const Matrix difference = (found - expected).triangularView<Eigen::Lower>();
    CHECK(difference.cwiseAbs().maxCoeff() <
          1e-14 * static_cast<double>(k));  // products of order 1
    Matrix again = Matrix::Zero(n, n);
    again(n - 1, 0) = 7;
    const LoopThreads threads(3);
    add_symmetric_product(0.5, a, b, again);
    CHECK(again == found);
  }
}
