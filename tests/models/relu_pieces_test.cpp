#include "models/relu_pieces.hpp"

#include <algorithm>
#include <cmath>

#include "flow/gradient_flow.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/fit.hpp"
#include "solve/method_choice.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// Integrates without observables; the state at the last time.
struct Result {
  Outcome outcome;
  std::vector<Vector> states;
};

Result integrate_flow(Model& model, const FlowSettings& flow, double rtol,
                      const std::vector<double>& times) {
  SolverSettings settings;
  settings.rtol = rtol;
  settings.atol = 1e-13;
  const auto system = model.system(flow);
  const auto stepper = flow.discrete() ? make_descent_stepper(*system, flow.step, flow.kind)
                                       : make_stepper(*system, settings);
  Result result;
  IntegrationControl control;
  control.times = times;
  control.sample = [&](std::size_t, double, ConstVectorRef y) { result.states.emplace_back(y); };
  result.outcome = integrate(*system, *stepper, settings, model.initial_state(flow), control);
  INFO(result.outcome.message);
  REQUIRE(result.outcome.status == Status::ok);
  return result;
}

std::unique_ptr<Model> small_network(const std::string& activation, Index input_dimension) {
  return make_model("two_layer_network",
                    {{"activation", activation},
                     {"width", std::int64_t{12}},
                     {"samples", std::int64_t{8}},
                     {"input_dimension", std::int64_t{input_dimension}},
                     {"initial_variance", 4.0}},
                    3);
}

std::unique_ptr<Model> deep_network(const std::string& activation, std::uint64_t seed) {
  return make_model("multilayer_perceptron",
                    {{"activation", activation},
                     {"widths", std::vector<std::int64_t>{2, 6, 5, 1}},
                     {"samples", std::int64_t{8}},
                     {"initial_variance", 3.0}},
                    seed);
}

std::unique_ptr<Model> network_on_sphere(const std::string& activation) {
  return make_model("single_index_network",
                    {{"activation", activation},
                     {"width", std::int64_t{4}},
                     {"dimension", std::int64_t{3}},
                     {"samples", std::int64_t{15}},
                     {"epsilon", 0.1},
                     {"target_hermite", std::vector<double>{1, -1, 0.6666666666666666}}},
                    5);
}

/// At t = 30 with a weight decay of 0.05 some of its neurons slide. Few biased ones do: those with
/// one input, of this seed.
std::unique_ptr<Model> sliding_network(bool bias) {
  return make_model("two_layer_network",
                    {{"activation", std::string("relu")},
                     {"width", std::int64_t{12}},
                     {"input_dimension", std::int64_t{bias ? 1 : 2}},
                     {"samples", std::int64_t{20}},
                     {"bias", bias}},
                    bias ? 2 : 1);
}

/// The loss of a flow, in the flow's piece.
struct LossOf : GradientFlow {
  static Loss at(const System& flow) {
    return (dynamic_cast<const GradientFlow&>(flow).*(&LossOf::loss))();
  }
};

/// The system's Jacobian where its flow has come to at time `end`, by its products and by
/// differences of the right-hand side in the same piece.
struct Jacobians {
  Matrix products, differences;
  Matrix along;              ///< the surfaces in which the flow slides, products alone
  Matrix differences_along;  ///< without what leads off the surfaces before, not after
  double newton_defect;  ///< |(I - gamma J) x - b| over |b|, the largest of its exact matrices' x
  std::vector<LinearKind> exact;  ///< those
};

