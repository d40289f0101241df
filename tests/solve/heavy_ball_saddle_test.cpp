#include <cmath>

#include "numerics/decompositions.hpp"
#include "solve/method_choice.hpp"
#include "solve/saddle.hpp"
#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"
#include "tests/small_models.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

const std::vector<std::string> methods{"auto", "cvode", "rodas", "rock4", "dopri5"};

FlowSettings heavy_ball(double friction) {
  FlowSettings flow;
  flow.kind = "heavy_ball";
  flow.friction = friction;
  return flow;
}

/// beta_i = u_i v_i on orthogonal inputs: modes are apart, and u = v stays so. The first is learned
/// at once, the second waits at e^2.
std::unique_ptr<Model> two_modes(double e) {
  const ModelInfo* info = find_model("diagonal_linear_network");
  Parameters parameters(info->parameters);
  parameters.set("parametrisation", std::string("product"));
  parameters.set_file("inputs", "x.npy", Matrix::Identity(2, 2));
  parameters.set_file("targets", "y.npy", Vector{{2, 0.1}});
  parameters.set_file("initial", "w.npy", Vector{{0.5, e, 0.5, e}});
  return info->make(parameters, 0);
}

/// The time at which the second mode is half learned, by interpolation in a fine grid of samples.
double half_time(const Run& run) {
  const auto beta = [&](std::size_t k) { return run.states[k][1] * run.states[k][3]; };
  std::size_t k = 0;
  while (k + 1 < run.states.size() && beta(k) < 0.05) ++k;
  REQUIRE(k > 0);
  const double a = std::log(beta(k - 1)), b = std::log(beta(k)), half = std::log(0.05);
  return run.times[k - 1] + (run.times[k] - run.times[k - 1]) * (half - a) / (b - a);
}

/// A network W_2 W_1 of width 2 and a target of rank 3 at general angles, started where it has
/// learned the first singular value alone: but for rounding a saddle, and no equality of entries
/// keeps it there. `deviation` of the second is what leaves it.
std::unique_ptr<Model> at_rest_on_a_saddle(Vector& start, double deviation) {
  RandomStream stream(2, "test");
  const auto rotation = [&](Index n) {
    Matrix draw(n, n);
    stream.fill_normal(draw);
    return Matrix(Eigen::HouseholderQR<Matrix>(draw).householderQ());
  };
  const Matrix U = rotation(3), V = rotation(3), Q = rotation(2);
  const Vector values{{3, 2, 1}}, learned{{std::sqrt(3.0), deviation}};
  const RowMatrix first = Q * learned.asDiagonal() * V.leftCols(2).transpose(),
                  second = U.leftCols(2) * learned.asDiagonal() * Q.transpose();
  start.resize(12);
  start << Eigen::Map<const Vector>(first.data(), 6), Eigen::Map<const Vector>(second.data(), 6);
  const ModelInfo* info = find_model("deep_linear_network");
  Parameters parameters(info->parameters);
  parameters.set("depth", std::int64_t{2});
  parameters.set("width", std::int64_t{2});
  parameters.set_file("target", "a.npy", Matrix(U * values.asDiagonal() * V.transpose()));
  parameters.set_file("initial", "w.npy", start);
  return info->make(parameters, 0);
}

Outcome outcome_of(Model& model, const FlowSettings& flow, const std::string& method, double end,
                   bool condition = true) {
  SolverSettings settings;
  settings.method = method;
  settings.condition = condition;
  const auto system = model.system(flow);
  const Vector start = model.initial_state(flow);
  settings = tightened(*system, settings, start);
  const auto stepper = make_stepper(*system, settings);
  IntegrationControl control;
  control.times = {0, end};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  return integrate(*system, *stepper, settings, start, control);
}

}  // namespace

TEST_CASE("The growing mode of a heavy ball is an eigenvector of its Jacobian") {
  Vector w;
  const auto model = at_rest_on_a_saddle(w, 0);
  for (const double friction : {0.01, 1.0, 100.0}) {
    CAPTURE(friction);
    const auto system = model->system(heavy_ball(friction));
    Vector y = model->initial_state(heavy_ball(friction)), image(24);
    GrowingMode mode = fastest_growing_mode(*system, 0, y);
    REQUIRE(mode.rate > 0);
    system->jacobian_times(0, y, mode.mode, image);
    CHECK(relative_error(image, Vector(mode.rate * mode.mode)) < 1e-10);
    CHECK(mode.mode.norm() == Approx(1));
    // Gradients are accurate to rounding, and velocities are 0.
    CHECK(mode.amplitude < 1e-13);
    y += 1e-5 * mode.mode;
    // The distance from the saddle, up to terms of second order.
    CHECK(fastest_growing_mode(*system, 0, y).amplitude == Approx(1e-5).epsilon(1e-3));
  }
}

