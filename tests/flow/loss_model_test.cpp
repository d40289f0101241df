#include "flow/loss_model.hpp"

#include <cmath>

#include "numerics/decompositions.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::unique_ptr<Model> network() {
  return make_model("diagonal_linear_network",
                    {{"samples", std::int64_t{3}}, {"dimension", std::int64_t{4}}});
}

double observe(const std::vector<Observable>& all, const std::string& name, const State& state) {
  for (const Observable& observable : all) {
    if (observable.name != name) continue;
    REQUIRE(observable.size() == 1);
    double value = 0;
    observable.evaluate(state, &value);
    return value;
  }
  FAIL("no observable " << name);
  return 0;
}

}  // namespace

TEST_CASE("Rates and decays by layer need one entry for each layer") {
  const auto model = network();
  FlowSettings flow;
  flow.learning_rates = {1, 2, 3};
  CHECK_THROWS_WITH(model->system(flow),
                    "has 3 entries, expected 2, one for each group of parameters");
  flow.learning_rates = {1, 2};
  flow.weight_decays = {0.5};
  CHECK_THROWS_AS(model->system(flow), ParameterError);
  flow.weight_decays = {0.5, 0};
  CHECK_NOTHROW(model->system(flow));
  flow.kind = "heavy_ball";
  CHECK_THROWS_WITH(model->system(flow), "does not go with flow.kind = \"heavy_ball\"");
  flow.kind = "riemannian";
  CHECK_THROWS_AS(model->system(flow), ParameterError);
  flow.learning_rates.clear();
  CHECK_THROWS_AS(model->system(flow), ParameterError);
  flow.weight_decays.clear();
  CHECK_NOTHROW(model->system(flow));
  flow.kind = "mirror";
  flow.learning_rates = {1, 2};
  CHECK_THROWS_AS(model->system(flow), ParameterError);
}

TEST_CASE("Rates and decays by layer act on their layer") {
  const auto model = network();
  FlowSettings plain, by_layer;
  by_layer.learning_rates = {2, 3};
  by_layer.weight_decays = {0.5, 0};
  const Vector w = model->initial_state(plain);
  Vector a(8), b(8);
  model->system(plain)->rhs(0, w, a);
  model->system(by_layer)->rhs(0, w, b);
  CHECK(relative_error(b.head(4), 2 * (a.head(4) - 0.5 * w.head(4))) < 1e-14);
  CHECK(relative_error(b.tail(4), 3 * a.tail(4)) < 1e-14);
}

TEST_CASE("Observables are of the state they are given, in whatever order they are asked") {
  const auto model = network();
  FlowSettings flow;
  flow.weight_decay = 0.3;
  const auto all = model->observables(flow);
  RandomStream stream(11, "test");
  const Vector a = random_vector(8, stream), b = random_vector(8, stream);
  Loss& loss = loss_of(*model);
  Vector gradient(8);
  const double value_a = loss.gradient(a, gradient);
  const double norm_a = (gradient + 0.3 * a).norm();
  const double value_b = loss.value(b);
  CHECK(observe(all, "train_loss", {0, a, 1}) == Approx(value_a).epsilon(1e-14));
  CHECK(observe(all, "train_loss", {0, b, 2}) == Approx(value_b).epsilon(1e-14));
  CHECK(observe(all, "gradient_norm", {0, a, 3}) == Approx(norm_a).epsilon(1e-14));
  CHECK(observe(all, "norm", {0, b, 4}) == Approx(b.norm()).epsilon(1e-14));
  // F = 1/(2n) |f - y|^2 is half the mean squared error.
  CHECK(observe(all, "train_error", {0, a, 5}) == Approx(2 * value_a).epsilon(1e-14));
}

TEST_CASE("Heavy ball starts at rest, and its observables are of the weights alone") {
  const auto model = network();
  FlowSettings flow;
  const Vector w = model->initial_state(flow);
  flow.kind = "heavy_ball";
  const Vector y = model->initial_state(flow);
  REQUIRE(y.size() == 16);
  CHECK(y.head(8) == w);
  CHECK(y.tail(8).norm() == 0);
  Vector moving = y;
  moving.tail(8).setConstant(1e3);
  const auto all = model->observables(flow);
  CHECK(observe(all, "norm", {0, moving, 1}) == w.norm());
  CHECK(observe(all, "train_loss", {0, moving, 2}) == loss_of(*model).value(w));
}

