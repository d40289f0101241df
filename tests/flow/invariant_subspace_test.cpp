#include "flow/invariant_subspace.hpp"

#include "numerics/long_vectors.hpp"
#include "tests/finite_differences.hpp"
#include "tests/solve/systems.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// y_i' = c_{i mod 3} y_i.
class ThreeRates final : public System {
 public:
  explicit ThreeRates(Index n) : n_(n) {}
  Index dimension() const override { return n_; }
  void rhs(double, ConstVectorRef y, VectorRef out) override {
    for (Index i = 0; i < n_; ++i) out[i] = static_cast<double>(i % 3 - 1) * y[i];
  }
  void jacobian_times(double, ConstVectorRef, ConstVectorRef v, VectorRef out) override {
    rhs(0, v, out);
  }

 private:
  Index n_;
};

/// The projection as a matrix.
Matrix projector(const InvariantSubspace& subspace, Index n) {
  Matrix P = Matrix::Identity(n, n);
  for (Index j = 0; j < n; ++j) subspace.project(P.col(j));
  return P;
}

std::unique_ptr<Model> network(const std::string& activation, bool bias, Index width) {
  return make_model("two_layer_network", {{"activation", activation},
                                          {"bias", bias},
                                          {"width", std::int64_t{width}},
                                          {"input_dimension", std::int64_t{2}},
                                          {"samples", std::int64_t{9}}});
}

}  // namespace

TEST_CASE(
    "Equal neurons, opposite neurons and silent ones make a subspace that the flow keeps to") {
  // State: W (4, 2) row by row, b (4), a (4). Neurons 0 and 2 are equal; 3 is the opposite of 1 in
  // all its entries, which an odd activation does not tell apart; b_k = 0 stays so without a reason
  // only in neuron 4, which is silent.
  const auto model = network("tanh", true, 5);
  const auto system = model->system({});
  RandomStream stream(1, "test");
  Vector y = random_vector(20, stream);
  const auto set = [&](Index neuron, double w0, double w1, double b, double a) {
    y[2 * neuron] = w0, y[2 * neuron + 1] = w1, y[10 + neuron] = b, y[15 + neuron] = a;
  };
  set(0, 0.3, -0.2, 0.1, 0.7);
  set(2, 0.3, -0.2, 0.1, 0.7);
  set(1, 0.5, 0.9, -0.4, 0.2);
  set(3, -0.5, -0.9, 0.4, -0.2);
  set(4, 0, 0, 0, 0);
  const auto subspace = InvariantSubspace::around(*system, y);
  REQUIRE(subspace);
  CHECK(subspace->zeros() == 4);
  CHECK(subspace->constrained() == 20);
  const Matrix P = projector(*subspace, 20);
  CHECK((P * P - P).norm() < 1e-14);
  CHECK((P - P.transpose()).norm() < 1e-14);
  CHECK(P.trace() == Approx(8));  // two free neurons
  CHECK((P * y - y).norm() == 0);
  // The flow does not leave it, from anywhere in it.
  for (int k = 0; k < 3; ++k) {
    const Vector point = P * random_vector(20, stream);
    Vector slope(20);
    system->rhs(0, point, slope);
    CHECK((P * slope - slope).norm() <= 1e-14 * slope.norm());
  }
}

TEST_CASE("Equal numbers that the flow tells apart are no symmetry") {
  RandomStream stream(2, "test");
  const auto model = network("tanh", true, 3);
  const auto system = model->system({});
  // All biases start at 0 and all output weights at one value; they part at once, or in the next
  // order.
  Vector y = random_vector(12, stream);
  y.segment(6, 3).setZero();
  y.tail(3).setConstant(0.5);
  CHECK_FALSE(InvariantSubspace::around(*system, y));
  y.tail(3).setZero();
  CHECK_FALSE(InvariantSubspace::around(*system, y));
  CHECK_FALSE(InvariantSubspace::around(*system, random_vector(12, stream)));
}

TEST_CASE("Of many entries those of one size and one rate are a class, the others are free") {
  const Index n = 2 * long_vectors::stretch + 3, free = 10;
  ThreeRates system(n);
  Vector y(n);
  for (Index i = 0; i < n; ++i) y[i] = i % 2 == 0 ? 0.7 : -0.7;
  for (Index i = 0; i < free; ++i) y[i] = 1 + static_cast<double>(i);
  const LoopThreads threads(3);
  const auto subspace = InvariantSubspace::around(system, y);
  REQUIRE(subspace);
  CHECK(subspace->constrained() == n - free);
  RandomStream stream(4, "test");
  const Vector v = random_vector(n, stream);
  Vector projected = v, expected = v;
  subspace->project(projected);
  for (Index rate = 0; rate < 3; ++rate) {
    double sum = 0, members = 0;
    for (Index i = free; i < n; ++i)
      if (i % 3 == rate) sum += (y[i] > 0 ? 1 : -1) * v[i], ++members;
    for (Index i = free; i < n; ++i)
      if (i % 3 == rate) expected[i] = (y[i] > 0 ? 1 : -1) * sum / members;
  }
  CHECK((projected - expected).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("Equal factors of a symmetric completion stay equal") {
  Parameters parameters(find_model("matrix_completion")->parameters);
  parameters.set_file("target", "t.npy", Matrix{{0, 1}, {1, 0}});
  parameters.set_file("mask", "m.npy", Matrix{{0, 1}, {1, 1}});
  parameters.set("rank", std::int64_t{2});
  Vector y(8);
  y << 0.3, 0.1, -0.2, 0.4, 0.3, 0.1, -0.2, 0.4;
  parameters.set_file("initial", "w.npy", y);
  const auto model = find_model("matrix_completion")->make(parameters, 0);
  const auto subspace = InvariantSubspace::around(*model->system({}), y);
  REQUIRE(subspace);
  CHECK(projector(*subspace, 8).trace() == Approx(4));
  // Not so where the mask is not symmetric.
  parameters.set_file("mask", "m.npy", Matrix{{0, 1}, {0, 1}});
  const auto other = find_model("matrix_completion")->make(parameters, 0);
  CHECK_FALSE(InvariantSubspace::around(*other->system({}), y));
}

TEST_CASE("A flow without symmetries is not evaluated to find that") {
  EnergySystem system = decay(Vector{{1, 2, 3}});
  CHECK_FALSE(InvariantSubspace::around(system, Vector{{1, 2, 3}}));
  CHECK(system.rhs_calls == 0);
}
