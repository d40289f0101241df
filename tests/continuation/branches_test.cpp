#include "continuation/branches.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "continuation/branch_cubic.hpp"
#include "continuation/settle.hpp"
#include "io/data_file.hpp"
#include "tests/continuation/deep_linear_theory.hpp"
#include "tests/finite_differences.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// Branches of a model from its flow's rest at `start`, or from zero.
struct Search {
  std::unique_ptr<Model> model;
  std::unique_ptr<System> undecayed;
  StationaryProblem problem;
  Branches branches;

  Search(std::unique_ptr<Model> of, double low, double high, double start, bool from_zero = false,
         double max_step = 0.25)
      : model(std::move(of)), undecayed(model->system(decay(0))), problem(*undecayed, 1e-6) {
    BranchSearchSettings settings;
    settings.branch.low = low;
    settings.branch.high = high;
    settings.branch.max_step = max_step;
    settings.branch.step = std::min(0.02, max_step);
    const SettleAt settle_at = [&](double lambda, const Vector& from) -> std::optional<Vector> {
      const auto system = model->system(decay(lambda));
      const Settled rest = settle(*system, {}, from);
      if (rest.rest == Rest::not_settled) return std::nullopt;
      return rest.state;
    };
    Vector state = model->initial_state({});
    if (from_zero)
      state.setZero();
    else
      state = settle_at(start, state).value();
    branches = find_branches(problem, settings, {state}, start, settle_at);
  }

  static FlowSettings decay(double lambda) {
    FlowSettings flow;
    flow.weight_decay = lambda;
    return flow;
  }

  std::vector<double> specials(SpecialKind kind) const {
    std::vector<double> all;
    for (const FoundBranch& found : branches.all)
      for (const SpecialPoint& special : found.branch.specials)
        if (special.kind == kind) all.push_back(found.branch.points[special.point].lambda);
    std::sort(all.begin(), all.end());
    return all;
  }
};

std::unique_ptr<Model> deep_linear(int depth, const std::vector<double>& target, int width) {
  return make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                            {"width", std::int64_t{width}},
                                            {"target_singular_values", target},
                                            {"initial_law", std::string("aligned")},
                                            {"initial_scale", 1.0}});
}

}  // namespace

TEST_CASE(
    "Branches of deep linear networks: strengths, folds and Maxwell points are the closed "
    "form's") {
  struct Case {
    int depth;
    std::vector<double> target;
    int width;
  };
  for (const Case& c : {Case{3, {0.9, 0.8}, 10}, Case{3, {0.9, 0.8}, 3}, Case{4, {1, 0.7, 0.4}, 4},
                        Case{5, {1, 0.7}, 3}}) {
    CAPTURE(c.depth, c.width);
    const Search search(deep_linear(c.depth, c.target, c.width), 0.02, 0.6, 0.02);
    std::vector<double> folds, maxwells, smallest;
    for (const double s : c.target) {
      folds.push_back(DeepLinearMode{c.depth, s}.spinodal());
      maxwells.push_back(DeepLinearMode{c.depth, s}.maxwell());
    }
    std::sort(folds.begin(), folds.end());
    std::sort(maxwells.begin(), maxwells.end());
    const std::vector<double> found = search.specials(SpecialKind::fold);
    REQUIRE(found.size() == folds.size());
    for (std::size_t i = 0; i < folds.size(); ++i)
      CHECK(found[i] == Approx(folds[i]).epsilon(1e-8));
    REQUIRE(search.branches.maxwells.size() == maxwells.size());
    for (std::size_t i = 0; i < maxwells.size(); ++i)
      CHECK(search.branches.maxwells[i].lambda == Approx(maxwells[i]).epsilon(1e-8));
    CHECK(search.specials(SpecialKind::branch_point).empty());
    CHECK_FALSE(search.branches.left);
    // One fold a branch; it comes back as a saddle of index 1; the trivial state has none.
    for (const FoundBranch& branch : search.branches.all) {
      const auto& points = branch.branch.points;
      if (points.front().w.norm() < 1e-6) continue;
      CHECK(points.front().unstable + points.back().unstable == 1);
      CHECK(std::count_if(branch.branch.specials.begin(), branch.branch.specials.end(),
                          [](const SpecialPoint& special) {
                            return special.kind == SpecialKind::fold;
                          }) == 1);
      const SlopeDefects defects = slope_defects(branch.branch);
      CHECK(defects.loss <= 1e-5);
      CHECK(defects.error <= 1e-5);
      for (const SpecialPoint& special : branch.branch.specials) {
        if (special.kind == SpecialKind::fold)
          CHECK(special.response_exponent == Approx(-0.5).margin(0.01));
        if (special.kind == SpecialKind::end) CHECK(points[special.point].lambda == 0.02);
        CHECK(special.kind != SpecialKind::lost);
      }
      CHECK(branch.branch.specials.front().kind == SpecialKind::end);
      CHECK(branch.branch.specials.back().kind == SpecialKind::end);
    }
  }
}

