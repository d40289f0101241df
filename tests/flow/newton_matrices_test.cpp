#include <set>

#include "flow/gauss_newton_blocks.hpp"
#include "flow/gradient_flow.hpp"
#include "flow/newton_choice.hpp"
#include "numerics/decompositions.hpp"
#include "tests/catch.hpp"
#include "tests/finite_differences.hpp"
#include "tests/flow/sine_map.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

struct Problem {
  std::string name;
  Loss loss;
};

std::vector<Problem> problems(RandomStream& stream) {
  std::vector<Problem> all;
  const auto add = [&](const std::string& label, const std::string& model,
                       const Settings& settings) {
    all.push_back({label, loss_of(*make_model(model, settings, 5))});
  };
  const auto size = [](std::int64_t n) { return ParameterValue(n); };
  add("linear, n < d", "linear_regression", {{"samples", size(4)}, {"dimension", size(9)}});
  add("linear, n > d", "linear_regression", {{"samples", size(9)}, {"dimension", size(4)}});
  add("linear, one number", "linear_regression", {{"samples", size(1)}, {"dimension", size(1)}});
  for (const char* kind : {"difference", "product"}) {
    add(std::string("diagonal, wide, ") + kind, "diagonal_linear_network",
        {{"samples", size(3)}, {"dimension", size(7)}, {"parametrisation", std::string(kind)}});
    add(std::string("diagonal, tall, ") + kind, "diagonal_linear_network",
        {{"samples", size(13)}, {"dimension", size(4)}, {"parametrisation", std::string(kind)}});
  }
  add("completion", "matrix_completion",
      {{"rows", size(4)}, {"columns", size(3)}, {"rank", size(2)}, {"true_rank", size(1)}});
  add("completion, full", "matrix_completion",
      {{"rows", size(3)},
       {"columns", size(4)},
       {"rank", size(1)},
       {"true_rank", size(1)},
       {"observed", 1.0}});
  // Blocks of 4: two weights, a bias and the output weight of each neuron.
  for (const int samples : {5, 17})
    add("two layers, " + std::to_string(samples) + " samples", "two_layer_network",
        {{"width", size(3)},
         {"activation", std::string("tanh")},
         {"input_dimension", size(2)},
         {"samples", size(samples)},
         {"test_samples", size(1)}});
  const auto widths = ParameterValue(std::vector<std::int64_t>{2, 3, 2, 2});
  add("perceptron", "multilayer_perceptron",
      {{"widths", widths}, {"samples", size(6)}, {"test_samples", size(1)}});
  add("perceptron, cross-entropy", "multilayer_perceptron",
      {{"widths", widths},
       {"samples", size(6)},
       {"test_samples", size(1)},
       {"loss", std::string("cross_entropy")}});
  for (const bool symmetric : {false, true})
    add(std::string("sensing") + (symmetric ? ", symmetric" : ""), "matrix_sensing",
        {{"rows", size(3)},
         {"columns", size(3)},
         {"rank", size(2)},
         {"measurements", size(5)},
         {"symmetric", symmetric}});
  add("modular addition", "modular_addition", {{"modulus", size(3)}, {"width", size(2)}});
  Matrix a(6, 5);
  stream.fill_normal(a);
  all.push_back({"sines, cross-entropy",
                 Loss(std::make_unique<SineMap>(a),
                      std::make_shared<CrossEntropyLoss>(std::vector<Index>{1, 0, 1}, 2))});
  return all;
}

/// The columns of v -> out.
template <class Product>
Matrix columns(Index n, Product&& product) {
  Matrix m(n, n);
  Vector unit = Vector::Zero(n);
  for (Index j = 0; j < n; ++j) {
    unit[j] = 1;
    product(unit, m.col(j));
    unit[j] = 0;
  }
  return m;
}

