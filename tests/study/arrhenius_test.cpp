#include "study/arrhenius.hpp"

#include <cmath>

#include "study/config.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

const std::string chain =
    "[model]\nname = \"deep_linear_network\"\ndepth = 3\nwidth = 1\n"
    "target_singular_values = [0.8]\ninitial_scale = 0\n";

/// A finished study of two decays, three temperatures and four seeds, of which `end` and `stopped`
/// tell by decay, temperature and seed; the last seed's run of the first temperature failed.
struct Study {
  Scratch scratch;
  Config config = Config::load(
      scratch.write("study.toml",
                    chain +
                        "[flow]\nkind = \"langevin\"\n[time]\nend = 100\nstop_train_loss = 0.2\n"
                        "[study]\n\"flow.weight_decay\" = [0.1, 0.2]\n"
                        "\"flow.temperature\" = [0.1, 0.2, 0.4]\nseed = { count = 4 }\n"
                        "[measure]\narrhenius = true\n"),
      {});
  Dataset data;

  template <class End, class Stopped>
  Study(End end, Stopped stopped) {
    data.add_coordinate("weight_decay", std::vector<double>{0.1, 0.2});
    data.add_coordinate("temperature", std::vector<double>{0.1, 0.2, 0.4});
    data.add_coordinate("seed", std::vector<std::int64_t>{0, 1, 2, 3});
    std::vector<std::int32_t> status;
    std::vector<std::int64_t> early;
    std::vector<double> times;
    for (int d = 0; d < 2; ++d)
      for (int t = 0; t < 3; ++t)
        for (int s = 0; s < 4; ++s) {
          const bool failed = t == 0 && s == 3;
          status.push_back(failed ? 3 : 0);
          early.push_back(failed || stopped(d, t, s) ? 1 : 0);
          times.push_back(failed ? 1e9 : end(d, t, s));
        }
    const std::vector<std::string> all{"weight_decay", "temperature", "seed"};
    data.add({"status", all, status, {}});
    data.add({"stopped_early", all, early, {}});
    data.add({"end_time", all, times, {}});
  }
  const std::vector<double>& values(const std::string& name) const {
    return data.values<double>(name);
  }
};

double temperature(int t) {
  return 0.1 * std::pow(2, t);
}

}  // namespace

TEST_CASE("Times that follow Arrhenius's law give its barrier and prefactor, for each other axis") {
  // exp(b/T)/p with b = 0.5 and 0.7, p = 2 and 3, on average over the seeds.
  const auto law = [](int d, int t) {
    return std::exp((d == 0 ? 0.5 : 0.7) / temperature(t)) / (d == 0 ? 2 : 3);
  };
  Study study([&](int d, int t, int s) { return law(d, t) * (s == 0   ? 0.5
                                                             : s == 1 ? 1.5
                                                                      : 1); },
              [](int, int, int) { return true; });
  CHECK(add_arrhenius(study.config.head(), study.data).empty());
  CHECK(study.data.values<std::int64_t>("escapes") == std::vector<std::int64_t>{3, 4, 4, 3, 4, 4});
  const Variable* time = study.data.find("escape_time");
  CHECK(time->dimensions == std::vector<std::string>{"weight_decay", "temperature"});
  CHECK(study.data.find("arrhenius_barrier")->dimensions ==
        std::vector<std::string>{"weight_decay"});
  for (int d = 0; d < 2; ++d) {
    for (int t = 0; t < 3; ++t) {
      const auto cell = static_cast<std::size_t>(3 * d + t);
      CHECK(study.values("escape_time")[cell] == Approx(law(d, t)));
      CHECK(study.values("escape_time_error")[cell] ==
            Approx(law(d, t) / std::sqrt(t == 0 ? 3.0 : 4.0)));
    }
    const auto k = static_cast<std::size_t>(d);
    CHECK(study.values("arrhenius_barrier")[k] == Approx(d == 0 ? 0.5 : 0.7));
    CHECK(study.values("arrhenius_prefactor")[k] == Approx(d == 0 ? 2 : 3));
    // 1/sqrt(sum of escapes (1/T - mean)^2), 1/T = 10, 5, 2.5 and their mean 60/11.
    const double spread = 3 * std::pow(10 - 60.0 / 11, 2) + 4 * std::pow(5 - 60.0 / 11, 2) +
                          4 * std::pow(2.5 - 60.0 / 11, 2);
    CHECK(study.values("arrhenius_barrier_error")[k] == Approx(1 / std::sqrt(spread)));
    CHECK(study.values("arrhenius_prefactor_error")[k] ==
          Approx((d == 0 ? 2 : 3) * std::sqrt(1.0 / 11 + std::pow(60.0 / 11, 2) / spread)));
  }
}

