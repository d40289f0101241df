#include <cstdlib>

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)

namespace {
thread_local bool counting = false;
thread_local long calls = 0;

/// Above this many bytes Eigen's products and factorisations take their work space from the heap
/// instead of the stack: from about 200 x 200 on. What is ours does not depend on it.
constexpr std::size_t eigen_stack_limit = 128 * 1024;

bool counts(std::size_t size) {
  return counting && size <= eigen_stack_limit;
}
}  // namespace

// Every allocation of the program passes here: operator new, Eigen and C alike call these.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  calls += counts(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  calls += counts(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  calls += counts(size);
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  calls += counts(size);
  return __libc_memalign(alignment, size);
}
}

namespace {

template <class F>
long allocations(F&& call) {
  calls = 0;
  counting = true;
  call();
  counting = false;
  return calls;
}

struct Case {
  std::string model;
  Settings parameters;
  double weight_decay = 1e-3;
  std::string kind = "gradient";
};

}  // namespace

TEST_CASE("Right-hand side, Newton set-up and solve allocate nothing after the first step") {
  REQUIRE(allocations([] { free(std::malloc(8)); }) == 1);  // the counter counts
  const std::vector<Case> cases = {
      {"linear_regression", {{"samples", std::int64_t{8}}, {"dimension", std::int64_t{5}}}},
      {"diagonal_linear_network", {}},
      {"matrix_completion", {}},
      {"two_layer_network", {{"width", std::int64_t{10}}, {"activation", std::string("tanh")}}},
      {"multilayer_perceptron", {}},
      {"deep_linear_network", {}},
      {"matrix_sensing", {}},
      {"modular_addition", {{"modulus", std::int64_t{5}}, {"width", std::int64_t{6}}}},
      {"linear_regression", {}, 1e-3, "heavy_ball"},
      {"diagonal_linear_network", {}, 0, "riemannian"},
      {"separable_classification", {}, 0, "mirror"},
      {"single_index_mean_field", {{"width", std::int64_t{50}}}, 0},
      {"single_index_network", {{"width", std::int64_t{10}}, {"dimension", std::int64_t{8}}}, 0},
      {"single_index_network",
       {{"width", std::int64_t{10}}, {"dimension", std::int64_t{8}}, {"samples", std::int64_t{30}}},
       0},
      {"single_index_overlaps", {{"width", std::int64_t{10}}, {"dimension", std::int64_t{8}}}, 0},
  };
  for (const Case& c : cases) {
    const auto model = make_model(c.model, c.parameters);
    FlowSettings flow;
    flow.weight_decay = c.weight_decay;
    flow.kind = c.kind;
    const Vector start = model->initial_state(flow);
    const auto system = model->system(flow);
    Vector y = start, slope(y.size()), product(y.size()), b(y.size());
    const auto evaluate = [&] {
      system->rhs(0, y, slope);
      system->jacobian_times(0, y, slope, product);
    };
    evaluate();
    y *= 1.01;
    CAPTURE(c.model);
    CHECK(allocations(evaluate) == 0);
    std::vector<std::pair<LinearKind, bool>> matrices;
    for (const NewtonOffer& offer : system->newton_offers())
      for (const bool predictions : {false, true}) matrices.emplace_back(offer.kind, predictions);
    for (const auto& [kind, predictions] : matrices) {
      const bool krylov = kind == LinearKind::krylov;
      const auto newton = system->newton_matrix(kind);
      if (predictions) newton->linearise_at_predictions();
      // Krylov's preconditioner takes work space of Eigen's QR and SVD: its solves alone.
      if (krylov) newton->linearise(0, y);
      const auto step = [&] {
        if (!krylov) newton->linearise(0, y);
        newton->factorise(1e-2);
        b.setOnes();
        newton->solve(b, 1e-8);
      };
      step();
      y *= 1.01;
      CAPTURE(linear_kind_name(kind), predictions);
      CHECK(allocations(step) == 0);
    }
  }
}

#endif
