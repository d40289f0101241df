#include "flow/gauss_newton_blocks.hpp"

#include <functional>
#include <string>

#include "flow/hessian_preconditioner.hpp"
#include "models/modular_addition_map.hpp"
#include "models/perceptron_map.hpp"
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
  Index samples() const override { return map_->samples(); }

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
  bool takes_roots() const override { return blocks().takes_roots(); }
  std::vector<Sets> gauss_newton_sets(bool with_roots) const override {
    return blocks().gauss_newton_sets(with_roots);
  }
  Index blocks_of_an_output(bool with_roots) const override {
    return blocks().blocks_of_an_output(with_roots);
  }
  void begin_gauss_newton_blocks(ConstMatrixRef roots) override {
    dynamic_cast<GaussNewtonBlocks&>(*map_).begin_gauss_newton_blocks(roots);
  }
  void gauss_newton_block(Index b, MatrixRef block) const override {
    blocks().gauss_newton_block(b, block);
  }
  double gauss_newton_block_flops(bool with_roots) const override {
    return blocks().gauss_newton_block_flops(with_roots);
  }

 private:
  const GaussNewtonBlocks& blocks() const { return dynamic_cast<const GaussNewtonBlocks&>(*map_); }
};

}  // namespace

namespace {

/// Blocks against J^T D J, column by column; `approximate`: those of several sets are the mean of
/// the sets' own.
void check_blocks(Loss& loss, ConstVectorRef w, bool approximate = false) {
  const Index p = loss.dimension();
  loss.linearise(w);
  const Matrix gauss_newton =
      columns(p, [&](const Vector& v, Vector& out) { loss.gauss_newton_times(v, out); });
  const std::optional<double> root = loss.output_loss().uniform_root();
  const Index samples = loss.map().samples();
  Matrix roots;
  if (!root) {
    roots.resize(loss.outputs() / samples, loss.outputs());
    Vector column(loss.outputs());
    for (Index j = 0; j < roots.cols(); ++j) {
      column = Vector::Unit(loss.outputs(), j);
      loss.output_loss().root_times(loss.last_outputs(), column);
      roots.col(j) = column.segment(j / roots.rows() * roots.rows(), roots.rows());
    }
  }
  auto& blocks = dynamic_cast<GaussNewtonBlocks&>(loss.map());
  blocks.begin_gauss_newton_blocks(roots);
  std::vector<int> times(static_cast<std::size_t>(p), 0);
  const auto all = blocks.gauss_newton_sets(!root);
  for (std::size_t b = 0; b < all.size(); ++b) {
    const auto size = static_cast<Index>(all[b].front().size());
    Matrix block(size, size), mean = Matrix::Zero(size, size);
    blocks.gauss_newton_block(static_cast<Index>(b), block);
    block *= root.value_or(1) * root.value_or(1);
    const auto differs = [&](const Matrix& other) {
      return Matrix((block - other).triangularView<Eigen::Lower>()).cwiseAbs().maxCoeff();
    };
    for (const auto& set : all[b]) {
      REQUIRE(static_cast<Index>(set.size()) == size);
      for (const Index j : set) ++times[static_cast<std::size_t>(j)];
      const Matrix own = gauss_newton(set, set);
      mean += own / static_cast<double>(all[b].size());
      if (!approximate) CHECK(differs(own) <= 1e-13 * gauss_newton.norm());
    }
    CHECK(differs(mean) <= 1e-13 * gauss_newton.norm());
  }
  CHECK(times == std::vector<int>(times.size(), 1));
}

std::shared_ptr<const OutputLoss> loss_of_classes(bool cross_entropy, Index samples,
                                                  Index classes) {
  std::vector<Index> labels;
  for (Index i = 0; i < samples; ++i) labels.push_back(i % classes);
  if (cross_entropy) return std::make_shared<CrossEntropyLoss>(labels, classes);
  return std::make_shared<SquaredLoss>(0.5 / static_cast<double>(samples),
                                       Vector::Ones(samples * classes));
}

Loss perceptron_loss(const std::vector<Index>& widths, Index samples, bool bias, bool cross_entropy,
                     RandomStream& stream) {
  auto inputs = std::make_shared<Matrix>(samples, widths.front());
  stream.fill_normal(*inputs);
  return {make_perceptron_map(inputs, widths, *parse_activation("tanh"), bias, 0.7),
          loss_of_classes(cross_entropy, samples, widths.back())};
}

}  // namespace

