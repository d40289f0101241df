#include <algorithm>
#include <vector>

#include "flow/jacobian_newton.hpp"
#include "flow/shifted_hessian.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"

// What a Newton matrix says that it costs is held against multiplications that are counted one by
// one: those of the map's products as the matrix itself asks for them, and those of the textbook's
// algorithm for what is done to matrices. A multiplication and its addition are two flops.
using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A number that counts its multiplications and divisions.
struct Counted {
  double value = 0;
  static inline double multiplications = 0;
  Counted() = default;
  Counted(double v) : value(v) {}
  friend Counted operator*(Counted a, Counted b) {
    ++multiplications;
    return a.value * b.value;
  }
  friend Counted operator/(Counted a, Counted b) {
    ++multiplications;
    return a.value / b.value;
  }
  Counted& operator+=(Counted b) {
    value += b.value;
    return *this;
  }
  Counted& operator-=(Counted b) {
    value -= b.value;
    return *this;
  }
};

/// Flops of what `work` does.
template <class Work>
double flops_of(Work&& work) {
  const double before = Counted::multiplications;
  work();
  return 2 * (Counted::multiplications - before);
}

/// f_i = 1/2 sum_k a_k (w_k . x_i)^2: blocks of curvature of size d + 1, in the order (w_1, a_1,
/// w_2, ...). What it says that its products cost is twice what they count.
class SquareNetwork final : public OutputMap {
 public:
  SquareNetwork(Matrix x, Index m) : x_(std::move(x)), m_(m) {
    for (Index k = 0; k < m_; ++k) {
      blocks_.start.push_back(k * size());
      for (Index j = 0; j < size(); ++j) blocks_.index.push_back(k * size() + j);
    }
    blocks_.start.push_back(parameters());
  }
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<SquareNetwork>(x_, m_);
  }
  Index parameters() const override { return m_ * size(); }
  Index outputs() const override { return x_.rows(); }
  double evaluate_flops() const override { return 2.0 * double(m_ * outputs() * (d() + 2)); }
  double product_flops() const override { return 2.0 * double(m_ * outputs() * (d() + 2)); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    w_ = w;
    z_.resize(outputs(), m_);
    for (Index i = 0; i < outputs(); ++i) {
      Counted sum;
      for (Index k = 0; k < m_; ++k) {
        z_(i, k) = inner(w, i, k).value;
        sum += a(k) * (z_(i, k) * Counted(z_(i, k)));
      }
      f[i] = 0.5 * sum.value;
    }
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    for (Index i = 0; i < outputs(); ++i) {
      Counted sum;
      for (Index k = 0; k < m_; ++k) {
        // z (a dz + da z / 2)
        Counted change = a(k) * inner(v, i, k);
        change += Counted(0.5 * v[k * size() + d()]) * z_(i, k);
        sum += z_(i, k) * change;
      }
      jv[i] = sum.value;
    }
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    jtu.setZero();
    for (Index k = 0; k < m_; ++k)
      for (Index i = 0; i < outputs(); ++i) {
        const Counted pulled = Counted(u[i]) * z_(i, k);
        spread(pulled * a(k), i, k, jtu);
        jtu[k * size() + d()] += (Counted(0.5 * z_(i, k)) * pulled).value;
      }
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    out.setZero();
    for (Index k = 0; k < m_; ++k)
      for (Index i = 0; i < outputs(); ++i) {
        const Counted dz = inner(v, i, k);
        Counted change = a(k) * dz;
        change += Counted(v[k * size() + d()]) * z_(i, k);
        spread(u[i] * change, i, k, out);
        out[k * size() + d()] += (Counted(u[i]) * (z_(i, k) * dz)).value;
      }
  }
  const BlockStructure* curvature_blocks() const override { return &blocks_; }
  void curvature(ConstVectorRef u, VectorRef blocks) override {
    for (Index k = 0; k < m_; ++k) {
      Eigen::Map<Matrix> block(&blocks[k * size() * size()], size(), size());
      block.setZero();
      for (Index i = 0; i < outputs(); ++i)
        for (Index j = 0; j < d(); ++j) {
          const Counted pulled = a(k) * (Counted(u[i]) * x_(i, j));
          for (Index l = 0; l < d(); ++l) block(j, l) += (pulled * x_(i, l)).value;
          block(j, d()) += (Counted(u[i] * x_(i, j)) * z_(i, k)).value;
        }
      block.row(d()) = block.col(d()).transpose();
    }
  }

 private:
  Index d() const { return x_.cols(); }
  Index size() const { return d() + 1; }
  Counted a(Index k) const { return w_[k * size() + d()]; }
  Counted inner(ConstVectorRef v, Index i, Index k) const {
    Counted sum;
    for (Index j = 0; j < d(); ++j) sum += Counted(x_(i, j)) * v[k * size() + j];
    return sum;
  }
  void spread(Counted c, Index i, Index k, VectorRef out) const {
    for (Index j = 0; j < d(); ++j) out[k * size() + j] += (c * x_(i, j)).value;
  }
  Matrix x_, z_;
  Index m_;
  Vector w_;
  BlockStructure blocks_;
};