Jacobians jacobians_at_the_end(Model& model, const FlowSettings& flow, double end) {
  SolverSettings settings;
  settings.rtol = 1e-9;
  settings.atol = 1e-12;
  const auto system = model.system(flow);
  const auto stepper = make_stepper(*system, settings);
  IntegrationControl control;
  control.times = {0, end};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  const Outcome outcome =
      integrate(*system, *stepper, settings, model.initial_state(flow), control);
  INFO(outcome.message);
  REQUIRE(outcome.status == Status::ok);
  const Vector y = outcome.final_state;
  const Index p = y.size();
  Jacobians both{Matrix(p, p), Matrix(p, p), Matrix(p, p), Matrix(p, p), 0, {}};
  Vector ahead(p), behind(p);
  const double step = 1e-5;
  const auto difference = [&](const Vector& v) -> Vector {
    system->rhs(end, y + step * v, ahead);
    system->rhs(end, y - step * v, behind);
    return (ahead - behind) / (2 * step);
  };
  for (Index j = 0; j < p; ++j) {
    Vector v = Vector::Unit(p, j);
    system->jacobian_times(end, y, v, both.products.col(j));
    both.differences.col(j) = difference(v);
    system->pieces()->keep(y, v);
    both.differences_along.col(j) = difference(v);
    system->jacobian_times(end, y, v, both.along.col(j));
    system->pieces()->keep(y, both.along.col(j));
  }
  const double gamma = 3;
  for (const NewtonOffer& offer : system->newton_offers()) {
    if (!offer.exact || offer.kind == LinearKind::krylov) continue;
    const auto newton = system->newton_matrix(offer.kind);
    Vector b(p), x(p), jx(p);
    system->rhs(end, y, b);
    x = b;
    newton->linearise(end, y);
    REQUIRE(newton->factorise(gamma));
    REQUIRE(newton->solve(x, 0));
    system->jacobian_times(end, y, x, jx);
    both.newton_defect = std::max(both.newton_defect, (x - gamma * jx - b).norm() / b.norm());
    both.exact.push_back(offer.kind);
  }
  return both;
}

/// Exponent of the error in the tolerance, from 1e-5 to 1e-8, each below `most` times it.
double order_in_tolerance(Model& model, const FlowSettings& flow, const std::vector<double>& times,
                          double most) {
  const Result exact = integrate_flow(model, flow, 1e-11, times);
  CHECK(exact.outcome.statistics.events >= 2);
  Vector tolerances(4), errors(4);
  tolerances << 1e-5, 1e-6, 1e-7, 1e-8;
  for (Index k = 0; k < 4; ++k) {
    const Result run = integrate_flow(model, flow, tolerances[k], times);
    CHECK(run.outcome.worst_energy_defect < 1e-3);
    errors[k] = 0;
    for (std::size_t i = 0; i < times.size(); ++i)
      errors[k] = std::max(errors[k], (run.states[i] - exact.states[i]).norm());
    CHECK(errors[k] < most * tolerances[k]);
  }
  UNSCOPED_INFO("errors " << errors.transpose() << ", " << exact.outcome.statistics.events
                          << " events");
  return fit_power_law(tolerances, errors).exponent;
}

/// Exponent in the step of the distance of gradient descent to the piecewise flow.
double order_of_descent(Model& model, FlowSettings flow, double end, const Vector& steps) {
  const Result exact = integrate_flow(model, flow, 1e-10, {0, end});
  CHECK(exact.outcome.statistics.events >= 1);
  CHECK(exact.outcome.worst_energy_defect < 1e-3);
  Vector errors(steps.size());
  flow.kind = "gradient_descent";
  for (Index k = 0; k < steps.size(); ++k) {
    flow.step = steps[k];
    errors[k] =
        (integrate_flow(model, flow, 1e-10, {0, end}).states.back() - exact.states.back()).norm();
  }
  UNSCOPED_INFO("errors " << errors.transpose());
  return fit_power_law(steps, errors).exponent;
}

FlowSettings decayed() {
  FlowSettings flow;
  flow.weight_decay = 0.02;
  return flow;
}

/// ReLU neurons without bias on these samples.
std::unique_ptr<Model> network_on(const Matrix& inputs, const Matrix& targets,
                                  const Vector& initial) {
  Parameters p(find_model("two_layer_network")->parameters);
  p.set("activation", std::string("relu"));
  p.set("bias", false);
  p.set_file("inputs", "inputs", inputs);
  p.set_file("targets", "targets", targets);
  p.set_file("initial", "initial", initial);
  return find_model("two_layer_network")->make(p, 0);
}

}  // namespace

