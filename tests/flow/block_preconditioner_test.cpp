#include "flow/gauss_newton_blocks.hpp"

#include <algorithm>

#include "flow/hessian_preconditioner.hpp"
#include "models/modular_addition_map.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/parallel.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

using Pairs = std::vector<std::pair<Index, Index>>;

/// Every other pair of the table, with all residues in each place.
std::shared_ptr<const Pairs> half_of_the_table(Index p) {
  auto pairs = std::make_shared<Pairs>();
  for (Index a = 0; a < p; ++a)
    for (Index b = 0; b < p; ++b)
      if ((a + 2 * b) % 4 < 2) pairs->emplace_back(a, b);
  return pairs;
}

std::shared_ptr<const OutputLoss> squared_loss(Index p, const Pairs& pairs) {
  Vector targets = Vector::Zero(p * static_cast<Index>(pairs.size()));
  for (std::size_t i = 0; i < pairs.size(); ++i)
    targets[static_cast<Index>(i) * p + (pairs[i].first + pairs[i].second) % p] = 1;
  return std::make_shared<SquaredLoss>(0.5 / static_cast<double>(pairs.size()), targets);
}

Vector start(Index p, Index width, RandomStream& stream) {
  Vector w(3 * p * width);
  stream.fill_normal(w.head(2 * p * width), 0.8);
  stream.fill_normal(w.tail(p * width), 0.1);
  return w;
}

/// The columns of v -> out.
template <class Product>
Matrix columns(Index n, Product&& product) {
  Matrix m(n, n);
  Vector unit = Vector::Zero(n), column(n);
  for (Index j = 0; j < n; ++j) {
    unit[j] = 1;
    product(unit, column);
    m.col(j) = column;
    unit[j] = 0;
  }
  return m;
}

/// A map that counts its products J v and offers nothing else.
class CountingMap : public OutputMap {
 public:
  CountingMap(std::unique_ptr<OutputMap> map, std::shared_ptr<int> products)
      : map_(std::move(map)), products_(std::move(products)) {}
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<CountingMap>(map_->clone(), products_);
  }
  Index parameters() const override { return map_->parameters(); }
  Index outputs() const override { return map_->outputs(); }
  void evaluate(ConstVectorRef w, VectorRef f) override { map_->evaluate(w, f); }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    ++*products_;
    map_->jacobian_times(v, jv);
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override { map_->transpose_times(u, jtu); }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    map_->curvature_times(u, v, out);
  }
  double evaluate_flops() const override { return map_->evaluate_flops(); }

 protected:
  std::unique_ptr<OutputMap> map_;
  std::shared_ptr<int> products_;
};

/// The same with its blocks.
class CountingBlockMap final : public CountingMap, public GaussNewtonBlocks {
 public:
  using CountingMap::CountingMap;
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<CountingBlockMap>(map_->clone(), products_);
  }
  std::vector<Sets> gauss_newton_sets() const override { return blocks().gauss_newton_sets(); }
  void begin_gauss_newton_blocks() override {
    dynamic_cast<GaussNewtonBlocks&>(*map_).begin_gauss_newton_blocks();
  }
  void gauss_newton_block(Index b, MatrixRef block) const override {
    blocks().gauss_newton_block(b, block);
  }
  double gauss_newton_block_flops() const override { return blocks().gauss_newton_block_flops(); }

 private:
  const GaussNewtonBlocks& blocks() const { return dynamic_cast<const GaussNewtonBlocks&>(*map_); }
};

}  // namespace

TEST_CASE("Gauss-Newton blocks are those of J^T J, and every parameter is in one") {
  RandomStream stream(3, "blocks");
  const Index p = 5, width = 7;
  const auto map = make_modular_addition_map(p, width, half_of_the_table(p));
  auto& blocks = dynamic_cast<GaussNewtonBlocks&>(*map);
  Vector f(map->outputs());
  map->evaluate(start(p, width, stream), f);
  Matrix jt(map->parameters(), map->outputs());
  map->transposed_jacobian(jt);
  const Matrix gauss_newton = jt * jt.transpose();

  blocks.begin_gauss_newton_blocks();
  std::vector<int> times(static_cast<std::size_t>(map->parameters()), 0);
  const auto all = blocks.gauss_newton_sets();
  for (std::size_t b = 0; b < all.size(); ++b)
    for (const auto& set : all[b]) {
      const auto size = static_cast<Index>(set.size());
      Matrix block(size, size);
      blocks.gauss_newton_block(static_cast<Index>(b), block);
      for (Index j = 0; j < size; ++j) {
        ++times[static_cast<std::size_t>(set[static_cast<std::size_t>(j)])];
        for (Index i = j; i < size; ++i)
          CHECK(std::abs(block(i, j) - gauss_newton(set[static_cast<std::size_t>(i)],
                                                    set[static_cast<std::size_t>(j)])) <=
                1e-13 * gauss_newton.norm());
      }
    }
  CHECK(times == std::vector<int>(times.size(), 1));
}