TEST_CASE("Gauss-Newton blocks are those of J^T D J, and every parameter is in one") {
  RandomStream stream(3, "blocks");
  const Index p = 5, width = 7;
  const auto pairs = half_of_the_table(p);
  Loss modular(make_modular_addition_map(p, width, pairs), squared_loss(p, *pairs));
  check_blocks(modular, start(p, width, stream));
  for (const std::vector<Index>& widths :
       std::vector<std::vector<Index>>{{3, 4}, {4, 5, 3}, {2, 6, 5, 4}})
    for (const bool bias : {false, true})
      for (const bool cross_entropy : {false, true})
        for (const Index samples : {9, 300}) {  // one part of the sums, and two
          INFO(widths.size() << " widths, bias " << bias << ", cross-entropy " << cross_entropy
                             << ", " << samples << " samples");
          Loss loss = perceptron_loss(widths, samples, bias, cross_entropy, stream);
          check_blocks(loss, random_vector(loss.dimension(), stream));
        }
}

TEST_CASE("Neurons with many inputs share a block, the mean of their own") {
  RandomStream stream(3, "factor");
  for (const bool cross_entropy : {false, true}) {
    Loss loss = perceptron_loss({310, 2, 3}, 4, true, cross_entropy, stream);
    check_blocks(loss, 0.05 * random_vector(loss.dimension(), stream), true);
  }
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
  struct Problem {
    std::string name;
    std::function<std::unique_ptr<OutputMap>()> map;
    std::shared_ptr<const OutputLoss> loss;
    Vector w;
  };
  const Index p = 11, width = 24;
  const auto pairs = half_of_the_table(p);
  std::vector<Problem> problems{{"modular addition",
                                 [&] { return make_modular_addition_map(p, width, pairs); },
                                 squared_loss(p, *pairs), start(p, width, stream)}};
  const std::vector<Index> widths{12, 20, 16, 5};
  const auto inputs = std::make_shared<Matrix>(120, widths.front());
  stream.fill_normal(*inputs);
  for (const bool cross_entropy : {false, true}) {
    const auto make = [&] {
      return make_perceptron_map(inputs, widths, *parse_activation("tanh"), true, 1);
    };
    Vector w = 0.3 * random_vector(make()->parameters(), stream);
    problems.push_back({cross_entropy ? "perceptron, cross-entropy" : "perceptron", make,
                        loss_of_classes(cross_entropy, inputs->rows(), widths.back()),
                        std::move(w)});
  }
  for (const Problem& problem : problems) {
    const Vector b = random_vector(problem.w.size(), stream);
    for (const double scale : {1.0, 1e1, 1e2}) {
      std::vector<Vector> solutions;
      std::vector<int> counts;
      for (const bool with_blocks : {false, true}) {
        const auto products = std::make_shared<int>(0);
        auto map = problem.map();
        const Loss loss(with_blocks ? std::unique_ptr<OutputMap>(std::make_unique<CountingBlockMap>(
                                          std::move(map), products))
                                    : std::make_unique<CountingMap>(std::move(map), products),
                        problem.loss);
        const auto hessian = make_krylov_hessian(loss);
        hessian->settle_residuals(Vector::Constant(1, 1e-3));
        hessian->linearise(problem.w);
        REQUIRE(hessian->factorise(Vector::Constant(1, 1 + 1e-3 * scale), scale));
        Vector x = b;
        REQUIRE(hessian->solve(x, 1e-3 * b.norm()));
        solutions.push_back(x);
        counts.push_back(*products);
      }
      INFO(problem.name << ", scale " << scale << ": " << counts[0] << " products with Nystrom's, "
                        << counts[1] << " with blocks");
      // A perceptron's outputs depend on all blocks: where most of its spectrum is above the shift
      // they take as many.
      if (scale < 100 || &problem == &problems.front()) CHECK(counts[1] < counts[0]);
      // Both leave a residual of 1e-3, and the shift is the least eigenvalue of the Gauss-Newton
      // part.
      CHECK((solutions[0] - solutions[1]).norm() <= 1e-2 * b.norm());
    }
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