using CountedMatrix = std::vector<std::vector<Counted>>;

CountedMatrix counted(const Matrix& m) {
  CountedMatrix c(static_cast<std::size_t>(m.rows()));
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) c[static_cast<std::size_t>(i)].emplace_back(m(i, j));
  return c;
}

/// L L^T of a positive definite matrix of size n, and L L^T x = b.
double cholesky_flops(Index n) {
  CountedMatrix c = counted(Matrix::Constant(n, n, 0.1) + Matrix::Identity(n, n));
  return flops_of([&] {
    for (std::size_t j = 0; j < c.size(); ++j) {
      for (std::size_t k = 0; k < j; ++k) c[j][j] -= c[j][k] * c[j][k];
      c[j][j] = std::sqrt(c[j][j].value);
      for (std::size_t i = j + 1; i < c.size(); ++i) {
        for (std::size_t k = 0; k < j; ++k) c[i][j] -= c[i][k] * c[j][k];
        c[i][j] = c[i][j] / c[j][j];
      }
    }
  });
}
double triangles_flops(Index n) {
  const CountedMatrix c = counted(Matrix::Identity(n, n));
  std::vector<Counted> b(c.size(), 1.0);
  return flops_of([&] {
    for (std::size_t i = 0; i < c.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) b[i] -= c[i][k] * b[k];
      b[i] = b[i] / c[i][i];
    }
    for (std::size_t i = c.size(); i-- > 0;) {
      for (std::size_t k = i + 1; k < c.size(); ++k) b[i] -= c[k][i] * b[k];
      b[i] = b[i] / c[i][i];
    }
  });
}
double lu_flops(Index n) {
  CountedMatrix c = counted(Matrix::Constant(n, n, 0.1) + Matrix::Identity(n, n));
  return flops_of([&] {
    for (std::size_t k = 0; k < c.size(); ++k)
      for (std::size_t i = k + 1; i < c.size(); ++i) {
        c[i][k] = c[i][k] / c[k][k];
        for (std::size_t j = k + 1; j < c.size(); ++j) c[i][j] -= c[i][k] * c[k][j];
      }
  });
}
/// R of a QR decomposition of a p x k matrix by Householder's reflections.
double householder_flops(Index p, Index k) {
  CountedMatrix c = counted(Matrix::Ones(p, k) + Matrix::Identity(p, k));
  return flops_of([&] {
    const auto rows = static_cast<std::size_t>(p), columns = static_cast<std::size_t>(k);
    for (std::size_t j = 0; j < columns; ++j) {
      Counted squared;
      for (std::size_t i = j; i < rows; ++i) squared += c[i][j] * c[i][j];
      for (std::size_t l = j + 1; l < columns; ++l) {
        Counted sum;
        for (std::size_t i = j; i < rows; ++i) sum += c[i][j] * c[i][l];
        sum = sum / squared;
        for (std::size_t i = j; i < rows; ++i) c[i][l] -= sum * c[i][j];
      }
    }
  });
}
/// A product of matrices with n, p and m.
double product_flops(Index n, Index p, Index m) {
  return 2.0 * double(n) * double(p) * double(m);
}

/// Leading terms are what a cost says: the rest is a share of 1/n of them, n the smaller size.
void check_cost(const char* what, double said, double count) {
  INFO(what << ": says " << said << ", counted " << count);
  CHECK(said < 1.3 * count);
  CHECK(said > count / 1.3);
}

struct Shape {
  Index samples, inputs, width;
};

Loss network(const Shape& shape, RandomStream& stream) {
  Matrix x(shape.samples, shape.inputs);
  stream.fill_normal(x);
  Vector targets(shape.samples);
  stream.fill_normal(targets);
  return {std::make_unique<SquareNetwork>(x, shape.width),
          std::make_shared<SquaredLoss>(0.5, targets)};
}

}  // namespace

