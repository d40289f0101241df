#include "flow/mirror_flow.hpp"

#include <cmath>
#include <numbers>

#include "flow/linear_map.hpp"
#include "io/data_file.hpp"
#include "numerics/random.hpp"
#include "solve/integrate.hpp"
#include "solve/method_choice.hpp"
#include "tests/catch.hpp"

using namespace gradflow;
using std::numbers::ln10;

namespace {

SeparablePotential on_all(std::shared_ptr<const Potential> phi, Index d) {
  return SeparablePotential(static_cast<std::size_t>(d), std::move(phi));
}

std::shared_ptr<const Matrix> rows(Matrix z) {
  return std::make_shared<const Matrix>(std::move(z));
}

std::shared_ptr<const Matrix> random_margins(Index n, Index d) {
  RandomStream stream(7, "data");
  Matrix z(n, d);
  stream.fill_normal(z);
  for (Index i = 0; i < n; ++i) {
    if (z(i, 0) < 0) z.row(i) *= -1;
    z(i, 0) += 0.3;
  }
  return rows(std::move(z));
}

struct Flow {
  std::shared_ptr<const Matrix> z;
  SeparablePotential potential;
  MarginLossKind kind = MarginLossKind::exponential;
  Vector beta0 = Vector::Zero(z->cols());

  AcceleratedMirrorFlow accelerated() const {
    return {z, kind, potential, log_margin_loss(kind, *z * beta0)};
  }
  MirrorFlow real() const {
    return {Loss(std::make_unique<LinearMap>(z), std::make_shared<MarginLoss>(kind)), potential};
  }
  Vector start() const {
    Vector y = Vector::Zero(z->cols() + 2);
    y.head(z->cols()) = MirrorFlow::chart(potential, beta0);
    return y;
  }

  /// Readings of an accelerated run at the given log10(1+s), after 0.
  std::vector<AcceleratedMirrorFlow::Reading> run(std::vector<double> ends, double rtol,
                                                  Outcome* result = nullptr) const {
    AcceleratedMirrorFlow system = accelerated(), reader = accelerated();
    SolverSettings settings;
    settings.rtol = rtol;
    settings.atol = 1e-2 * rtol;
    const auto stepper = make_stepper(system, settings);
    std::vector<AcceleratedMirrorFlow::Reading> out;
    IntegrationControl control;
    control.times = std::move(ends);
    control.times.insert(control.times.begin(), 0.0);
    control.sample = [&](std::size_t k, double, ConstVectorRef y) {
      if (k == 0) return;
      out.emplace_back();
      reader.read(y, out.back());
    };
    const Outcome outcome = integrate(system, *stepper, settings, start(), control);
    CHECK(outcome.status == Status::ok);
    if (result != nullptr) *result = outcome;
    return out;
  }
};

std::vector<std::pair<const char*, Flow>> flows() {
  const auto z = random_margins(12, 3);
  return {
      {"squared norm", {z, on_all(squared_norm_potential(), 3)}},
      {"cosh", {z, on_all(cosh_potential(), 3)}},
      {"hyperbolic entropy", {z, on_all(hyperbolic_entropy_potential(), 3)}},
      {"1.5-norm",
       {z, on_all(power_potential(1.5), 3), MarginLossKind::exponential, Vector::Constant(3, 0.1)}},
      {"3-norm",
       {z, on_all(power_potential(3), 3), MarginLossKind::exponential, Vector::Constant(3, 0.1)}},
      {"logistic cosh", {z, on_all(cosh_potential(), 3), MarginLossKind::logistic}},
      {"mixture",
       {z,
        {squared_norm_potential(), scaled(cosh_potential(), 0.4), hyperbolic_entropy_potential()},
        MarginLossKind::logistic}},
  };
}

/// (I - gamma J) x against the Newton matrix's solve, and J against differences.
void check_jacobian(System& system, ConstVectorRef y, double h) {
  const Index n = system.dimension();
  RandomStream stream(3, "directions");
  Vector v(n), jv(n), up(n), down(n);
  const auto newton = system.newton_matrix(LinearKind::dense);
  newton->linearise(0, y);
  for (int k = 0; k < 4; ++k) {
    stream.fill_normal(v);
    system.jacobian_times(0, y, v, jv);
    system.rhs(0, y + h * v, up);
    system.rhs(0, y - h * v, down);
    const Vector difference = (up - down) / (2 * h);
    // Central differences: h^2 times third derivatives, a few times the size of J itself here.
    CHECK((jv - difference).norm() < 1e-5 * difference.norm());
    for (const double gamma : {0.01, 10.0}) {
      REQUIRE(newton->factorise(gamma));
      Vector x = v - gamma * jv;
      REQUIRE(newton->solve(x, 0));
      CHECK((x - v).norm() < 1e-8 * v.norm());
    }
  }
}

}  // namespace