TEST_CASE("Preconditioned by its blocks the Gauss-Newton matrix has no eigenvalue above three") {
  // Each output depends on the weights of one output, of one a and of one b: three blocks.
  RandomStream stream(4, "spectrum");
  const Index p = 5, width = 6;
  const auto pairs = half_of_the_table(p);
  Loss loss(make_modular_addition_map(p, width, pairs), squared_loss(p, *pairs));
  loss.linearise(start(p, width, stream));
  const Index n = loss.dimension();
  const auto preconditioner = make_block_preconditioner(loss);
  REQUIRE(preconditioner);
  preconditioner->linearise(loss);
  for (const double scale : {1e-2, 1.0, 1e2, 1e4}) {
    Shift shift{Vector::Constant(1, 1.5)};
    preconditioner->factorise(loss, shift, scale);
    Matrix a =
        columns(n, [&](const Vector& v, Vector& out) { loss.gauss_newton_times(v, out); }) * scale;
    a.diagonal().array() += shift[0];
    const Matrix inverse =
        columns(n, [&](const Vector& v, Vector& out) { preconditioner->solve(v, out); });
    CHECK(relative_error(inverse, inverse.transpose()) < 1e-12);
    const Eigen::LLT<Matrix> llt(inverse);
    REQUIRE(llt.info() == Eigen::Success);
    const Matrix similar = llt.matrixU() * a * llt.matrixL();
    const Vector values = Eigen::SelfAdjointEigenSolver<Matrix>(similar).eigenvalues();
    const Vector plain = Eigen::SelfAdjointEigenSolver<Matrix>(a).eigenvalues();
    CHECK(values.maxCoeff() <= 3 * (1 + 1e-10));
    CHECK(values.minCoeff() > 0);
    if (scale > 1)
      CHECK(values.maxCoeff() / values.minCoeff() < 0.2 * plain.maxCoeff() / plain.minCoeff());
    // Of the output layer alone they are the matrix itself.
    const Index layer = p * width;
    const Matrix product = (inverse * a).bottomRightCorner(layer, layer);
    CHECK(relative_error(product, Matrix::Identity(layer, layer)) < 1e-8);
  }
}

TEST_CASE(
    "With blocks conjugate gradients find the same solution in fewer products than Nystrom's") {
  RandomStream stream(5, "count");
  const Index p = 11, width = 24;
  const auto pairs = half_of_the_table(p);
  const Vector w = start(p, width, stream);
  const Vector b = random_vector(w.size(), stream);
  for (const double scale : {1.0, 1e1, 1e2}) {
    std::vector<Vector> solutions;
    std::vector<int> counts;
    for (const bool with_blocks : {false, true}) {
      const auto products = std::make_shared<int>(0);
      auto map = make_modular_addition_map(p, width, pairs);
      const Loss loss(with_blocks ? std::unique_ptr<OutputMap>(std::make_unique<CountingBlockMap>(
                                        std::move(map), products))
                                  : std::make_unique<CountingMap>(std::move(map), products),
                      squared_loss(p, *pairs));
      const auto hessian = make_krylov_hessian(loss);
      hessian->settle_residuals(Vector::Constant(1, 1e-3));
      hessian->linearise(w);
      REQUIRE(hessian->factorise(Vector::Constant(1, 1 + 1e-3 * scale), scale));
      Vector x = b;
      REQUIRE(hessian->solve(x, 1e-3 * b.norm()));
      solutions.push_back(x);
      counts.push_back(*products);
    }
    INFO("scale " << scale << ": " << counts[0] << " products with Nystrom's, " << counts[1]
                  << " with blocks");
    CHECK(counts[1] < counts[0]);
    // Both leave a residual of 1e-3, and the shift is the least eigenvalue of the Gauss-Newton
    // part.
    CHECK((solutions[0] - solutions[1]).norm() <= 1e-2 * b.norm());
  }
}

TEST_CASE("Products of many pairs and their blocks have the same bits with two threads") {
  RandomStream stream(6, "threads");
  const Index p = 47, width = 6;
  const auto pairs = half_of_the_table(p);
  REQUIRE(pairs->size() > 1024);  // more than one part
  const Vector w = start(p, width, stream), v = random_vector(w.size(), stream);
  std::vector<Vector> results;
  for (const int threads : {1, 2}) {
    const LoopThreads loops(threads);
    Loss loss(make_modular_addition_map(p, width, pairs), squared_loss(p, *pairs));
    Vector gradient(w.size()), product(w.size()), solution(w.size());
    loss.gradient(w, gradient);
    loss.hessian_times(v, product);
    const auto preconditioner = make_block_preconditioner(loss);
    preconditioner->linearise(loss);
    preconditioner->factorise(loss, Shift{Vector::Constant(1, 1.0)}, 1e3);
    preconditioner->solve(v, solution);
    for (const Vector* result : {&gradient, &product, &solution}) results.push_back(*result);
  }
  for (std::size_t k = 0; k < 3; ++k) CHECK(results[k] == results[k + 3]);
}
