#include "flow/derivative_check.hpp"

#include <algorithm>

#include "models/registry.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// sin(a_i . w) with one derivative off by a thousandth.
class SlippedMap final : public OutputMap {
 public:
  enum class Slip { none, jacobian, transpose, curvature };
  SlippedMap(Matrix a, Slip slip) : map_(std::move(a)), slip_(slip) {}
  std::unique_ptr<OutputMap> clone() const override { return std::make_unique<SlippedMap>(*this); }
  Index parameters() const override { return map_.parameters(); }
  Index outputs() const override { return map_.outputs(); }
  void evaluate(ConstVectorRef w, VectorRef f) override { map_.evaluate(w, f); }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    map_.jacobian_times(v, jv);
    if (slip_ == Slip::jacobian) jv[0] *= 1.001;
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    map_.transpose_times(u, jtu);
    if (slip_ == Slip::transpose) jtu[0] *= 1.001;
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    map_.curvature_times(u, v, out);
    if (slip_ == Slip::curvature) out[0] *= 1.001;
  }
  double evaluate_flops() const override { return map_.evaluate_flops(); }

 private:
  SineMap map_;
  Slip slip_;
};

/// F = 1/2 |sin(A w) - y|^2 as a model.
class SlippedModel final : public LossModel {
 public:
  explicit SlippedModel(SlippedMap::Slip slip)
      : LossModel(Loss(std::make_unique<SlippedMap>(random_matrix(), slip),
                       std::make_shared<SquaredLoss>(0.5, Vector::Ones(4))),
                  Vector::Constant(3, 0.4)) {}
  std::vector<Observable> own_observables() override { return {}; }

 private:
  static Matrix random_matrix() {
    Matrix a(4, 3);
    RandomStream(1, "rows").fill_normal(a);
    return a;
  }
};

/// What is off at any of the points.
std::vector<std::string> off(Model& model, const FlowSettings& flow = {}) {
  std::vector<std::string> names;
  const std::vector<PointChecks> points = compare_derivatives(model, flow, 0);
  CHECK(points.size() == 2);
  for (const PointChecks& point : points)
    for (const DerivativeCheck& check : point.checks)
      if (!check.holds()) names.push_back(check.what);
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("A derivative that is off by a thousandth is found and named") {
  using Slip = SlippedMap::Slip;
  SlippedModel right(Slip::none), jacobian(Slip::jacobian), transpose(Slip::transpose),
      curvature(Slip::curvature);
  CHECK(off(right).empty());
  CHECK(has(off(jacobian), "J v, differences of f"));
  CHECK_FALSE(has(off(jacobian), "grad F . v, differences of F"));
  CHECK(has(off(transpose), "grad F . v, differences of F"));
  CHECK_FALSE(has(off(transpose), "J v, differences of f"));
  CHECK(has(off(curvature), "curvature v, differences of J^T u"));
  CHECK(has(off(curvature), "hess F v, differences of grad F"));
}

TEST_CASE("A comparison with a NaN does not hold") {
  CHECK_FALSE(DerivativeCheck{"", std::numeric_limits<double>::quiet_NaN(), 1}.holds());
}

TEST_CASE("The derivatives of every model hold at its start and at a random point, ReLU too") {
  for (const ModelInfo& info : models()) {
    INFO(info.name);
    Settings small;
    if (info.name == "modular_addition") small = {{"modulus", std::int64_t{7}}};
    FlowSettings flow;
    flow.kind = info.flows.front();
    flow.accelerated = flow.traits().accelerates;
    CHECK(off(*make_model(info.name, small), flow).empty());
  }
  for (const char* name : {"two_layer_network", "multilayer_perceptron"}) {
    INFO(name << " with ReLU");
    CHECK(off(*make_model(name, {{"activation", std::string("relu")}})).empty());
  }
}