/// I - gamma J for the gradient flow or heavy ball whose Hessian is H.
Matrix newton_from(const Matrix& H, const Vector& decay, const Vector& rate, double friction,
                   bool heavy_ball, double gamma) {
  const Index p = H.rows();
  Matrix A = H;
  A.diagonal() += decay;
  if (!heavy_ball) return Matrix::Identity(p, p) + gamma * (rate.asDiagonal() * A);
  Matrix m(2 * p, 2 * p);
  m << Matrix::Identity(p, p), -gamma * Matrix::Identity(p, p), gamma * A,
      (1 + gamma * friction) * Matrix::Identity(p, p);
  return m;
}

}  // namespace

TEST_CASE("Every Newton matrix solves (I - gamma J) x = b as the dense matrix of J does") {
  RandomStream stream(6, "test");
  int indefinite = 0, counted = 0, solved = 0;
  std::set<std::string> blocks;  // models whose Newton matrix has blocks
  for (Problem& problem : problems(stream)) {
    const Index p = problem.loss.dimension();
    if (const BlockStructure* structure = problem.loss.map().curvature_blocks())
      blocks.insert(problem.name.substr(0, problem.name.find(',')) + " " +
                    std::to_string(structure->largest()));
    for (const std::string setting :
         {"no decay", "decay", "rates and decays by parameter", "heavy ball"}) {
      const bool heavy_ball = setting == "heavy ball";
      DecayAndRate terms;
      if (setting == "decay") terms.decay[0] = 0.7;
      if (setting == "rates and decays by parameter") {
        terms.decay = random_vector(p, stream).cwiseAbs();
        terms.rate = random_vector(p, stream).cwiseAbs().array() + 0.1;
      }
      if (heavy_ball) terms.decay[0] = 0.2;
      const double friction = 0.8;
      const Vector decay =
          terms.decay.size() == 1 ? Vector::Constant(p, terms.decay[0]) : terms.decay;
      const Vector rate = terms.rate.size() == 1 ? Vector::Constant(p, terms.rate[0]) : terms.rate;
      std::unique_ptr<System> system;
      if (heavy_ball)
        system = std::make_unique<HeavyBallFlow>(problem.loss, terms.decay, friction);
      else
        system = std::make_unique<GradientFlow>(problem.loss, terms);
      const Index size = system->dimension();

      for (const NewtonOffer& offer : system->newton_offers()) {
        const LinearKind kind = offer.kind;
        const auto newton = system->newton_matrix(kind);
        CHECK(newton->exact() == offer.exact);
        CHECK(newton->cost().set_up_flops() == offer.cost.set_up_flops());
        // Two points, so that nothing of the first is left; gammas up and down, so that nothing of
        // the last factorisation is.
        for (int point = 0; point < 2; ++point) {
          const Vector y = random_vector(size, stream);
          const Vector w = y.head(p);
          problem.loss.linearise(w);
          const Matrix H = columns(
              p, [&](const Vector& v, VectorRef out) { problem.loss.hessian_times(v, out); });
          const Matrix gauss_newton = columns(
              p, [&](const Vector& v, VectorRef out) { problem.loss.gauss_newton_times(v, out); });
          newton->linearise(0, y);
          for (const double gamma : {1.0, 1e9, 1e-6, 1e-2, 1e3, 1e9}) {
            INFO(problem.name << ", " << setting << ", " << newton->name() << ", gamma = " << gamma
                              << ", point " << point);
            const Matrix exact = newton_from(H, decay, rate, friction, heavy_ball, gamma);
            if (gamma < 1e4) {
              const Matrix J = columns(size, [&](const Vector& v, VectorRef out) {
                system->jacobian_times(0, y, v, out);
              });
              CHECK(relative_error(Matrix::Identity(size, size) - gamma * J, exact) < 1e-12);
            }
            // The symmetric matrix whose inertia counts: I - gamma J in the flow's metric.
            const Matrix in_metric =
                Matrix(rate.cwiseInverse().asDiagonal()) + gamma * (H + Matrix(decay.asDiagonal()));
            const Vector eigenvalues =
                Eigen::SelfAdjointEigenSolver<Matrix>(in_metric).eigenvalues();
            const bool definite = eigenvalues.minCoeff() > 0;
            indefinite += definite ? 0 : 1;

            REQUIRE(newton->factorise(gamma));
            const auto negative = newton->negative_eigenvalues();
            CHECK(negative.has_value() == offer.counts_inertia);
            // The sign of an eigenvalue below the rounding of the largest is a matter of luck.
            if (negative &&
                eigenvalues.cwiseAbs().minCoeff() > 1e-11 * eigenvalues.cwiseAbs().maxCoeff()) {
              CHECK(*negative == (eigenvalues.array() < 0).count());
              ++counted;
            }

            const bool full = kind == LinearKind::krylov ? definite : newton->exact();
            // Krylov goes over to the Gauss-Newton part where it meets negative curvature, which
            // a right-hand side may or may not lead it to.
            if (kind == LinearKind::krylov && !definite) continue;
            const Matrix A =
                full ? exact : newton_from(gauss_newton, decay, rate, friction, heavy_ball, gamma);
            const Vector b = random_vector(size, stream);
            Vector x = b;
            const double tolerance = 1e-9 * b.norm();
            REQUIRE(newton->solve(x, tolerance));
            const Vector reference = Eigen::FullPivLU<Matrix>(A).solve(b);
            const Vector sigma = Eigen::JacobiSVD<Matrix>(A).singularValues();
            const double condition = sigma[0] / sigma[sigma.size() - 1];
            // Forming H leaves an error of eps |A| in A, which moves x by eps cond(A) |x|. Solving
            // through the residuals subtracts from b what it is in the stiff directions: eps |b|,
            // which in Newton's iteration is a contraction of eps |A|. Heavy ball divides by gamma
            // once more. 1000 for the number of terms.
            const double eps = std::numeric_limits<double>::epsilon();
            double bound = 1000 * eps * (condition * reference.norm() + rate.maxCoeff() * b.norm());
            if (heavy_ball) bound += 1000 * eps * b.norm() * (1 + gamma) * (1 + 1 / gamma);
            if (kind == LinearKind::krylov)
              bound += 10 * tolerance * rate.maxCoeff() * (heavy_ball ? 1 + 1 / gamma : 1.0);
            CHECK((x - reference).norm() <= bound);
            ++solved;
          }
        }
      }
    }
  }
  CHECK(blocks == std::set<std::string>{"diagonal 1", "diagonal 2", "two layers 4"});
  // The sweep would be worth little if it met only convex points.
  CHECK(indefinite > 100);
  CHECK(counted > 100);
  CHECK(solved > 500);
}