TEST_CASE("A heavy ball leaves a saddle at its time, by every method and at every tolerance") {
  for (const double friction : {0.3, 3.0})
    for (const double e : {1e-6, 1e-9, 1e-11}) {
      const auto model = two_modes(e);
      const FlowSettings flow = heavy_ball(friction);
      const Vector start = model->initial_state(flow);
      // u'' + friction u' = k u of the second mode: as e^{st}.
      Vector slope(4);
      model->system({})->rhs(0, start.head(4), slope);
      const double k = slope[1] / e,
                   s = 2 * k / (friction + std::sqrt(friction * friction + 4 * k));
      std::vector<double> times;
      for (int i = 0; i <= 1000; ++i) times.push_back(0.0015 * i * std::log(1 / e) / s);
      SolverSettings tight;
      tight.method = "dopri5";
      tight.rtol = 1e-11;
      tight.atol = 1e-8 * e;
      const double exact = half_time(run_from(start, *model, flow, tight, times, false));
      for (const std::string& method : methods)
        for (const double rtol : {1e-4, 1e-8}) {
          SolverSettings settings;
          settings.method = method;
          settings.rtol = rtol;
          const Run run = run_from(start, *model, flow, settings, times, false);
          CAPTURE(friction, e, method, rtol, exact);
          CHECK(run.outcome.warnings == 0);
          CHECK(std::abs(half_time(run) - exact) < 1e-3 * exact);
        }
    }
}

TEST_CASE("A heavy ball says where the tolerance cannot resolve what leaves a saddle") {
  const auto model = two_modes(1e-20);
  for (const std::string& method : methods) {
    const Outcome outcome = outcome_of(*model, heavy_ball(1), method, 1e4);
    CAPTURE(method, outcome.message);
    CHECK((outcome.status != Status::ok || (outcome.warnings & tolerance_coarse_for_saddle) != 0));
  }
}

TEST_CASE("A heavy ball that its symmetry keeps on a saddle has the warning") {
  // Two equal neurons.
  const ModelInfo* info = find_model("two_layer_network");
  Parameters parameters(info->parameters);
  parameters.set("activation", std::string("tanh"));
  parameters.set("width", std::int64_t{2});
  const Vector x = Vector::LinSpaced(12, -1, 1);
  parameters.set_file("inputs", "x.npy", x);
  parameters.set_file("targets", "y.npy", 4 * x.array().cube() - 3 * x.array());
  for (const double apart : {0.0, 1e-6}) {
    const Vector start{{0.8, 0.8 + apart, 0.1, 0.1, 0.5, 0.5}};
    parameters.set_file("initial", "w.npy", start);
    const auto model = info->make(parameters, 0);
    for (const std::string& method : methods) {
      const Outcome outcome = outcome_of(*model, heavy_ball(1), method, 1e4);
      CAPTURE(apart, method, outcome.message);
      CHECK(outcome.status == Status::ok);
      CHECK(((outcome.warnings & stays_on_saddle) != 0) == (apart == 0));
      const Vector& w = outcome.final_state;
      CHECK((std::abs(w[0] - w[1]) < 1e-13) == (apart == 0));
    }
  }
}

TEST_CASE("A heavy ball that rests on a saddle up to rounding is no answer in silence") {
  Vector start;
  for (const double deviation : {0.0, 1e-6})
    for (const std::string& method : methods) {
      const auto model = at_rest_on_a_saddle(start, deviation);
      const Outcome outcome = outcome_of(*model, heavy_ball(1), method, 1e3);
      CAPTURE(deviation, method, outcome.message);
      if (deviation == 0) {
        CHECK((outcome.status == Status::rounding_decides ||
               outcome.status == Status::saddle_unresolved ||
               (outcome.warnings & stays_on_saddle) != 0));
        CHECK(outcome_of(*model, heavy_ball(1), method, 5).status == Status::ok);
      } else {
        // What it learns next; the third singular value is left where it was, with a mode that
        // only rounding fills.
        CHECK(outcome_of(*model, heavy_ball(1), method, 25).status == Status::ok);
      }
    }
}

TEST_CASE("Heavy balls from random starts have nothing to say") {
  for (const auto& [name, parameters] : small_models())
    for (std::uint64_t seed = 0; seed < 2; ++seed)
      for (const double friction : {0.1, 1.0, 10.0}) {
        const auto model = make_model(name, parameters, seed);
        FlowSettings flow = heavy_ball(friction);
        flow.weight_decay = 1e-4;
        const Outcome outcome = outcome_of(*model, flow, "auto", 50);
        CAPTURE(name, seed, friction, outcome.message);
        CHECK(outcome.status == Status::ok);
        CHECK(outcome.warnings == 0);
      }
}