TEST_CASE("weights and loss by logarithms are those of the sums, at any size", "[mirror_flow]") {
  const Vector z = (Vector(4) << -1.5, 0.2, 3, 25).finished();
  for (const MarginLossKind kind : {MarginLossKind::exponential, MarginLossKind::logistic}) {
    Vector q(4), g(4);
    const MarginLoss loss(kind);
    const double value = loss.gradient(z, g);
    CHECK(margin_weights(kind, z, q) == Approx(std::log(value)).epsilon(1e-14));
    CHECK((q + g / value).norm() < 1e-14);
    // Far out both are exponentials.
    const Vector far = z.array() + 1e6;
    CHECK(log_margin_loss(kind, far) ==
          Approx(-1e6 + 1.5 + std::log1p(std::exp(-1.7) + std::exp(-4.5))));
    // l'' by differences.
    Vector h(4), up(4), down(4);
    loss.hessian_times(z, Vector::Ones(4), h);
    loss.gradient(z.array() + 1e-5, up);
    loss.gradient(z.array() - 1e-5, down);
    CHECK((h - (up - down) / 2e-5).norm() < 1e-8 * h.norm());
  }
}

TEST_CASE("Jacobians and Newton matrices of mirror flow agree with differences", "[mirror_flow]") {
  for (const auto& [name, flow] : flows()) {
    INFO(name);
    AcceleratedMirrorFlow fast = flow.accelerated();
    MirrorFlow slow = flow.real();
    for (const double size : {0.4, 1.7}) {
      Vector y(5);
      y.head(3) =
          MirrorFlow::chart(flow.potential, (Vector(3) << size, -0.5 * size, 0.8).finished());
      y[3] = -0.7;
      y[4] = 0.3 * size;
      check_jacobian(fast, y, 1e-6);
      check_jacobian(slow, y.head(3), 1e-6);
    }
  }
}

TEST_CASE("both forms of mirror flow descend their energy in their metric", "[mirror_flow]") {
  for (const auto& [name, flow] : flows()) {
    INFO(name);
    AcceleratedMirrorFlow fast = flow.accelerated();
    MirrorFlow slow = flow.real();
    Vector y(5), f(5);
    y << MirrorFlow::chart(flow.potential, (Vector(3) << 0.6, 0.3, -0.2).finished()), -0.2, 0.4;
    fast.rhs(0, y, f);
    const double h = 1e-6;
    CHECK((fast.energy(y + h * f) - fast.energy(y - h * f)) / (2 * h) ==
          Approx(-fast.inner_product(y, f, f)).epsilon(1e-6));
    Vector x = y.head(3), g(3);
    slow.rhs(0, x, g);
    CHECK((slow.energy(x + h * g) - slow.energy(x - h * g)) / (2 * h) ==
          Approx(-slow.inner_product(x, g, g)).epsilon(1e-6));
  }
}

