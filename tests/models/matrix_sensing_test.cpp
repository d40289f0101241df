#include "models/matrix_sensing.hpp"

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("All derivatives of matrix sensing agree with finite differences") {
  RandomStream stream(1, "sensing");
  for (const bool symmetric : {false, true}) {
    const Index rows = 4, columns = symmetric ? 4 : 3;
    auto operators = std::make_shared<Matrix>(5, rows * columns);
    stream.fill_normal(*operators);
    const auto map = make_matrix_sensing_map(operators, rows, columns, 2, symmetric);
    for (int point = 0; point < 2; ++point) {
      const Vector w = random_vector(map->parameters(), stream).normalized();
      check_output_map(*map, w, stream);
      Loss loss(map->clone(), std::make_shared<SquaredLoss>(1.0, random_vector(5, stream)));
      check_loss(loss, w, stream);
    }
  }
}

TEST_CASE("Measurements are inner products with the matrix") {
  RandomStream stream(2, "inner");
  for (const bool symmetric : {false, true}) {
    const Index rows = 3, columns = 3, rank = 2;
    auto operators = std::make_shared<Matrix>(4, rows * columns);
    stream.fill_normal(*operators);
    const auto map = make_matrix_sensing_map(operators, rows, columns, rank, symmetric);
    const Vector w = random_vector(map->parameters(), stream);
    Vector f(4);
    map->evaluate(w, f);
    for (Index s = 0; s < 4; ++s) {
      double sum = 0;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j)
          for (Index r = 0; r < rank; ++r)
            sum += (*operators)(s, i + j * rows) * w[i * rank + r] *
                   w[(symmetric ? 0 : rows * rank) + j * rank + r];
      CHECK(f[s] == Approx(sum).epsilon(1e-12));
    }
  }
}

TEST_CASE("U^T U - V^T V decays as exp(-2 lambda t) in matrix sensing") {
  const auto model = make_model("matrix_sensing", {{"rows", std::int64_t{5}},
                                                   {"columns", std::int64_t{4}},
                                                   {"rank", std::int64_t{3}},
                                                   {"measurements", std::int64_t{10}}});
  FlowSettings flow;
  flow.weight_decay = 0.1;
  SolverSettings settings;
  settings.rtol = 1e-9;
  const Run run = run_model(*model, flow, settings, {0, 1, 5});
  const auto& invariant = run.observables.at("invariant");
  for (std::size_t k = 1; k < run.times.size(); ++k)
    CHECK((invariant[k] - std::exp(-0.2 * run.times[k]) * invariant[0]).norm() <=
          1e-6 * invariant[0].norm());
}

TEST_CASE(
    "The slow phase of symmetric sensing finds a rank-one matrix from half its entries' number") {
  const auto model = make_model("matrix_sensing", {{"rows", std::int64_t{8}},
                                                   {"rank", std::int64_t{8}},
                                                   {"measurements", std::int64_t{28}},
                                                   {"symmetric", true}});
  FlowSettings flow;
  flow.weight_decay = 1e-3;
  SolverSettings settings;
  settings.rtol = 1e-6;
  const Run run = run_model(*model, flow, settings, {0, 10, 1e4});
  const auto& error = run.observables.at("test_error");
  // Interpolation alone leaves an error of the size of the start; the least nuclear norm is right.
  CHECK(error[1][0] > 0.05);
  CHECK(error[2][0] < 1e-4);
}
