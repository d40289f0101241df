#include "models/perceptron_data.hpp"

#include <cmath>

#include "models/registry.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

Parameters perceptron(const Settings& settings) {
  Parameters parameters(find_model("multilayer_perceptron")->parameters);
  for (const auto& [key, value] : settings) parameters.set(key, value);
  return parameters;
}

const Activation tanh_activation(Activation::Kind::tanh);

}  // namespace

TEST_CASE("Clusters are Gaussian around centres of their own, their targets unit vectors") {
  Parameters p = perceptron({{"teacher", std::string("clusters")},
                             {"samples", std::int64_t{3000}},
                             {"test_samples", std::int64_t{30}},
                             {"cluster_spread", 0.2}});
  const PerceptronData squared = read_perceptron_data(p, 4, 5, 3, tanh_activation, false);
  REQUIRE(squared.inputs.rows() == 3000);
  REQUIRE(squared.targets.cols() == 3000);
  const PerceptronData classes = read_perceptron_data(p, 4, 5, 3, tanh_activation, true);
  CHECK(classes.inputs == squared.inputs);
  Matrix centres = Matrix::Zero(3, 5), squares = Matrix::Zero(3, 5);
  for (Index i = 0; i < 3000; ++i) {
    const Index c = i % 3;
    CHECK(squared.targets.col(i) == Vector::Unit(3, c));
    CHECK(classes.labels[static_cast<std::size_t>(i)] == c);
    centres.row(c) += squared.inputs.row(i) / 1000;
  }
  for (Index i = 0; i < 3000; ++i)
    squares.row(i % 3) += (squared.inputs.row(i) - centres.row(i % 3)).cwiseAbs2() / 1000;
  // A variance of 0.04, up to 4 standard errors sqrt(2/1000).
  CHECK((squares.array() - 0.04).abs().maxCoeff() < 4 * 0.04 * std::sqrt(2.0 / 1000));
  CHECK((centres.row(0) - centres.row(1)).norm() > 1);
  // The test set is of the same clusters.
  for (Index i = 0; i < 30; ++i) {
    Index nearest = 0;
    (centres.rowwise() - squared.test_inputs.row(i)).rowwise().norm().minCoeff(&nearest);
    CHECK(nearest == i % 3);
    CHECK(classes.test_labels[static_cast<std::size_t>(i)] == i % 3);
  }
}

TEST_CASE("Classes are picked from labels in the order given, the first samples of them") {
  Parameters p = perceptron(
      {{"loss", std::string("cross_entropy")}, {"classes", std::vector<std::int64_t>{9, 7}}});
  const Matrix inputs = Vector::LinSpaced(6, 0, 5);
  p.set_file("inputs", "x.npy", inputs);
  p.set_file("labels", "l.npy", Vector{{7, 8, 9, 9, 1, 7}});
  PerceptronData data = read_perceptron_data(p, 0, 1, 2, tanh_activation, true);
  CHECK(data.inputs == Vector{{0, 2, 3, 5}});
  CHECK(data.labels == std::vector<Index>{1, 0, 0, 1});
  CHECK(p.integer("samples") == 4);
  CHECK(data.test_inputs.rows() == 0);
  CHECK(data.targets_or_classes(2).row(0) == Vector{{0, 1, 1, 0}}.transpose());

  p.set("samples", std::int64_t{3});
  p.set("test_samples", std::int64_t{1});
  p.set_file("test_inputs", "t.npy", -inputs);
  p.set_file("test_labels", "m.npy", Vector{{0, 9, 7, 7, 7, 7}});
  data = read_perceptron_data(p, 0, 1, 2, tanh_activation, true);
  CHECK(data.inputs == Vector{{0, 2, 3}});
  CHECK(data.labels == std::vector<Index>{1, 0, 0});
  CHECK(data.test_inputs == Vector{{-1}});
  CHECK(data.test_labels == std::vector<Index>{0});
}

TEST_CASE("Without classes labels count from 0, and the inputs fix the number of samples") {
  Parameters p = perceptron({{"loss", std::string("cross_entropy")}});
  p.set_file("inputs", "x.npy", Vector::LinSpaced(3, 0, 2));
  p.set_file("labels", "l.npy", Vector{{1, 0, 1}});
  const PerceptronData data = read_perceptron_data(p, 0, 1, 2, tanh_activation, true);
  CHECK(data.labels == std::vector<Index>{1, 0, 1});
  CHECK(p.integer("samples") == 3);
  p.set("samples", std::int64_t{2});
  CHECK_THROWS_WITH(read_perceptron_data(p, 0, 1, 2, tanh_activation, true),
                    "is 2, but model.inputs fixes it at 3");
}

TEST_CASE("Half-normal weights are the Gaussian ones without their signs, but for the last layer") {
  const Settings shape{{"widths", std::vector<std::int64_t>{3, 4, 5, 2}}};
  Settings half = shape;
  half.emplace_back("initial_law", std::string("half_normal"));
  const Vector w = make_model("multilayer_perceptron", shape)->initial_state({});
  const Vector positive = make_model("multilayer_perceptron", half)->initial_state({});
  // W_1 and b_1, W_2 and b_2, then W_3 and b_3.
  const Index last = 3 * 4 + 4 + 4 * 5 + 5;
  CHECK(positive.head(last) == w.head(last).cwiseAbs());
  CHECK(positive.tail(12) == w.tail(12));
  CHECK(w.minCoeff() < 0);
  CHECK(positive.tail(12).minCoeff() < 0);
}

TEST_CASE("One width takes the place of all hidden ones") {
  const auto listed =
      make_model("multilayer_perceptron", {{"widths", std::vector<std::int64_t>{3, 7, 7, 2}}});
  const auto named =
      make_model("multilayer_perceptron",
                 {{"widths", std::vector<std::int64_t>{3, 4, 5, 2}}, {"width", std::int64_t{7}}});
  CHECK(named->initial_state({}) == listed->initial_state({}));
}

TEST_CASE("Starts of another init_seed are on the same data") {
  const Settings shape{{"widths", std::vector<std::int64_t>{3, 4, 2}}};
  Settings other = shape;
  other.emplace_back("init_seed", std::int64_t{5});
  const Vector first = make_model("multilayer_perceptron", shape)->initial_state({});
  CHECK(make_model("multilayer_perceptron", other)->initial_state({}) != first);
  Parameters p = perceptron(shape), q = perceptron(other);
  CHECK(read_perceptron_data(p, 0, 3, 2, tanh_activation, false).targets ==
        read_perceptron_data(q, 0, 3, 2, tanh_activation, false).targets);
}

TEST_CASE("A teacher has as many hidden layers as it is told") {
  Parameters shallow = perceptron({{"samples", std::int64_t{20}}});
  Parameters deep = perceptron({{"samples", std::int64_t{20}}, {"teacher_depth", std::int64_t{2}}});
  const PerceptronData one = read_perceptron_data(shallow, 1, 3, 2, tanh_activation, false);
  const PerceptronData two = read_perceptron_data(deep, 1, 3, 2, tanh_activation, false);
  CHECK(one.inputs == two.inputs);
  CHECK(one.targets != two.targets);
  CHECK(two.targets.allFinite());
}