TEST_CASE("At predictions the outputs' curvature is that of the residuals a step leaves") {
  RandomStream stream(7, "test");
  int compared = 0;
  for (Problem& problem : problems(stream)) {
    Loss& loss = problem.loss;
    const Index p = loss.dimension();
    DecayAndRate uniform, by_parameter;
    uniform.decay[0] = 0.3;
    by_parameter.decay = random_vector(p, stream).cwiseAbs();
    by_parameter.rate = random_vector(p, stream).cwiseAbs().array() + 0.1;
    for (const DecayAndRate& terms : {uniform, by_parameter}) {
      const Vector decay =
          terms.decay.size() == 1 ? Vector::Constant(p, terms.decay[0]) : terms.decay;
      const Vector rate = terms.rate.size() == 1 ? Vector::Constant(p, terms.rate[0]) : terms.rate;
      GradientFlow flow(loss, terms);
      for (const LinearKind kind :
           {LinearKind::structured, LinearKind::dense, LinearKind::krylov}) {
        if (find_offer(flow.newton_offers(), kind) == nullptr) continue;
        const auto newton = flow.newton_matrix(kind);
        newton->linearise_at_predictions();
        const Vector w = random_vector(p, stream);
        newton->linearise(0, w);
        Vector slope(p);
        loss.gradient(w, slope);
        slope += decay.cwiseProduct(w);
        const Matrix gauss_newton =
            columns(p, [&](const Vector& v, VectorRef out) { loss.gauss_newton_times(v, out); });
        for (const double gamma : {1e-2, 10.0, 1e3}) {
          INFO(problem.name << ", " << newton->name() << ", gamma = " << gamma);
          // From their definition, by LU.
          Matrix symmetric = gamma * gauss_newton;
          symmetric.diagonal() += rate.cwiseInverse() + gamma * decay;
          const Vector step = Eigen::FullPivLU<Matrix>(symmetric).solve(gamma * slope);
          Vector moved(loss.outputs()), taken(loss.outputs());
          loss.map().jacobian_times(step, moved);
          loss.output_loss().hessian_times(loss.last_outputs(), moved, taken);
          const Vector left = loss.last_output_gradient() - taken;
          symmetric += gamma * columns(p, [&](const Vector& v, VectorRef out) {
                         loss.map().curvature_times(left, v, out);
                       });
          const Vector eigenvalues = Eigen::SelfAdjointEigenSolver<Matrix>(symmetric).eigenvalues();
          if (kind == LinearKind::krylov && !(eigenvalues.minCoeff() > 0)) continue;
          const double condition =
              eigenvalues.cwiseAbs().maxCoeff() / eigenvalues.cwiseAbs().minCoeff();
          const Vector b = random_vector(p, stream);
          const Vector reference = Eigen::FullPivLU<Matrix>(symmetric).solve(b.cwiseQuotient(rate));
          Vector x = b;
          REQUIRE(newton->factorise(gamma));
          REQUIRE(newton->solve(x, 1e-10 * b.norm()));
          // Rounding by the condition, twice: of the step, and of the solve. With blocks the step
          // is found to a thousandth.
          const bool blocks = dynamic_cast<const GaussNewtonBlocks*>(&loss.map()) != nullptr;
          const double share = kind == LinearKind::krylov && blocks ? 1e-3 : 1e-8;
          CHECK((x - reference).norm() <=
                (share + 1e-13 * condition) * condition * reference.norm());
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("Newton matrices at a point without any gradient are the identity plus the decay") {
  // w = 0 is a saddle of every product: J = 0, and curvature alone remains.
  const auto model = make_model("matrix_completion", {{"rows", std::int64_t{3}},
                                                      {"columns", std::int64_t{3}},
                                                      {"rank", std::int64_t{1}},
                                                      {"true_rank", std::int64_t{1}}});
  GradientFlow flow(loss_of(*model), {});
  for (const NewtonOffer& offer : flow.newton_offers()) {
    const auto newton = flow.newton_matrix(offer.kind);
    INFO(newton->name());
    newton->linearise(0, Vector::Zero(6));
    REQUIRE(newton->factorise(1e-3));
    Vector x = Vector::Ones(6);
    REQUIRE(newton->solve(x, 1e-10));
    CHECK(x.allFinite());
    // |gamma H| is at most 1e-3 times twice the target's norm.
    CHECK((x - Vector::Ones(6)).norm() < 0.1);
  }
}

TEST_CASE("The automatic choice follows the shape: residuals against parameters, and memory") {
  const auto choice = [](const std::string& name, const Settings& settings) {
    std::string reason;
    const auto model = make_model(name, settings);
    const LinearKind kind = automatic_kind(GradientFlow(loss_of(*model), {}), reason);
    CHECK_FALSE(reason.empty());
    return kind;
  };
  const auto size = [](std::int64_t n) { return ParameterValue(n); };
  CHECK(choice("linear_regression", {{"samples", size(5)}, {"dimension", size(300)}}) ==
        LinearKind::gauss_newton);
  CHECK(choice("linear_regression", {{"samples", size(300)}, {"dimension", size(5)}}) ==
        LinearKind::dense);
  // p = 12000 and 45000 residuals: neither matrix fits in the 2 GB that matrices may have.
  CHECK(choice("matrix_completion",
               {{"rows", size(300)}, {"columns", size(300)}, {"rank", size(20)}}) ==
        LinearKind::krylov);
}