TEST_CASE("Newton matrices of a loss cost what their multiplications count") {
  RandomStream stream(3, "test");
  for (const Shape& shape : {Shape{40, 7, 20}, Shape{25, 15, 40}}) {
    Loss loss = network(shape, stream);
    const Index p = loss.dimension(), n = loss.outputs(), block = shape.inputs + 1;
    INFO("p = " << p << ", residuals = " << n << ", blocks of " << block);
    const Vector w = random_vector(p, stream), elsewhere = random_vector(p, stream);
    for (const NewtonOffer& offer : newton_offers_of(loss)) {
      INFO(linear_kind_name(offer.kind));
      const auto matrix = make_shifted_hessian(loss, offer.kind);
      matrix->linearise(elsewhere);
      const double point = flops_of([&] { Loss(loss).linearise(w); });
      double set_up = flops_of([&] {
        matrix->linearise(w);
        REQUIRE(matrix->factorise(Vector::Constant(1, 1e3), 1));
      });
      set_up -= point;  // the outputs, which the right-hand side takes as well
      Vector b = random_vector(p, stream);
      double products = 0;
      double solve = flops_of([&] { REQUIRE(matrix->solve(b, 1e-6 * b.norm())); });
      switch (offer.kind) {
        case LinearKind::dense:
          set_up += cholesky_flops(p);
          solve += triangles_flops(p);
          break;
        case LinearKind::gauss_newton:
          // The lower triangle of J J^T.
          set_up += product_flops(n, p, n + 1) / 2 + cholesky_flops(n);
          solve += triangles_flops(n);
          break;
        case LinearKind::structured:
          // Blocks and their inverses, these times J^T, and all of J B^{-1} J^T.
          set_up += double(shape.width) *
                        (cholesky_flops(block) + double(block) * triangles_flops(block) +
                         product_flops(block, block, n)) +
                    product_flops(n, p, n) + cholesky_flops(n);
          solve += double(shape.width) * product_flops(block, block, 1) +
                   2 * product_flops(n, p, 1) + triangles_flops(n);
          break;
        default: {
          const Index rank = std::min<Index>({40, n, p});
          set_up += product_flops(rank, p, rank) + product_flops(p, rank, rank) / 2 +
                    householder_flops(p, rank) + product_flops(p, rank, rank);
          // Of one iteration: four products with J or with curvature, the preconditioner's two,
          // and five of vectors. As many as the cost takes for a solve.
          products = solve / (4 * loss.map().product_flops());
          solve *= 20 / products;
          solve += 20 * (2 * product_flops(p, rank, 1) + 10 * double(p));
          CHECK(products > 2);
        }
      }
      check_cost("set-up", offer.cost.set_up_flops(), set_up);
      check_cost("solve", offer.cost.solve_flops, solve);
    }
  }
}

namespace {

/// y' = A y.
class CountedLinear final : public System {
 public:
  explicit CountedLinear(Matrix a) : a_(std::move(a)) {}
  Index dimension() const override { return a_.rows(); }
  void rhs(double, ConstVectorRef y, VectorRef dydt) override { dydt = a_ * y; }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef v, VectorRef out) override {
    for (Index i = 0; i < a_.rows(); ++i) {
      Counted sum;
      for (Index j = 0; j < a_.cols(); ++j) sum += Counted(a_(i, j)) * v[j];
      out[i] = sum.value;
    }
  }

 private:
  Matrix a_;
};

class NoPreconditioner final : public Preconditioner {
 public:
  void linearise(double, ConstVectorRef) override {}
  bool factorise(double) override { return true; }
  void solve(VectorRef) override {}
  NewtonCost cost() const override { return {}; }
  std::string name() const override { return "nothing"; }
};

}  // namespace

TEST_CASE("Newton matrices of a general system cost what their multiplications count") {
  RandomStream stream(4, "test");
  const Index n = 60;
  Matrix a(n, n);
  stream.fill_normal(a, 0.05);
  CountedLinear system(a);
  const double product = product_flops(n, n, 1);
  const auto dense = make_dense_newton_matrix(system, product);
  const double set_up = flops_of([&] { dense->linearise(0, Vector::Ones(n)); }) + lu_flops(n);
  check_cost("set-up", dense->cost().set_up_flops(), set_up);
  check_cost("solve", dense->cost().solve_flops, triangles_flops(n));

  const auto gmres = make_gmres_newton_matrix(std::make_unique<CountedLinear>(a),
                                              std::make_unique<NoPreconditioner>(), product);
  gmres->linearise(0, Vector::Ones(n));
  REQUIRE(gmres->factorise(1));
  Vector b = random_vector(n, stream);
  double solve = flops_of([&] { REQUIRE(gmres->solve(b, 1e-6)); });
  const double iterations = solve / product;
  INFO(iterations << " iterations");
  REQUIRE(iterations > 3);
  // Iteration j is made orthogonal to j vectors, twice, each time by two products.
  double orthogonal = 0;
  for (Index j = 1; j <= 10; ++j) orthogonal += 4 * product_flops(n, j, 1);
  check_cost("solve", gmres->cost().solve_flops, 10 * product + orthogonal);
}