TEST_CASE("Spectra count the decay of each group") {
  const auto model = network();
  FlowSettings none, by_layer;
  by_layer.weight_decays = {0.5, 0.125};
  const Vector w = model->initial_state(none);
  Loss loss(loss_of(*model));
  loss.linearise(w);
  Matrix hessian(8, 8);
  for (Index j = 0; j < 8; ++j) loss.hessian_times(Vector::Unit(8, j), hessian.col(j));
  const double sharpness = Eigen::SelfAdjointEigenSolver<Matrix>(hessian).eigenvalues()[7];
  hessian.diagonal().head(4).array() += 0.5;
  hessian.diagonal().tail(4).array() += 0.125;
  const Vector expected = Eigen::SelfAdjointEigenSolver<Matrix>(hessian).eigenvalues();
  const State state{0, w, 7};
  const auto all = model->observables(by_layer);
  CHECK(observe(all, "sharpness", state) == Approx(sharpness).epsilon(1e-12));
  for (const Observable& observable : all) {
    if (observable.name != "hessian_eigenvalues") continue;
    Vector values(observable.size());
    observable.evaluate(state, values.data());
    CHECK(relative_error(values.head(4), expected.tail(4).reverse().eval()) < 1e-12);
  }
}

TEST_CASE("Fast modes are those above a gap to all others, growing ones too") {
  // Three fast modes, slow ones around lambda = 1e-4, of either sign.
  const Vector slow{{-3e-5, 1e-4, 2e-4, 0.5, 1, 4}};
  CHECK(scale_separation(slow).fast_modes == 3);
  CHECK(scale_separation(slow).gap == Approx(0.5 / 2e-4));
  // Before the fit: growing modes of order one, and an eigenvalue that just passes through 0.
  const Vector early{{-2, -0.7, 1e-9, 0.4, 1, 4}};
  CHECK(scale_separation(early).fast_modes == 0);
  CHECK(scale_separation(early).gap < least_gap);
  CHECK(scale_separation(Vector()).fast_modes == 0);
  CHECK(scale_separation(Vector::Zero(3)).gap == 1);
}

TEST_CASE("The regularised loss has the decay of each group") {
  const auto model = network();
  FlowSettings one, by_layer;
  one.weight_decay = 0.3;
  by_layer.weight_decays = {0.5, 0.125};
  RandomStream stream(12, "test");
  const Vector w = random_vector(8, stream);
  const double loss = loss_of(*model).value(w);
  CHECK(observe(model->observables(one), "regularised_loss", {0, w, 1}) ==
        Approx(loss + 0.15 * w.squaredNorm()).epsilon(1e-14));
  CHECK(observe(model->observables(by_layer), "regularised_loss", {0, w, 2}) ==
        Approx(loss + 0.25 * w.head(4).squaredNorm() + 0.0625 * w.tail(4).squaredNorm())
            .epsilon(1e-14));
}

TEST_CASE("The scalar curvature is exact without probes, and within its error with them") {
  const auto model = network();
  FlowSettings exact, probed;
  probed.curvature_probes = 200;
  RandomStream stream(13, "test");
  const Vector a = random_vector(8, stream), b = random_vector(8, stream);
  const auto all = model->observables(exact), some = model->observables(probed);
  const double at_a = observe(all, "scalar_curvature", {0, a, 1});
  CHECK(observe(all, "scalar_curvature", {0, b, 2}) != at_a);
  CHECK(observe(all, "scalar_curvature", {0, a, 3}) == at_a);
  const double estimate = observe(some, "scalar_curvature", {0, a, 4}),
               error = observe(some, "scalar_curvature_error", {0, a, 4});
  CHECK(error > 0);
  CHECK(std::abs(estimate - at_a) < 4 * error);
  // The same probes at every state, others for another seed.
  CHECK(observe(some, "scalar_curvature", {0, a, 5}) == estimate);
  probed.seed = 1;
  CHECK(observe(model->observables(probed), "scalar_curvature", {0, a, 6}) != estimate);
  // The error comes with the curvature, without probes there is none.
  for (const Observable& observable : some)
    CHECK(observable.named_in({"scalar_curvature"}) ==
          observable.name.starts_with("scalar_curvature"));
  for (const Observable& observable : all) CHECK(observable.name != "scalar_curvature_error");
}
