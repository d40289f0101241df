#include "models/modular_addition.hpp"
#include "models/modular_addition_map.hpp"

#include "tests/finite_differences.hpp"
#include "tests/run_model.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

using Pairs = std::vector<std::pair<Index, Index>>;

std::shared_ptr<Pairs> some_pairs() {
  return std::make_shared<Pairs>(
      Pairs{{0, 0}, {0, 3}, {1, 1}, {1, 3}, {2, 4}, {3, 0}, {4, 4}, {4, 3}});
}

}  // namespace

TEST_CASE("The modular-addition network equals V (W x)^2 with one-hot inputs") {
  RandomStream stream(1, "one hot");
  const Index p = 5, width = 7;
  const auto pairs = some_pairs();
  const auto map = make_modular_addition_map(p, width, pairs);
  const Vector w = random_vector(3 * p * width, stream);
  Vector f(map->outputs());
  map->evaluate(w, f);
  const Eigen::Map<const RowMatrix> W(w.data(), width, 2 * p),
      V(w.data() + 2 * p * width, p, width);
  for (std::size_t i = 0; i < pairs->size(); ++i) {
    Vector x = Vector::Zero(2 * p);
    x[(*pairs)[i].first] = 1;
    x[p + (*pairs)[i].second] = 1;
    const Vector expected = V * (W * x).cwiseAbs2();
    CHECK((f.segment(static_cast<Index>(i) * p, p) - expected).norm() <= 1e-13 * expected.norm());
  }
}

TEST_CASE("All derivatives of the modular-addition network agree with finite differences") {
  RandomStream stream(2, "modular");
  const Index p = 5, width = 7;
  const auto pairs = some_pairs();
  const auto map = make_modular_addition_map(p, width, pairs);
  for (int point = 0; point < 2; ++point) {
    const Vector w = random_vector(3 * p * width, stream).normalized();
    check_output_map(*map, w, stream);
    Loss loss(map->clone(),
              std::make_shared<SquaredLoss>(0.1, random_vector(map->outputs(), stream)));
    check_loss(loss, w, stream);
  }
  Vector f(map->outputs()), weight(map->parameters());
  map->evaluate(random_vector(map->parameters(), stream), f);
  weight.setConstant(0.5);
  weight.tail(p * width).setConstant(3);
  Matrix jt(map->parameters(), map->outputs()), k(map->outputs(), map->outputs());
  map->transposed_jacobian(jt);
  map->gram(weight, k);
  CHECK(relative_error(k, jt.transpose() * weight.asDiagonal() * jt) <= 1e-13);
}

TEST_CASE("Training and test pairs share out the table, and a solution by hand is right on both") {
  // cos^2 sums: h_j = cos(2 pi k a/p + phi) + cos(2 pi k b/p + phi) squared holds
  // cos(2 pi k (a + b)/p + 2 phi), which over phases and frequencies adds up to the one-hot target.
  const Index p = 5, phases = 8, frequencies = 2, width = phases * frequencies;
  Matrix W(width, 2 * p), V(p, width);
  for (Index k = 1; k <= frequencies; ++k)
    for (Index j = 0; j < phases; ++j) {
      const Index h = (k - 1) * phases + j;
      const double phi = 2 * M_PI * static_cast<double>(j) / static_cast<double>(phases);
      for (Index a = 0; a < p; ++a) {
        W(h, a) = W(h, p + a) = std::cos(2 * M_PI * static_cast<double>(k * a) / p + phi);
        V(a, h) = std::cos(2 * M_PI * static_cast<double>(k * a) / p + 2 * phi);
      }
    }
  Matrix initial(3 * p * width, 1);
  for (Index h = 0; h < width; ++h)
    for (Index a = 0; a < 2 * p; ++a) initial(h * 2 * p + a) = W(h, a);
  for (Index a = 0; a < p; ++a)
    for (Index h = 0; h < width; ++h) initial(2 * p * width + a * width + h) = V(a, h);
  const ModelInfo info = modular_addition();
  Parameters parameters(info.parameters);
  parameters.set("modulus", std::int64_t{p});
  parameters.set("train_fraction", 0.6);
  parameters.set_file("initial", "by hand", initial);
  const auto model = info.make(parameters, 3);
  CHECK(parameters.integer("width") == width);
  FlowSettings flow;
  const Vector start = model->initial_state(flow);
  for (const Observable& observable : model->observables(flow)) {
    if (observable.name != "train_accuracy" && observable.name != "test_accuracy") continue;
    double value = 0;
    observable.evaluate({0, start, 1}, &value);
    CHECK(value == 1);
  }
  CHECK(loss_of(*model).outputs() == 15 * p);
}

TEST_CASE("A small modular addition is learnt by heart by its gradient flow") {
  const auto model =
      make_model("modular_addition", {{"modulus", std::int64_t{5}}, {"width", std::int64_t{24}}});
  SolverSettings settings;
  settings.rtol = 1e-6;
  const Run run = run_model(*model, {}, settings, {0, 10, 100, 1000});
  CHECK(run.last("train_accuracy") == 1);
  // 17 pairs, 5 outputs: 85 equations for 360 weights.
  CHECK(run.last("train_error") < 1e-4);
}