TEST_CASE(
    "one point and the squared norm: time, loss and direction in closed form to t = 10^(10^6)",
    "[mirror_flow]") {
  // theta = s z, beta = s z/2, L = exp(-s c), c = |z|^2/2, t = (exp(s c) - 1)/c.
  Flow flow{rows((Matrix(1, 2) << 1.2, -0.5).finished()), on_all(squared_norm_potential(), 2)};
  const double c = 0.5 * flow.z->squaredNorm();
  const std::vector<double> ends{0.1, 0.5, 1, 2, 4, 6.5};
  const auto readings = flow.run(ends, 1e-10);
  for (std::size_t k = 0; k < ends.size(); ++k) {
    const double s = std::pow(10.0, ends[k]) - 1;
    INFO("s = " << s);
    CHECK(readings[k].log_loss == Approx(-s * c).epsilon(1e-8));
    const double log_t = s * c + std::log(-std::expm1(-s * c)) - std::log(c);
    // An error in delta, which is log t to a constant.
    CHECK(readings[k].log_time == Approx(log_t).epsilon(1e-8).margin(1e-7));
    CHECK((readings[k].beta - 0.5 * s * flow.z->row(0).transpose()).norm() < 1e-8 * (1 + s));
  }
}

TEST_CASE("one point and the hyperbolic entropy: the dual in closed form up to the largest doubles",
          "[mirror_flow]") {
  // theta = s z, log(angle) = log(sinh(s z_2)/sinh(s z_1)): slope -(z_1 - z_2) in s.
  Flow flow{rows((Matrix(1, 2) << 0.9, 0.4).finished()), on_all(hyperbolic_entropy_potential(), 2)};
  const auto readings = flow.run({1, 2, 2.8}, 1e-10);
  for (std::size_t k = 0; k < 3; ++k) {
    const double s = std::pow(10.0, std::vector<double>{1, 2, 2.8}[k]) - 1;
    const double ratio = std::log(readings[k].beta[0]) - std::log(readings[k].beta[1]);
    CHECK(ratio ==
          Approx(std::log(std::sinh(0.9 * s)) - std::log(std::sinh(0.4 * s))).epsilon(1e-7));
  }
  CHECK(readings.back().log_time > 1e200);
}

TEST_CASE("one point and cosh: angle and loss to the rates of the asymptotics at s = 10^1000",
          "[mirror_flow]") {
  const double z1 = 1.1, z2 = 0.6;
  Flow flow{rows((Matrix(1, 2) << z1, z2).finished()), on_all(cosh_potential(), 2)};
  const auto readings = flow.run({200, 1000}, 1e-8);
  for (std::size_t k = 0; k < 2; ++k) {
    const double log_s = ln10 * (k == 0 ? 200 : 1000);
    const auto& r = readings[k];
    // beta_i = arcsinh(s z_i): both to rounding of the sum.
    CHECK(r.beta[0] == Approx(log_s + std::log(2 * z1)).epsilon(1e-7));
    CHECK(r.beta[1] == Approx(log_s + std::log(2 * z2)).epsilon(1e-7));
  }
  // L ~ t^(-m/(1+m)), m = z_1 + z_2.
  const double slope =
      (readings[1].log_loss - readings[0].log_loss) / (readings[1].log_time - readings[0].log_time);
  CHECK(slope == Approx(-(z1 + z2) / (1 + z1 + z2)).epsilon(1e-6));
}

TEST_CASE("two tied support vectors: the direction stays right where margins exceed 10^100",
          "[mirror_flow]") {
  // {(3, .6), (.2, 1)} under the hyperbolic entropy: direction (1, 7)/|.|, 81.870 degrees.
  Flow flow{rows((Matrix(2, 2) << 3, 0.6, 0.2, 1).finished()),
            on_all(hyperbolic_entropy_potential(), 2)};
  const auto readings = flow.run({1.25, 2, 2.7}, 1e-8);
  const Vector limit = (Vector(2) << 1, 7).finished().normalized();
  CHECK((readings[0].beta.stableNormalized() - limit).norm() < 5e-6);
  // The temperature moves it by the softness, 1e-8, times the log-ratio of the weights.
  CHECK((readings[1].beta.stableNormalized() - limit).norm() < 1e-7);
  CHECK((readings[2].beta.stableNormalized() - limit).norm() < 1e-7);
  CHECK(readings[2].beta.stableNorm() > 1e100);
}

