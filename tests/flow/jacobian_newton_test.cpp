#include "flow/jacobian_newton.hpp"

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// y' = A y.
class Linear final : public System {
 public:
  explicit Linear(Matrix a) : a_(std::move(a)) {}
  Index dimension() const override { return a_.rows(); }
  void rhs(double, ConstVectorRef y, VectorRef out) override { out.noalias() = a_ * y; }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef v, VectorRef out) override {
    out.noalias() = a_ * v;
  }

 private:
  Matrix a_;
};

class Diagonal final : public Preconditioner {
 public:
  explicit Diagonal(Vector d) : d_(std::move(d)) {}
  void linearise(double, ConstVectorRef) override {}
  bool factorise(double gamma) override {
    gamma_ = gamma;
    return true;
  }
  void solve(VectorRef b) override { b.array() /= 1 - gamma_ * d_.array(); }
  NewtonCost cost() const override { return {}; }
  std::string name() const override { return "the diagonal"; }

 private:
  Vector d_;
  double gamma_ = 0;
};

Matrix random_matrix(Index n) {
  Matrix a(n, n);
  RandomStream(1, "matrix").fill_normal(a);
  return a;
}

}  // namespace

TEST_CASE("Dense and GMRES Newton matrices solve a random non-symmetric system") {
  const Index n = 30;
  Matrix a = random_matrix(n);
  a.diagonal() -= Vector::LinSpaced(n, 0, 1000);
  Vector b(n), y = Vector::Zero(n);
  RandomStream(2, "right side").fill_normal(b);
  Linear system(a);
  for (const double gamma : {1e-3, 0.1, 10.0}) {
    const auto dense = make_dense_newton_matrix(system);
    const auto gmres = make_gmres_newton_matrix(std::make_unique<Linear>(a),
                                                std::make_unique<Diagonal>(a.diagonal()), 1.0, 8);
    for (NewtonMatrix* newton : {dense.get(), gmres.get()}) {
      newton->linearise(0, y);
      REQUIRE(newton->factorise(gamma));
      Vector x = b;
      REQUIRE(newton->solve(x, 1e-11));
      INFO(newton->name() << ", gamma = " << gamma);
      CHECK((x - gamma * a * x - b).norm() < 1e-10 * (1 + b.norm()));
    }
  }
}

TEST_CASE("Lanczos finds the ends of a symmetric Jacobian's spectrum") {
  const Index n = 300;
  Vector d = Vector::LinSpaced(n, -3, 1);
  d[7] = -100;
  d[200] = -50;
  d[100] = 20;
  Linear system(d.asDiagonal());
  const SpectrumEnds ends = spectrum_ends(system, 0, Vector::Zero(n));
  CHECK(ends.lowest == Approx(-100).epsilon(1e-12));
  CHECK(ends.second_lowest == Approx(-50).epsilon(1e-12));
  CHECK(ends.highest == Approx(20).epsilon(1e-12));
}
