#include "flow/output_map.hpp"

#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("The products and Gram matrices that a map need not write agree with its Jacobian") {
  RandomStream stream(1, "test");
  for (const auto& [n, p] :
       std::vector<std::pair<Index, Index>>{{1, 1}, {1, 7}, {6, 1}, {4, 9}, {9, 4}, {5, 5}}) {
    Matrix a(n, p);
    stream.fill_normal(a);
    SineMap map(a);
    for (int k = 0; k < 3; ++k) check_output_map(map, random_vector(p, stream), stream);
  }
}

TEST_CASE("A map without blocks says so when it is asked for them") {
  SineMap map(Matrix::Ones(2, 2));
  CHECK(map.curvature_blocks() == nullptr);
  Vector blocks;
  CHECK_THROWS_AS(map.curvature(Vector::Ones(2), blocks), std::logic_error);
  CHECK_FALSE(map.affine());
}

TEST_CASE("The largest block of a structure is found wherever it stands") {
  CHECK(BlockStructure{{0, 2, 3}, {0, 2, 1}}.largest() == 2);
  CHECK(BlockStructure{{0, 1, 4}, {0, 1, 2, 3}}.largest() == 3);
  CHECK(BlockStructure{{0, 1, 4}, {0, 1, 2, 3}}.blocks() == 2);
}