TEST_CASE("A neuron that slides along a kink follows the closed form") {
  // One neuron, no bias, x_0 = (0, 1), x_1 = (1, 1), y_0 = -5, y_1 = 2, on w_2 = 0 at the start.
  // The sample 1 pulls w_2 up and the sample 0, once active, down by more: the neuron slides along
  // z_0 = w_2 = 0. There w_1 = a = q with q' = -q (q^2 - y_1) / 2, a logistic equation for q^2.
  Matrix inputs(2, 2);
  inputs << 0, 1, 1, 1;
  const Vector targets{{-5.0, 2.0}}, initial{{0.5, 0.0, 0.5}};
  const auto model = network_on(inputs, targets, initial);
  for (const double rtol : {1e-5, 1e-7, 1e-9}) {
    const std::vector<double> times{0, 0.5, 1, 2, 4};
    const Result run = integrate_flow(*model, {}, rtol, times);
    CHECK(run.outcome.statistics.events >= 1);
    CHECK(run.outcome.worst_energy_defect < 1e-3);
    for (std::size_t k = 1; k < times.size(); ++k) {
      const double s = 2 / (1 + (2 / 0.25 - 1) * std::exp(-2 * times[k]));
      const Vector exact{{std::sqrt(s), 0.0, std::sqrt(s)}};
      // Local errors of rtol, some tens of steps, and a tenth of rtol for the event.
      CHECK((run.states[k] - exact).norm() < 100 * rtol);
      CHECK(std::abs(run.states[k][1]) < 1e-14);
    }
  }
}

TEST_CASE("A neuron that slides into 0 and is driven back from both sides stays there") {
  // x_0 = (0, 1) with y = -5 holds the neuron on w_2 = 0 against (1, 1) and (-1, 1) with y = 2; of
  // (1, 0) and (-1, 0) with y = -3 the one that is active drives it to w_1 = 0, which it comes to
  // in a finite time, as a^2 - w_1^2 is kept. No direction leads out of 0: the sum of y_i relu(x_i
  // . d) is nowhere above 0.
  Matrix inputs(5, 2);
  inputs << 0, 1, 1, 1, -1, 1, 1, 0, -1, 0;
  const Vector targets{{-5, 2, 2, -3, -3}}, initial{{0.5, 0.0, 1.0}};
  const auto model = network_on(inputs, targets, initial);
  const Result run = integrate_flow(*model, {}, 1e-8, {0, 20});
  CHECK(run.outcome.statistics.events < 20);
  CHECK(run.outcome.worst_energy_defect < 1e-3);
  const Vector& end = run.states.back();
  CHECK(end.head(2).norm() < 1e-8);
  CHECK(end[2] == Approx(std::sqrt(0.75)).epsilon(1e-6));
  FlowSettings descent;
  descent.kind = "gradient_descent";
  descent.step = 1e-3;
  const Vector there = integrate_flow(*model, descent, 1e-8, {0, 20}).states.back();
  // To and fro by a step times a slope of the order of one.
  CHECK((there - end).norm() < 5e-3);
}

TEST_CASE(
    "Gradient descent on ReLU networks tends to the piecewise flow with order one in the step") {
  for (const char* activation : {"relu", "leaky_relu"})
    for (const Index d : {1, 2}) {
      INFO(activation << ", d = " << d);
      const auto model = small_network(activation, d);
      const Result flow = integrate_flow(*model, decayed(), 1e-10, {0, 30});
      CHECK(flow.outcome.statistics.events >= 2);
      CHECK(flow.outcome.worst_energy_defect < 1e-3);
      Vector steps(3), errors(3);
      steps << 2e-3, 1e-3, 5e-4;
      for (Index k = 0; k < 3; ++k) {
        FlowSettings descent = decayed();
        descent.kind = "gradient_descent";
        descent.step = steps[k];
        errors[k] =
            (integrate_flow(*model, descent, 1e-10, {0, 30}).states.back() - flow.states.back())
                .norm();
      }
      CAPTURE(errors.transpose());
      // On a surface descent goes to and fro by a step, so that the ratio is 2 but for that.
      CHECK(std::abs(fit_power_law(steps, errors).exponent - 1) < 0.35);
      CHECK(errors[2] < 2e-3 * flow.states.back().norm());
    }
}

TEST_CASE("The error of the piecewise flow falls with the tolerance") {
  for (const char* activation : {"relu", "leaky_relu"}) {
    INFO(activation);
    const auto model = small_network(activation, 1);
    const std::vector<double> times{0, 0.1, 1, 10, 100, 500};
    const Result exact = integrate_flow(*model, decayed(), 1e-11, times);
    Vector tolerances(4), errors(4);
    tolerances << 1e-5, 1e-6, 1e-7, 1e-8;
    for (Index k = 0; k < 4; ++k) {
      const Result run = integrate_flow(*model, decayed(), tolerances[k], times);
      errors[k] = 0;
      for (std::size_t i = 0; i < times.size(); ++i)
        errors[k] = std::max(errors[k], (run.states[i] - exact.states[i]).norm());
      // |w| is some units, steps are some hundreds.
      CHECK(errors[k] < 1000 * tolerances[k]);
    }
    CAPTURE(errors.transpose());
    CHECK(fit_power_law(tolerances, errors).exponent > 0.75);
  }
}

