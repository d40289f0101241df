#include "flow/lanczos.hpp"

#include <algorithm>
#include <utility>

#include "numerics/factorisations.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// y' = R y in a metric of many sizes, R of given rates: self-adjoint in any diagonal metric.
class Rates final : public System {
 public:
  explicit Rates(Vector rates) : rates_(std::move(rates)), metric_(rates_.size()) {
    RandomStream(2, "metric").fill_normal(metric_);
    metric_ = metric_.array().exp();
  }
  Index dimension() const override { return rates_.size(); }
  void rhs(double, ConstVectorRef y, VectorRef out) override { out = rates_.cwiseProduct(y); }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef v, VectorRef out) override {
    out = rates_.cwiseProduct(v);
  }
  void metric(ConstVectorRef, VectorRef diagonal) override { diagonal = metric_; }

 private:
  Vector rates_, metric_;
};

/// From -2 to -1, and both ends by themselves.
Vector rates_with_ends(Index n) {
  Vector rates = Vector::LinSpaced(n, -2, -1);
  rates[0] = -50;
  rates[n / 2] = 3;
  return rates;
}

}  // namespace

TEST_CASE("Lanczos is exact on the whole space, in a metric") {
  const Index n = 7;
  Rates system(rates_with_ends(n));
  const Vector y = Vector::Zero(n);
  const JacobianKrylovSpace space = lanczos(system, 0, y, n);
  REQUIRE(space.diagonal.size() == n);
  Vector expected = rates_with_ends(n);
  std::sort(expected.begin(), expected.end());
  const SymmetricEigen eigen = tridiagonal_eigen(space.diagonal, space.off_diagonal);
  // Rounding of the products, some n epsilon of the largest rate.
  CHECK((eigen.values - expected).cwiseAbs().maxCoeff() < 1e-13 * 50);
}

TEST_CASE("Lanczos keeps its basis orthonormal, whatever the threads") {
  // Several stretches of a vector, the last one short.
  const Index n = 5001, products = 40;
  Rates system(rates_with_ends(n));
  const Vector y = Vector::Zero(n);
  const JacobianKrylovSpace space = lanczos(system, 0, y, products);
  REQUIRE(space.diagonal.size() == products);
  Vector metric(n);
  system.metric(y, metric);
  const Matrix overlap = space.basis.transpose() * metric.asDiagonal() * space.basis;
  CHECK((overlap - Matrix::Identity(products, products)).cwiseAbs().maxCoeff() < 1e-12);
  const SymmetricEigen eigen = tridiagonal_eigen(space.diagonal, space.off_diagonal);
  // Chebyshev: an end at a distance of many widths of the rest is found to rounding long before.
  CHECK(eigen.values[0] == Approx(-50).epsilon(1e-12));
  CHECK(eigen.values[products - 1] == Approx(3).epsilon(1e-12));
  CHECK(space.longest_image <= 50 * (1 + 1e-12));

  const LoopThreads threads(3);
  const JacobianKrylovSpace again = lanczos(system, 0, y, products);
  CHECK(again.basis == space.basis);
  CHECK(again.diagonal == space.diagonal);
  CHECK(again.off_diagonal == space.off_diagonal);
}