TEST_CASE("accelerated and real time agree to 1e-8 where both can go", "[mirror_flow]") {
  const std::string folder = std::string(GRADFLOW_SOURCE) + "/examples/mirror/data/figure1_";
  const Matrix labels = read_data_file(folder + "labels.csv");
  const auto z = rows(labels.col(0).asDiagonal() * read_data_file(folder + "inputs.csv"));
  std::vector<std::pair<const char*, Flow>> all_flows = flows();
  const std::size_t small = all_flows.size();
  all_flows.push_back(
      {"squared norm, the paper's points", {z, on_all(squared_norm_potential(), 2)}});
  all_flows.push_back({"cosh, the paper's points", {z, on_all(cosh_potential(), 2)}});
  all_flows.push_back(
      {"hyperbolic entropy, the paper's points", {z, on_all(hyperbolic_entropy_potential(), 2)}});
  // log10(1+s) at t = 1e5, the end of the paper's figure.
  const double ends[] = {1.0, 1.7, 0.55};
  for (std::size_t f = 0; f < all_flows.size(); ++f) {
    const auto& [name, flow] = all_flows[f];
    INFO(name);
    const double end = f < small ? 0.9 : ends[f - small];
    const auto fast = flow.run({0.2 * end, 0.6 * end, end}, 1e-11);
    if (f >= small) CHECK(fast.back().log_time > std::log(1e4));
    MirrorFlow system = flow.real(), reader = flow.real();
    SolverSettings settings;
    settings.rtol = 1e-11;
    settings.atol = 1e-14;
    const auto stepper = make_stepper(system, settings);
    IntegrationControl control;
    control.times = {0};
    for (const auto& r : fast) control.times.push_back(std::exp(r.log_time));
    control.sample = [&](std::size_t k, double, ConstVectorRef y) {
      if (k == 0) return;
      Vector beta(fast[k - 1].beta.size());
      reader.primal(y, beta);
      INFO("t = " << control.times[k]);
      CHECK((beta - fast[k - 1].beta).norm() < 1e-8 * beta.norm());
      CHECK(std::log(reader.energy(y)) == Approx(fast[k - 1].log_loss).epsilon(1e-8).margin(1e-8));
    };
    const Vector start = MirrorFlow::chart(flow.potential, flow.beta0);
    const Outcome outcome = integrate(system, *stepper, settings, start, control);
    CHECK(outcome.status == Status::ok);
    CHECK(outcome.worst_energy_defect < 0.01);
  }
}

TEST_CASE("the loss stays below the paper's bound, and the energy identity holds",
          "[mirror_flow]") {
  // L(beta_t) <= L(b) + D_phi(b, 0)/t for any b, D_phi(b, 0) = phi(b).
  for (const auto& [name, flow] : flows()) {
    if (!flow.beta0.isZero(0)) continue;
    INFO(name);
    Outcome outcome;
    const auto readings = flow.run({0.3, 0.6, 1.0, 1.4}, 1e-9, &outcome);
    CHECK(outcome.worst_energy_defect < 0.01);
    // Gauss points on steps of 1e-9: far better than a hundredth.
    for (const EnergyDecade& decade : outcome.energy)
      CHECK(decade.drop == Approx(decade.dissipation).epsilon(1e-3).margin(1e-6));
    for (const auto& r : readings)
      for (const double factor : {0.5, 1.0, 1.3}) {
        const Vector b = factor * r.beta;
        double phi = 0;
        for (Index i = 0; i < 3; ++i)
          phi += flow.potential[static_cast<std::size_t>(i)]->value(b[i]);
        CHECK(std::exp(r.log_loss) <=
              std::exp(log_margin_loss(flow.kind, *flow.z * b)) + phi / std::exp(r.log_time));
      }
  }
}