TEST_CASE("A perceptron with one hidden layer slides and crosses as the two-layer network does") {
  RandomStream stream(4, "same");
  Matrix inputs(9, 2);
  stream.fill_normal(inputs);
  const Vector targets = random_vector(9, stream), initial = 2 * random_vector(3 * 12, stream);
  const auto with_data = [&](const std::string& name, auto&& shape) {
    Parameters p(find_model(name)->parameters);
    shape(p);
    p.set("bias", false);
    p.set_file("inputs", "inputs", inputs);
    p.set_file("targets", "targets", targets);
    p.set_file("initial", "initial", initial);
    return find_model(name)->make(p, 0);
  };
  for (const char* activation : {"relu", "leaky_relu"}) {
    const auto flat = with_data("two_layer_network", [&](Parameters& p) {
      p.set("activation", std::string(activation));
      p.set("width", std::int64_t{12});
    });
    const auto deep = with_data("multilayer_perceptron", [&](Parameters& p) {
      p.set("activation", std::string(activation));
      p.set("widths", std::vector<std::int64_t>{2, 12, 1});
    });
    const std::vector<double> times{0, 1, 10, 50};
    const double rtol = 1e-9;
    const Result a = integrate_flow(*flat, decayed(), rtol, times);
    const Result b = integrate_flow(*deep, decayed(), rtol, times);
    CHECK(a.outcome.statistics.events >= 2);
    CHECK(a.outcome.statistics.events == b.outcome.statistics.events);
    // Two runs within their tolerance: |w| is some units, steps are some hundreds.
    for (std::size_t k = 0; k < times.size(); ++k)
      CHECK((a.states[k] - b.states[k]).norm() < 1000 * rtol);
  }
}

TEST_CASE("Deep ReLU perceptrons: the error of the piecewise flow falls with the tolerance") {
  for (const char* activation : {"relu", "leaky_relu"}) {
    INFO(activation);
    const auto model = deep_network(activation, 1);
    CHECK(order_in_tolerance(*model, decayed(), {0, 0.1, 1, 10, 50}, 1000) > 0.75);
  }
}

TEST_CASE("Deep ReLU perceptrons: gradient descent tends to the piecewise flow with order one") {
  for (const char* activation : {"relu", "leaky_relu"}) {
    INFO(activation);
    const auto model = deep_network(activation, 1);
    // On a surface descent goes to and fro by a step.
    CHECK(std::abs(order_of_descent(*model, decayed(), 10, Vector{{2e-3, 1e-3, 5e-4}}) - 1) < 0.35);
  }
}

TEST_CASE("Along the plane surfaces of one hidden layer the flow has a symmetric Jacobian") {
  const auto perceptron = make_model("multilayer_perceptron",
                                     {{"activation", std::string("relu")},
                                      {"widths", std::vector<std::int64_t>{2, 12, 2}},
                                      {"samples", std::int64_t{20}},
                                      {"bias", false}},
                                     1);
  const auto plain = sliding_network(false), biased = sliding_network(true);
  FlowSettings flow;
  flow.weight_decay = 0.05;
  for (Model* model : {perceptron.get(), plain.get(), biased.get()}) {
    CAPTURE(model == perceptron.get(), model == biased.get());
    const Jacobians both = jacobians_at_the_end(*model, flow, 30);
    // Off the surfaces nothing moves: there are some.
    CHECK(both.products.completeOrthogonalDecomposition().rank() < both.products.rows());
    CHECK((both.products - both.products.transpose()).norm() <= 1e-13 * both.products.norm());
    CHECK((both.products - both.differences_along).norm() <= 1e-7 * both.products.norm());
    CHECK(both.newton_defect <= 1e-12);
    // By neuron, with the Gram matrix of the rest, as well as dense.
    if (model != perceptron.get()) CHECK(both.exact.size() == 2);
  }
}

