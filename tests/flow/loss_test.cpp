#include "flow/loss.hpp"

#include <limits>

#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("The squared loss and its derivatives are those of c |f - y|^2") {
  RandomStream stream(2, "test");
  for (const Index n : {1, 3, 20})
    for (const double c : {0.5, 1.0, 1.0 / 24})
      for (int k = 0; k < 3; ++k)
        check_output_loss(SquaredLoss(c, random_vector(n, stream)), random_vector(n, stream),
                          stream);
}

TEST_CASE("The cross-entropy loss and its derivatives agree, its Hessian's root included") {
  RandomStream stream(3, "test");
  for (const Index classes : {2, 3, 7})
    for (const Index samples : {1, 4}) {
      std::vector<Index> labels;
      for (Index i = 0; i < samples; ++i) labels.push_back((i * i + 1) % classes);
      const CrossEntropyLoss loss(labels, classes);
      for (int k = 0; k < 3; ++k)
        check_output_loss(loss, random_vector(samples * classes, stream, 2), stream);
    }
}

TEST_CASE("The cross-entropy of large outputs neither overflows nor loses the small terms") {
  const CrossEntropyLoss loss({0}, 2);
  Vector g(2);
  // log(1 + e^{-2000}) = 0 and log(1 + e^{2000}) = 2000, both exact in double precision.
  CHECK(loss.gradient(Vector{{1000, -1000}}, g) == 0);
  CHECK(g.norm() == 0);
  CHECK(loss.gradient(Vector{{-1000, 1000}}, g) == 2000);
  CHECK(g[0] == -1);
  CHECK(g[1] == 1);
}

TEST_CASE("The cross-entropy of well fitted samples keeps its digits") {
  // Against extended precision: 1 - p_label and log(1 + small) are made of the small terms.
  for (const double margin : {1.0, 20.0, 40.0, 300.0, 700.0}) {
    const Vector f{{margin + 0.5, 0.5, -0.25, 0.125}}, v{{0.3, -1.2, 0.7, 0.1}};
    const CrossEntropyLoss loss({0}, 4);
    std::vector<long double> e{1, 0, 0, 0};
    for (Index k = 1; k < 4; ++k)
      e[static_cast<std::size_t>(k)] =
          expl(static_cast<long double>(f[k]) - static_cast<long double>(f[0]));
    const long double others = e[1] + e[2] + e[3];
    Vector g(4), hv(4), root = v, transposed = v;
    const double value = loss.gradient(f, g);
    loss.hessian_times(f, v, hv);
    CAPTURE(margin);
    // A few roundings, and that of f_k - f_label, which is relative to the margin.
    const double digits = 1e-15 + margin * std::numeric_limits<double>::epsilon();
    CHECK(value == Approx(static_cast<double>(log1pl(others))).epsilon(digits));
    CHECK(loss.value(f) == value);
    CHECK(g[0] == Approx(static_cast<double>(-others / (1 + others))).epsilon(digits));
    long double mean = 0;  // of v - v_label
    for (Index k = 1; k < 4; ++k)
      mean += e[static_cast<std::size_t>(k)] / (1 + others) *
              (static_cast<long double>(v[k]) - static_cast<long double>(v[0]));
    CHECK(hv[0] == Approx(static_cast<double>(-mean / (1 + others))).epsilon(10 * digits));
    for (Index k = 1; k < 4; ++k) {
      const long double p = e[static_cast<std::size_t>(k)] / (1 + others);
      CHECK(g[k] == Approx(static_cast<double>(p)).epsilon(digits));
      const long double entry =
          p * (static_cast<long double>(v[k]) - static_cast<long double>(v[0]) - mean);
      CHECK(hv[k] == Approx(static_cast<double>(entry)).epsilon(10 * digits));
    }
    // D v = S (S^T v).
    loss.root_transposed_times(f, transposed);
    root = transposed;
    loss.root_times(f, root);
    for (Index k = 0; k < 4; ++k) CHECK(root[k] == Approx(hv[k]).epsilon(1e-12));
  }
}

TEST_CASE("The root of cross-entropy's Hessian acts on a matrix as on each of its columns") {
  RandomStream stream(5, "test");
  const CrossEntropyLoss loss({2, 0, 1, 1}, 3);
  const Vector f = 3 * random_vector(12, stream);
  Matrix v(12, 7);
  stream.fill_normal(v);
  Matrix together = v;
  loss.root_transposed_times_columns(f, together);
  for (Index j = 0; j < v.cols(); ++j) {
    Vector alone = v.col(j);
    loss.root_transposed_times(f, alone);
    CHECK(together.col(j) == alone);
  }
}

TEST_CASE("Gradient, Hessian and Gauss-Newton products of a loss of outputs agree") {
  RandomStream stream(4, "test");
  for (const Index p : {1, 5, 12}) {
    Matrix a(6, p);
    stream.fill_normal(a);
    Loss squared(std::make_unique<SineMap>(a),
                 std::make_shared<SquaredLoss>(0.5, random_vector(6, stream)));
    Loss entropy(std::make_unique<SineMap>(a),
                 std::make_shared<CrossEntropyLoss>(std::vector<Index>{2, 0}, 3));
    for (int k = 0; k < 3; ++k) {
      check_loss(squared, random_vector(p, stream), stream);
      check_loss(entropy, random_vector(p, stream), stream);
    }
  }
}
