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

/// f = X w that counts its products with X.
class CountingMap final : public OutputMap {
 public:
  CountingMap(std::shared_ptr<const Matrix> inputs, std::shared_ptr<int> products)
      : map_(inputs), inputs_(std::move(inputs)), products_(std::move(products)) {}
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<CountingMap>(inputs_, products_);
  }
  Index parameters() const override { return map_.parameters(); }
  Index outputs() const override { return map_.outputs(); }
  void evaluate(ConstVectorRef w, VectorRef f) override { map_.evaluate(w, f); }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    ++*products_;
    map_.jacobian_times(v, jv);
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override { map_.transpose_times(u, jtu); }
  void curvature_times(ConstVectorRef, ConstVectorRef, VectorRef out) override { out.setZero(); }
  double evaluate_flops() const override { return map_.evaluate_flops(); }

 private:
  LinearMap map_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<int> products_;
};

Loss counted_loss(const Vector& eigenvalues, const std::shared_ptr<int>& products) {
  auto inputs = std::make_shared<Matrix>(eigenvalues.cwiseSqrt().asDiagonal());
  return {std::make_unique<CountingMap>(inputs, products),
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

TEST_CASE("The largest eigenvalue alone takes some dozens of products, in whatever company it is") {
  const Index p = 1021;
  Vector wide(p), crowded = Vector::Zero(p);
  for (Index i = 0; i < p; ++i)
    wide[i] = std::pow(10, -10 + 12 * static_cast<double>(i) / static_cast<double>(p - 1));
  crowded.tail(40).setConstant(20.1);
  for (const Vector& eigenvalues : {wide, crowded}) {
    const auto products = std::make_shared<int>(0);
    Loss loss = counted_loss(eigenvalues, products);
    const double largest = eigenvalues.maxCoeff();
    CHECK(largest_hessian_eigenvalue(loss, Vector::Ones(p)) == Approx(largest).epsilon(1e-9));
    CHECK(*products < 150);
  }
  Loss flat = diagonal_loss(Vector::Zero(p));
  CHECK(largest_hessian_eigenvalue(flat, Vector::Ones(p)) == 0);
}

TEST_CASE("An unknown spectrum has no time scales") {
  const Vector unknown = Vector::Constant(20, std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(scale_separation(unknown).gap));
  CHECK(scale_separation(unknown).fast_modes == 0);
}