TEST_CASE("A run that has not escaped counts with its time") {
  // One of four escapes at the temperatures 0.2 and 0.4, after 10, the others run to 100.
  Study study([](int, int, int s) { return s == 0 ? 10.0 : 100.0; },
              [](int, int t, int s) { return s == 0 && t > 0; });
  CHECK(add_arrhenius(study.config.head(), study.data).empty());
  CHECK(study.data.values<std::int64_t>("escapes") == std::vector<std::int64_t>{0, 1, 1, 0, 1, 1});
  CHECK(std::isnan(study.values("escape_time")[0]));
  CHECK(study.values("escape_time")[1] == 310);
  CHECK(study.values("escape_time_error")[1] == 310);
  // Equal times: no barrier, within the error of two temperatures with an escape each.
  CHECK(std::abs(study.values("arrhenius_barrier")[0]) < 1e-12);
  CHECK(study.values("arrhenius_barrier_error")[0] == Approx(std::sqrt(2) / 2.5));
}

TEST_CASE("Without escapes at two temperatures there is no barrier, and the result says so") {
  Study study([](int, int, int) { return 100.0; }, [](int d, int, int) { return d == 1; });
  const std::vector<std::string> warnings = add_arrhenius(study.config.head(), study.data);
  const std::string comment = "NaN: fewer than two temperatures > 0 have escapes in 1 of 2 fits";
  CHECK(warnings == std::vector<std::string>{"arrhenius_barrier is " + comment});
  CHECK(std::isnan(study.values("arrhenius_barrier")[0]));
  CHECK_FALSE(std::isnan(study.values("arrhenius_barrier")[1]));
  const auto& attributes = study.data.find("arrhenius_prefactor")->attributes;
  CHECK(std::get<std::string>(find_attribute(attributes, "comment")->value) == comment);
}

/// Ersoy and Wiesner's chain of three weights at s = 0.8, lambda = 0.25: from p = 0 over the saddle
/// u of (s - u^3) u = lambda, V(u) - V(0) = 0.012737 high; Kramers' rate is 2/(2 pi) sqrt(lambda
/// |mu|) exp(-barrier/T), mu = 3 u^4 - lambda, for the four saddles of both signs.
TEST_CASE("Langevin noise takes a chain of three weights out of 0 at Kramers' rate") {
  const Scratch scratch;
  scratch.write("escape.toml", chain +
                                   "[flow]\nkind = \"langevin\"\nstep = 0.1\nweight_decay = 0.25\n"
                                   "[time]\nend = 1e5\nsamples = 1\nstop_train_loss = 0.18\n"
                                   "[study]\n\"flow.temperature\" = [0.0025, 0.003, 0.004, 0.005]\n"
                                   "seed = { count = 400 }\n[measure]\narrhenius = true\n");
  call_ok({"run", "escape.toml", "--out", "r", "--jobs", "2", "--quiet"}, scratch.path);
  const Dataset data = read_netcdf(scratch / "r" / "result.nc");
  CHECK(data.values<std::int64_t>("escapes") == std::vector<std::int64_t>(4, 400));
  const double s = 0.8, lambda = 0.25;
  double u = 0.3;
  for (int k = 0; k < 50; ++k) u = lambda / (s - u * u * u);
  const double p = u * u * u,
               barrier = 0.5 * (s - p) * (s - p) + 1.5 * lambda * u * u - 0.5 * s * s;
  CHECK(barrier == Approx(0.012737).epsilon(1e-4));
  // Barrier and |mu| by continuation: the branch comes back from its fold to the saddle at 0.25.
  scratch.write("branch.toml",
                "[model]\nname = \"deep_linear_network\"\ndepth = 3\nwidth = 1\n"
                "target_singular_values = [0.8]\ninitial_law = \"aligned\"\ninitial_scale = 1\n"
                "[continuation]\nrange = [0.25, 0.5]\nstarts = [\"flow\", \"zero\"]\n");
  call_ok({"run", "branch.toml", "--out", "branch"}, scratch.path);
  const Dataset branch = read_netcdf(scratch / "branch" / "result.nc");
  double top = 0, bottom = 0, rate = 0;
  for (std::size_t k = 0; k < branch.values<double>("weight_decay").size(); ++k) {
    if (branch.values<double>("weight_decay")[k] != lambda) continue;
    const double loss = branch.values<double>("regularised_loss")[k];
    if (branch.values<double>("norm")[k] == 0) bottom = loss;
    if (branch.values<std::int64_t>("unstable_modes")[k] != 1) continue;
    top = loss;
    rate = branch.values<double>("lowest_eigenvalue")[k];
  }
  CHECK(top - bottom == Approx(barrier).epsilon(1e-9));
  CHECK(data.values<double>("arrhenius_barrier").front() == Approx(barrier).epsilon(0.1));
  const double mu = 3 * u * p - lambda;
  CHECK(rate == Approx(mu).epsilon(1e-9));
  for (const auto& [index, T] : {std::pair{0, 0.0025}, std::pair{1, 0.003}}) {
    const double kramers = M_PI / std::sqrt(lambda * std::abs(mu)) * std::exp(barrier / T);
    CHECK(data.values<double>("escape_time")[static_cast<std::size_t>(index)] ==
          Approx(kramers).epsilon(0.3));
  }
}
