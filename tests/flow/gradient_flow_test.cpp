#include "flow/gradient_flow.hpp"

#include "numerics/long_vectors.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

Loss sine_loss(Index n, Index p, RandomStream& stream) {
  Matrix a(n, p);
  stream.fill_normal(a);
  return {std::make_unique<SineMap>(a),
          std::make_shared<SquaredLoss>(0.5, random_vector(n, stream))};
}

}  // namespace

TEST_CASE(
    "Gradient flow and heavy ball descend their energies, for all learning rates and decays") {
  RandomStream stream(8, "test");
  Loss loss = sine_loss(4, 6, stream);
  for (const double lambda : {0.0, 0.4}) {
    DecayAndRate uniform;
    uniform.decay[0] = lambda;
    DecayAndRate rates = uniform;
    rates.rate = random_vector(6, stream).cwiseAbs().array() + 0.1;
    DecayAndRate decays = rates;
    decays.decay = random_vector(6, stream).cwiseAbs();
    DecayAndRate decays_alone = uniform;
    decays_alone.decay = decays.decay;
    for (const DecayAndRate& terms : {uniform, rates, decays, decays_alone}) {
      GradientFlow flow(loss, terms);
      HeavyBallFlow ball(loss, terms.decay, 0.7);
      for (int k = 0; k < 3; ++k) {
        check_system(flow, random_vector(6, stream), stream);
        check_system(ball, random_vector(12, stream), stream);
      }
    }
  }
}

TEST_CASE("The gradient flow's right-hand side is -eta (grad F + Lambda w)") {
  RandomStream stream(9, "test");
  Loss loss = sine_loss(3, 4, stream);
  DecayAndRate terms;
  terms.decay = Vector{{0, 1, 2, 3}};
  terms.rate = Vector{{1, 2, 0.5, 4}};
  GradientFlow flow(loss, terms);
  const Vector w = random_vector(4, stream);
  Vector gradient(4), rhs(4);
  loss.gradient(w, gradient);
  flow.rhs(0, w, rhs);
  const Vector expected =
      -(terms.rate.array() * (gradient.array() + terms.decay.array() * w.array())).matrix();
  CHECK(relative_error(rhs, expected) < 1e-14);
  // A flow keeps its own point: the loss it was made from may go elsewhere.
  loss.gradient(2 * w, gradient);
  flow.rhs(0, w, rhs);
  CHECK(relative_error(rhs, expected) < 1e-14);
}

TEST_CASE("A flow of many parameters is its formula in every entry") {
  // Beyond the stretches that threads share out.
  const Index p = 2 * long_vectors::stretch + 3;
  RandomStream stream(10, "test");
  Loss loss = sine_loss(3, p, stream);
  const Vector w = random_vector(p, stream) / std::sqrt(static_cast<double>(p));
  const Vector v = random_vector(p, stream), b = random_vector(p, stream);
  const LoopThreads threads(2);
  for (const bool of_each : {false, true}) {
    CAPTURE(of_each);
    DecayAndRate terms;
    terms.decay[0] = 0.3;
    if (of_each) {
      terms.decay = random_vector(p, stream).cwiseAbs();
      terms.rate = random_vector(p, stream).cwiseAbs().array() + 0.1;
    }
    const Vector decay = of_each ? terms.decay : Vector::Constant(p, terms.decay[0]);
    const Vector rate = of_each ? terms.rate : Vector::Constant(p, terms.rate[0]);
    GradientFlow flow(loss, terms);
    Vector expected(p), found(p);
    const double value = loss.gradient(w, expected);
    expected = -rate.cwiseProduct(expected + decay.cwiseProduct(w));
    flow.rhs(0, w, found);
    CHECK(relative_error(found, expected) < 1e-14);
    loss.hessian_times(v, expected);
    expected = -rate.cwiseProduct(expected + decay.cwiseProduct(v));
    flow.jacobian_times(0, w, v, found);
    CHECK(relative_error(found, expected) < 1e-14);
    CHECK(flow.energy(w) == Approx(value + 0.5 * w.dot(decay.cwiseProduct(w))).epsilon(1e-12));
    CHECK(flow.inner_product(w, v, v) == Approx(v.dot(v.cwiseQuotient(rate))).epsilon(1e-12));
    // (I + gamma eta (J^T D J + Lambda)) x = b.
    const double gamma = 2;
    const auto newton = flow.newton_matrix(LinearKind::gauss_newton);
    newton->linearise(0, w);
    REQUIRE(newton->factorise(gamma));
    found = b;
    REQUIRE(newton->solve(found, 0));
    loss.linearise(w);
    loss.gauss_newton_times(found, expected);
    expected = found + gamma * rate.cwiseProduct(expected + decay.cwiseProduct(found));
    // Rounding times the condition of the matrix, gamma |a_i|^2 or so: 3e4.
    CHECK(relative_error(expected, b) < 1e-10);
  }
}

TEST_CASE("Along a direction of the flow, the growth rate is the Hessian's Rayleigh quotient") {
  const auto model = make_model("matrix_completion", {{"rows", std::int64_t{1}},
                                                      {"columns", std::int64_t{1}},
                                                      {"rank", std::int64_t{1}},
                                                      {"true_rank", std::int64_t{1}},
                                                      {"observed", 1.0}});
  GradientFlow flow(loss_of(*model), {});
  Loss& loss = loss_of(*model);
  Vector work(2);
  const double target = std::sqrt(loss.value(Vector::Zero(2)));  // F = (u v - M)^2: F(0) = M^2
  // J = 2 M [0 1; 1 0]: growth 2 |M| along the diagonal of M's sign, decay along the other.
  const double along = growth_rate(flow, 0, Vector::Zero(2), Vector{{1, 1}}, work);
  const double across = growth_rate(flow, 0, Vector::Zero(2), Vector{{1, -1}}, work);
  CHECK(std::abs(std::abs(along) - 2 * target) < 1e-12 * target);
  CHECK(std::abs(along + across) < 1e-12 * target);
  CHECK(growth_rate(flow, 0, Vector::Zero(2), Vector::Zero(2), work) == 0);
}

TEST_CASE("A Newton matrix that a system does not offer is refused") {
  RandomStream stream(10, "test");
  GradientFlow flow(sine_loss(2, 3, stream), {});
  CHECK_THROWS_AS(flow.newton_matrix(LinearKind::structured), std::invalid_argument);
  for (const NewtonOffer& offer : flow.newton_offers())
    CHECK(flow.newton_matrix(offer.kind)->name() == linear_kind_name(offer.kind));
}

TEST_CASE("Noise leaves a start that the flow itself never leaves") {
  const auto model =
      make_model("deep_linear_network", {{"width", std::int64_t{2}}, {"initial_scale", 0.0}});
  FlowSettings flow;
  flow.kind = "langevin";
  flow.temperature = 0.01;
  const Run run = run_model(*model, flow, {}, {0, 1}, false);
  const Vector& w = run.states.back();
  CHECK(w.cwiseAbs().minCoeff() > 0);
  CHECK(w.norm() == Approx(std::sqrt(2 * 0.01 * static_cast<double>(w.size()))).epsilon(0.3));
  // Without noise the iterates are those of gradient descent, which stays.
  flow.temperature = 0;
  CHECK(run_model(*model, flow, {}, {0, 1}, false).states.back().norm() == 0);
}
