#include <cmath>
#include <cstring>

#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("A sweep over a number of the model makes the model anew at each value") {
  const Scratch scratch;
  scratch.write("noise.toml", R"([model]
name = "deep_linear_network"
target_singular_values = [0.9]
width = 2
[flow]
weight_decay = 0.1
[sweep]
key = "model.noise_variance"
values = [0, 0.1, 0.2]
direction = "up"
)");
  call_ok({"run", "noise.toml", "--out", "result"}, scratch.path);
  const Dataset data = read_netcdf(scratch / "result" / "result.nc");
  CHECK_FALSE(fs::exists(scratch / "result" / "parts"));
  REQUIRE(data.find_dimension("noise_variance") != nullptr);
  CHECK(data.values<double>("noise_variance") == std::vector<double>{0, 0.1, 0.2});
  const auto& norm = data.values<double>("norm");
  CHECK(norm[0] > norm[1]);
  CHECK(norm[1] > norm[2]);
}

TEST_CASE("Branches through the binary: a fold, a Maxwell point, and the lines that say so") {
  const Scratch scratch;
  scratch.write("branches.toml", R"([model]
name = "deep_linear_network"
target_singular_values = [0.8]
width = 1
initial_law = "aligned"
initial_scale = 1
[continuation]
range = [0.05, 0.5]
)");
  const Finished run = call_ok({"run", "branches.toml", "--out", "result"}, scratch.path);
  CHECK(run.err.find("fold at 0.350882") != std::string::npos);
  const Dataset data = read_netcdf(scratch / "result" / "result.nc");
  CHECK(data.values<double>("maxwell_weight_decay").front() ==
        Approx(std::pow(0.4, 4.0 / 3)).epsilon(1e-8));
  CHECK(data.values<std::int32_t>("special_kind")[1] == 1);
  CHECK(data.shape(*data.find("train_loss")).size() == 2);
}

TEST_CASE(
    "Samples move the transitions of arXiv 2606.17120's network, for each seed to its place") {
  const Scratch scratch;
  call_ok(
      {"run", (fs::path(GRADFLOW_SOURCE) / "examples" / "transitions" / "sampled.toml").string(),
       "--out", "result"},
      scratch.path);
  const Dataset data = read_netcdf(scratch / "result" / "result.nc");
  const auto &rank = data.values<double>("rank"), &decays = data.values<double>("weight_decay");
  const double expected[4][2] = {{0.39, 0.42}, {0.34, 0.40}, {0.33, 0.42}, {0.33, 0.43}};
  REQUIRE(rank.size() == 4 * decays.size());
  for (std::size_t seed = 0; seed < 4; ++seed)
    for (const int below : {2, 1}) {
      std::size_t first = 0;
      while (first < decays.size() && rank[seed * decays.size() + first] >= below) ++first;
      CAPTURE(seed, below);
      REQUIRE(first < decays.size());
      CHECK(decays[first] == Approx(expected[seed][below == 2 ? 0 : 1]).epsilon(1e-9));
    }
}

TEST_CASE("Scalar curvature along a sweep, and what it jumps by at a transition") {
  const Scratch scratch;
  const auto swept = [&](const std::string& model, const std::string& sweep) {
    scratch.write("curvature.toml",
                  "[model]\nname = \"deep_linear_network\"\n"
                  "initial_law = \"aligned\"\ninitial_scale = 1\n" +
                      model + "[sweep]\ndirection = \"up\"\n" + sweep +
                      "[output]\nobservables = [\"scalar_curvature\"]\n");
    call_ok({"run", "curvature.toml", "--out", "result", "--overwrite"}, scratch.path);
    return read_netcdf(scratch / "result" / "result.nc");
  };
  // By an independent script, to its digits; the trivial phase is flat.
  const Dataset two = swept("target_singular_values = [0.9, 0.8]\nwidth = 4\n",
                            "values = [0.01, 0.349, 0.352, 0.409, 0.412]\n");
  const double expected[] = {67.807, 2.1235, -0.1494, -1.8617, 0};
  for (std::size_t k = 0; k < 5; ++k) {
    CAPTURE(k);
    CHECK(two.values<double>("scalar_curvature")[k] ==
          Approx(expected[k]).epsilon(1e-5).margin(1e-4));
  }
  // Width 1 at its spinodal, p = s/4: R = 6 lambda / W^2 (2q - lambda - 2 lambda^2 u^2 / W^2 (3q -
  // 2 lambda)), q = u^4, W^2 = 1 + 3 lambda^2 u^2; beyond it is 0. In a bracket of 1e-9 p is within
  // 3e-5 of s/4.
  const Dataset one = swept("target_singular_values = [0.8]\nwidth = 1\n",
                            "values = [0.34, 0.36]\nrefine = 1e-9\n");
  const double u = std::cbrt(0.2), q = std::pow(u, 4), lambda = 3 * std::pow(0.2, 4.0 / 3),
               w2 = 1 + 3 * lambda * lambda * u * u,
               r = 6 * lambda / w2 *
                   (2 * q - lambda - 2 * lambda * lambda * u * u / w2 * (3 * q - 2 * lambda));
  REQUIRE(one.values<std::int64_t>("transitions").front() == 1);
  CHECK(one.values<double>("transition_scalar_curvature_jump").front() == Approx(-r).margin(1e-3));
}
