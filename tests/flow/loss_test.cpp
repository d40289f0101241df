#include "flow/loss.hpp"

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