TEST_CASE("While neurons slide, the Gram matrix is that of what is left of the gradients") {
  for (const bool bias : {false, true}) {
    CAPTURE(bias);
    const auto model = sliding_network(bias);
    FlowSettings flow;
    flow.weight_decay = 0.05;
    const auto system = model->system(flow);
    SolverSettings settings;
    settings.rtol = 1e-9;
    IntegrationControl control;
    control.times = {0, 30};
    control.sample = [](std::size_t, double, ConstVectorRef) {};
    const Outcome outcome = integrate(*system, settings, model->initial_state(flow), control);
    REQUIRE(outcome.status == Status::ok);
    Loss loss = LossOf::at(*system);
    loss.linearise(outcome.final_state);
    const Index n = loss.outputs(), p = loss.dimension();
    Matrix found(n, n), gradients(p, n), expected(n, n);
    loss.map().gram(Vector(), found);
    loss.map().transposed_jacobian(gradients);
    expected = gradients.transpose() * gradients;
    CHECK((found - expected).norm() <= 1e-12 * expected.norm());
    // Some gradient has lost something: a vector along all entries is projected.
    Vector v = Vector::Ones(p);
    loss.project(v);
    CHECK((v - Vector::Ones(p)).norm() > 1e-3);
  }
}

TEST_CASE("The Jacobian on a curved surface in which a deep neuron slides is that of the flow") {
  const auto model = deep_network("relu", 1);
  const Jacobians both = jacobians_at_the_end(*model, decayed(), 10);
  // A flow along a curved surface has a Jacobian that is not symmetric: there is one here.
  CHECK((both.products - both.products.transpose()).norm() > 1e-3 * both.products.norm());
  // What it has along the surface is.
  CHECK((both.along - both.along.transpose()).norm() <= 1e-12 * both.along.norm());
  CHECK(both.newton_defect <= 1e-12);
  // Differences at 1e-5 have errors of 1e-10 and rounding of 1e-11, relative.
  CHECK((both.products - both.differences).norm() < 1e-7 * both.products.norm());
}

TEST_CASE("ReLU on the sphere: the empirical flow is followed piece by piece") {
  for (const char* activation : {"relu", "leaky_relu"}) {
    INFO(activation);
    const auto model = network_on_sphere(activation);
    CHECK(order_in_tolerance(*model, {}, {0, 0.1, 1, 5}, 1000) > 0.75);
    // Descent leaves the sphere by order one in the step too.
    CHECK(std::abs(order_of_descent(*model, {}, 2, Vector{{4e-4, 2e-4, 1e-4}}) - 1) < 0.35);
    const Jacobians both = jacobians_at_the_end(*model, {}, 2);
    CHECK((both.products - both.differences).norm() < 1e-7 * both.products.norm());
  }
}

TEST_CASE(
    "A deep neuron slides at once in the surfaces of all samples that a dead layer maps to 0") {
  // x = -1 and -2 are dead in the first layer, so that the second has z = b_2 for both. They want
  // f = -1.5 on average and drive b_2 down; below 0 the sample x = 1, always active, drives it up.
  const Matrix inputs = Vector{{-1.0, -2.0, 1.0}};
  const Vector targets{{-2.0, -1.0, 3.0}}, initial{{1.0, 0.0, 1.0, 0.5, 1.0, 0.0}};
  Parameters p(find_model("multilayer_perceptron")->parameters);
  p.set("activation", std::string("relu"));
  p.set("widths", std::vector<std::int64_t>{1, 1, 1, 1});
  p.set_file("inputs", "inputs", inputs);
  p.set_file("targets", "targets", targets);
  p.set_file("initial", "initial", initial);
  const auto model = find_model("multilayer_perceptron")->make(p, 0);
  const Result run = integrate_flow(*model, {}, 1e-8, {0, 0.5, 1, 2});
  CHECK(run.outcome.statistics.events >= 1);
  CHECK(run.outcome.statistics.events < 20);
  CHECK(run.outcome.worst_energy_defect < 1e-3);
  CHECK(std::abs(run.states.back()[3]) < 1e-12);  // b_2
  CHECK(std::abs(order_of_descent(*model, {}, 2, Vector{{2e-3, 1e-3, 5e-4}}) - 1) < 0.35);
}