TEST_CASE("On a branch of a deep linear network every mode is at one of its two roots") {
  struct Case {
    int depth;
    std::vector<double> target;
    int width;
  };
  for (const Case& c : {Case{2, {0.9, 0.8}, 3}, Case{3, {0.9, 0.8}, 4}, Case{4, {1, 0.7, 0.4}, 4},
                        Case{5, {1, 0.7}, 3}}) {
    CAPTURE(c.depth);
    const Search search(deep_linear(c.depth, c.target, c.width), 0.02, c.depth == 2 ? 1.2 : 0.6,
                        0.02);
    const auto observables = search.model->observables({});
    const auto strengths =
        std::find_if(observables.begin(), observables.end(),
                     [](const Observable& o) { return o.name == "mode_strength"; });
    REQUIRE(strengths != observables.end());
    std::uint64_t serial = 1000;
    std::vector<double> values(c.target.size());
    for (const FoundBranch& found : search.branches.all)
      for (const BranchPoint& point : found.branch.points) {
        strengths->evaluate(State{0, point.w, ++serial}, values.data());
        for (std::size_t k = 0; k < values.size(); ++k) {
          const double s = c.target[k];
          CAPTURE(point.lambda, values[k], s);
          double off = std::abs(values[k]);
          if (c.depth == 2) {
            off = std::min(off, std::abs(values[k] - (s - point.lambda)));
          } else {
            const DeepLinearMode mode{c.depth, s};
            // At the fold itself the roots are a square root of lambda's rounding apart.
            if (std::abs(point.lambda - mode.spinodal()) < 1e-9) {
              CHECK(std::min(off, std::abs(values[k] - mode.spinodal_strength())) <= 1e-4);
              continue;
            }
            if (point.lambda < mode.spinodal())
              off = std::min({off, std::abs(values[k] - mode.strength(point.lambda, true)),
                              std::abs(values[k] - mode.strength(point.lambda, false))});
          }
          CHECK(off <= 1e-9);
        }
      }
  }
}

TEST_CASE("No step is so long that a branch of a deep linear network shows a branch point") {
  for (const int depth : {3, 4, 5})
    for (const int width : {3, 6})
      for (const double max_step : {0.02, 0.1, 0.5}) {
        CAPTURE(depth, width, max_step);
        const Search search(deep_linear(depth, {0.9, 0.8}, width), 0.05, 0.5, 0.05, false,
                            max_step);
        CHECK(search.specials(SpecialKind::branch_point).empty());
        CHECK(search.specials(SpecialKind::fold).size() == 2);
      }
}

TEST_CASE("With two layers modes end in pitchforks at lambda = s, and nothing folds") {
  const Search search(deep_linear(2, {0.9, 0.8}, 4), 0.05, 1.2, 0.05);
  CHECK(search.specials(SpecialKind::fold).empty());
  CHECK(search.branches.maxwells.empty());
  const std::vector<double> points = search.specials(SpecialKind::branch_point);
  REQUIRE(!points.empty());
  for (const double lambda : points)
    CHECK(std::min(std::abs(lambda - 0.9), std::abs(lambda - 0.8)) <= 1e-9);
  CHECK(points.front() == Approx(0.8));
  CHECK(points.back() == Approx(0.9));
  // Both modes, the first alone, the trivial state, the second alone.
  CHECK(search.branches.all.size() == 4);
}

TEST_CASE("Both folds cost less than 250 factorisations, whatever the width") {
  std::int64_t counts[2];
  for (const int width : {3, 10}) {
    Search search(deep_linear(3, {0.9, 0.8}, width), 0.05, 0.6, 0.05);
    counts[width == 10 ? 1 : 0] = search.problem.statistics().factorisations;
  }
  CHECK(counts[0] <= 250);
  CHECK(counts[1] <= 250);
  CHECK(static_cast<double>(counts[1]) == Approx(static_cast<double>(counts[0])).epsilon(0.1));
}

