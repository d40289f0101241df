#include "solve/sundials_vector.hpp"

#include <vector>

#include "numerics/parallel.hpp"
#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

/// Vectors of either kind that go through the same operations.
struct Vectors {
  Vectors(Index size, bool deferred) : context(gradflow::sundials::make_context()) {
    N_Vector first = N_VNew_Serial(size, context);
    if (deferred) gradflow::sundials::use_deferred_operations(first);
    vectors.push_back(first);
    while (vectors.size() < 12) vectors.push_back(N_VClone(first));
    RandomStream stream(1, "vectors");
    for (N_Vector v : vectors) stream.fill_normal(Eigen::Map<Vector>(N_VGetArrayPointer(v), size));
  }
  ~Vectors() {
    for (N_Vector v : vectors) N_VDestroy(v);
    SUNContext_Free(&context);
  }
  /// What BDF does in a step, and more; all numbers that come out.
  std::vector<double> run() {
    auto& v = vectors;
    std::vector<double> out;
    for (int k = 1; k <= 5; ++k)
      for (int j = 5; j >= k; --j) N_VLinearSum(1, v[j - 1], 1, v[j], v[j - 1]);
    N_VAbs(v[0], v[6]);
    N_VScale(1e-3, v[6], v[6]);
    N_VAddConst(v[6], 1e-2, v[6]);
    N_VInv(v[6], v[7]);
    out.push_back(N_VWrmsNorm(v[1], v[7]));
    N_VLinearSum(0.5, v[1], -2, v[2], v[2]);  // z is y
    N_VLinearSum(1, v[8], -1, v[3], v[8]);    // z is x
    N_VProd(v[8], v[2], v[9]);
    N_VDiv(v[9], v[6], v[10]);
    out.push_back(N_VDotProd(v[10], v[4]));
    N_VConst(3, v[11]);
    std::vector<double> c{0.3, -1, 2, 0.1, 0.7, 1, -0.2, 0.5, 0.9, 1.1};
    std::vector<N_Vector> x(v.begin(), v.begin() + 10);
    N_VLinearCombination(10, c.data(), x.data(), v[0]);  // z is x_0, more than go in one
    N_VLinearCombination(3, c.data(), x.data(), v[11]);
    out.push_back(N_VMaxNorm(v[0]));
    out.push_back(N_VMin(v[11]));
    for (N_Vector w : v) {
      const double* data = N_VGetArrayPointer(w);
      out.insert(out.end(), data, data + N_VGetLength(w));
    }
    return out;
  }
  SUNContext context;
  std::vector<N_Vector> vectors;
};

}  // namespace

TEST_CASE("Deferred vector operations give what SUNDIALS' own give") {
  for (const Index size : {1, 7, 512, 513, 30000}) {
    const std::vector<double> expected = Vectors(size, false).run();
    const std::vector<double> found = Vectors(size, true).run();
    REQUIRE(found.size() == expected.size());
    // A dozen operations on numbers up to 1e5, and sums whose order differs.
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
      worst = std::max(worst, std::abs(found[i] - expected[i]) / (1 + std::abs(expected[i])));
    CAPTURE(size);
    CHECK(worst < 1e-10);
    const LoopThreads threads(3);
    CHECK(Vectors(size, true).run() == found);  // bit by bit
  }
}