namespace {

/// Tanh neurons without biases on data given here: inputs (n, d), targets (n, outputs).
std::unique_ptr<Model> tanh_network(std::vector<std::int64_t> widths, const Matrix& inputs,
                                    const Matrix& targets) {
  const ModelInfo* info = find_model("multilayer_perceptron");
  REQUIRE(info != nullptr);
  Parameters parameters(info->parameters);
  parameters.set("widths", std::move(widths));
  parameters.set("bias", false);
  parameters.set_file("inputs", "inputs", inputs);
  parameters.set_file("targets", "targets", targets);
  return info->make(parameters, 0);
}

/// |w|^2 / (lambda_c - lambda) near the branch point that a branch began at.
double onset_slope(const FoundBranch& found, double critical) {
  for (const BranchPoint& point : found.branch.points)
    if (point.norm_squared() > 0 && std::abs(critical - point.lambda) > 1e-9)
      return point.norm_squared() / (critical - point.lambda);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

TEST_CASE(
    "A tanh network's trivial state ends at the norm of Sigma_yx, in branches of one and of two "
    "neurons") {
  // c_k = 1/2 <x^2> + <x^3 (x . y)-like cubic term> / (3k) in the paper's file: x in 8 equidistant
  // points, y = sin 1.2 x.
  const Vector x = Vector::LinSpaced(8, -1.7, 1.7);
  const Vector y = (1.2 * x).array().sin();
  const double critical = x.dot(y) / 8;
  const Search search(tanh_network({1, 2, 1}, x, y), 0.3, 1.0, 0.3, true);
  const std::vector<double> points = search.specials(SpecialKind::branch_point);
  REQUIRE(!points.empty());
  for (const double lambda : points) CHECK(lambda == Approx(critical).epsilon(1e-9));
  REQUIRE(search.branches.all.size() == 3);
  CHECK(search.branches.all[0].branch.specials[1].kernel == 2);
  std::vector<double> slopes;
  for (const std::size_t k : {1, 2})
    slopes.push_back(onset_slope(search.branches.all[k], critical));
  std::sort(slopes.begin(), slopes.end());
  const auto inverse_c = [&](int k) {
    const double cubic = x.array().cube().matrix().dot(y) / 8;
    return 1 / (0.5 * x.squaredNorm() / 8 + cubic / (3 * k));
  };
  CHECK(slopes[0] == Approx(inverse_c(1)).epsilon(0.01));
  CHECK(slopes[1] == Approx(inverse_c(2)).epsilon(0.01));
  // Only the one of all neurons is stable.
  for (const FoundBranch& found : search.branches.all) {
    if (found.origin != BranchOrigin::switched) continue;
    const bool both = onset_slope(found, critical) == Approx(slopes[1]);
    CHECK((found.branch.points[2].unstable == 0) == both);
  }
}

TEST_CASE("Where c_1 < 0 the onset is of first order: the branch goes up and folds back") {
  const Matrix x = Vector{{1.0, 2.0}}, y = Vector{{4.2, -2.0}};
  const Search search(tanh_network({1, 1, 1}, x, y), 0.02, 0.6, 0.02, true);
  const std::vector<double> points = search.specials(SpecialKind::branch_point);
  REQUIRE(!points.empty());
  for (const double lambda : points) CHECK(lambda == Approx(0.1).epsilon(1e-9));
  const std::vector<double> folds = search.specials(SpecialKind::fold);
  REQUIRE(folds.size() == 1);
  CHECK(folds[0] == Approx(0.41631584).epsilon(2e-8));
}

TEST_CASE("A tanh network with two hidden layers folds where its flow loses the branch") {
  const std::filesystem::path data =
      std::filesystem::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "data";
  const Search search(tanh_network({2, 12, 12, 2}, read_data_file(data / "inputs.csv"),
                                   read_data_file(data / "targets.csv")),
                      0.2, 0.7, 0.3);
  const std::vector<double> folds = search.specials(SpecialKind::fold);
  REQUIRE(!folds.empty());
  CHECK(folds.back() == Approx(0.57074608).epsilon(2e-8));
}

TEST_CASE(
    "A tanh network's branch that parts into groups of neurons folds after its flow left it") {
  const std::filesystem::path data =
      std::filesystem::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "data";
  const auto model = tanh_network({2, 12, 12, 2}, read_data_file(data / "inputs.csv"),
                                  read_data_file(data / "targets.csv"));
  const auto system = model->system(Search::decay(0.15));
  const Settled rest = settle(*system, {}, model->initial_state({}));
  REQUIRE(rest.rest == Rest::settled);
  CHECK(rest.state.squaredNorm() == Approx(4.877341).epsilon(2e-7));
  const auto undecayed = model->system(Search::decay(0));
  StationaryProblem problem(*undecayed, 1e-6);
  BranchSettings settings;
  settings.low = 0.15;
  settings.high = 0.3;
  const Branch branch =
      follow_branch(problem, settings, {branch_point_at(problem, rest.state, 0.15)});
  // Five eigenvalues vanish within 2e-6, at .196095 by six digits.
  std::vector<double> points, folds;
  Index vanishing = 0;
  for (const SpecialPoint& special : branch.specials) {
    const double lambda = branch.points[special.point].lambda;
    if (special.kind == SpecialKind::branch_point) {
      points.push_back(lambda);
      vanishing += special.kernel;
    }
    if (special.kind == SpecialKind::fold) {
      folds.push_back(lambda);
      CHECK(branch.points[special.point].unstable == 5);
    }
  }
  REQUIRE(!points.empty());
  CHECK(vanishing == 5);
  CHECK(points.back() - points.front() <= 2e-6);
  for (const double lambda : points) CHECK(lambda == Approx(0.196095).margin(2.5e-6));
  REQUIRE(folds.size() == 1);
  CHECK(folds[0] == Approx(0.20432274).epsilon(2e-8));
}

TEST_CASE("Of a kernel of twelve dimensions what is not claimed is said to be left") {
  const std::filesystem::path data =
      std::filesystem::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "data";
  const Search search(tanh_network({2, 12, 2}, read_data_file(data / "inputs.csv"),
                                   read_data_file(data / "targets.csv")),
                      1.1, 1.3, 1.1, true);
  // The trivial state, and branches of some of the twelve numbers of neurons that leave it.
  CHECK(search.branches.left);
  REQUIRE(search.branches.all.size() > 2);
  bool twelve = false;
  for (const SpecialPoint& special : search.branches.all[0].branch.specials)
    twelve = twelve || special.kernel == 12;
  CHECK(twelve);
  // None is there twice: |w|^2 of each has its own slope there.
  const auto& all = search.branches.all;
  for (std::size_t i = 1; i < all.size(); ++i)
    for (std::size_t j = 1; j < i; ++j) {
      CAPTURE(i, j);
      const double slope_i = onset_slope(all[i], 1.2), slope_j = onset_slope(all[j], 1.2);
      CHECK(std::isfinite(slope_i));
      CHECK_FALSE(slope_i == Approx(slope_j).epsilon(1e-4));
    }
}

TEST_CASE(
    "Noise moves the fold and the Maxwell point of one mode by kappa^(-1+2/L) along branches") {
  const double s = 0.8, variance = 0.5;
  for (const int depth : {3, 4, 5})
    for (const int width : {2, 4}) {
      CAPTURE(depth, width);
      const Search search(
          make_model("deep_linear_network", {{"depth", std::int64_t{depth}},
                                             {"width", std::int64_t{width}},
                                             {"target_singular_values", std::vector<double>{s}},
                                             {"noise_variance", variance},
                                             {"initial_law", std::string("aligned")},
                                             {"initial_scale", 1.0}}),
          0.05, 0.5, 0.05);
      const double kappa = std::pow(1 + variance / width, depth - 1),
                   shift = std::pow(kappa, -1 + 2.0 / depth);
      const DeepLinearMode mode{depth, s};
      const std::vector<double> folds = search.specials(SpecialKind::fold);
      REQUIRE(folds.size() == 1);
      CHECK(folds[0] == Approx(shift * mode.spinodal()).epsilon(1e-8));
      REQUIRE(search.branches.maxwells.size() == 1);
      CHECK(search.branches.maxwells[0].lambda == Approx(shift * mode.maxwell()).epsilon(1e-8));
    }
}
