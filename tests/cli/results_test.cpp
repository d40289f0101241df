#include <cmath>

#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

const std::string regression = "[model]\nname = \"linear_regression\"\n";

std::string attribute(const Dataset& data, const std::string& name) {
  const Attribute* found = find_attribute(data.attributes(), name);
  return found != nullptr ? std::get<std::string>(found->value) : "";
}

}  // namespace

TEST_CASE("A run without a grok time, or without its two limits, says why and has not failed") {
  const Scratch scratch;
  const auto message_of = [&](const std::string& config, const std::string& missing) {
    scratch.write("run.toml", config);
    const Finished run = call_ok({"run", "run.toml", "--out", "r", "--overwrite"}, scratch.path);
    const Dataset data = read_netcdf(scratch / "r" / "result.nc");
    CHECK(data.values<std::int32_t>("status")[0] == 0);
    CHECK(std::isnan(data.values<double>(missing)[0]));
    return std::pair(data.values<std::string>("message")[0], run.out);
  };
  // More samples than parameters, and noise.
  const auto noisy = message_of(regression +
                                    "samples = 30\ndimension = 4\nnoise_variance = 1.0\n[flow]\n"
                                    "weight_decay = 1e-3\n[time]\nend = 1e5\n",
                                "grok_time");
  CHECK(noisy.first ==
        "no grok_time: the training error does not fall to measure.fit_threshold = 0.001 of its "
        "start");
  // One coefficient is not both 1 and 2.
  scratch.write("x.csv", "1\n1\n");
  scratch.write("y.csv", "1\n2\n");
  const auto unfit = message_of(
      "[model]\nname = \"diagonal_linear_network\"\ninputs = \"x.csv\"\ntargets = \"y.csv\"\n"
      "[flow]\nweight_decay = 1e-3\n[time]\nend = 1e4\n[measure]\ntwo_phases = true\n",
      "slow_error");
  CHECK(unfit.first ==
        "two-phase measurement: the limit of the flow without weight decay does not fit the data");
  CHECK(unfit.second.find("assumption broken") != std::string::npos);
}

TEST_CASE(
    "A result says when and by which command it was made, and names a paper for its own data") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  call_ok({"run", "run.toml", "--out", "a b", "--quiet"}, scratch.path);
  const Dataset data = read_netcdf(scratch / "a b" / "result.nc");
  CHECK(attribute(data, "command").ends_with(" run run.toml --out 'a b' --quiet"));
  CHECK(attribute(data, "created").size() == std::string("2025-01-01T00:00:00Z").size());
  CHECK(attribute(data, "paper").find("arXiv") != std::string::npos);
  scratch.write("x.csv", "1;2\n3;4\n5;7\n");
  scratch.write("own.toml", regression + "inputs = \"x.csv\"\n[time]\nend = 1\nsamples = 4\n");
  call_ok({"run", "own.toml", "--out", "own"}, scratch.path);
  const Dataset own = read_netcdf(scratch / "own" / "result.nc");
  CHECK(find_attribute(own.attributes(), "paper") == nullptr);
  CHECK(own.values<double>("input") == std::vector<double>{1, 2, 3, 4, 5, 7});
  CHECK(own.values<double>("target").size() == 3);
}

TEST_CASE("A data file that is no float64 is converted, and that is said once") {
  const Scratch scratch;
  const Finished saved = python(
      "import numpy as np\n"
      "np.save('x.npy', np.arange(6).reshape(3, 2))\n",
      scratch.path);
  REQUIRE(saved.code == 0);
  scratch.write("run.toml", regression + "inputs = \"x.npy\"\n[time]\nend = 1\nsamples = 4\n" +
                                "[study]\nseed = [0, 1]\n");
  const Finished run = call_ok({"run", "run.toml", "--out", "r"}, scratch.path);
  CHECK(run.err.find("x.npy: its int64 entries are taken as float64\n") != std::string::npos);
  CHECK(run.err.find("int64") == run.err.rfind("int64"));
}

TEST_CASE("xarray has the times of a study in slow time as a coordinate, and no units of 1") {
  const Scratch scratch;
  scratch.write("study.toml",
                regression +
                    "[flow]\nweight_decay = 1e-3\n[time]\nvariable = \"slow\"\nend = 1\n"
                    "first = 1e-4\nsamples = 8\n[study]\n"
                    "\"flow.weight_decay\" = { log = [1e-4, 1e-2, 3] }\n");
  call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  const Finished looked = python(R"(
import xarray
d = xarray.open_dataset('s/result.nc')
assert 'time' in d.coords and d.time.dims == ('weight_decay', 'sample'), d
assert all(v.attrs.get('units') != '1' for v in d.variables.values())
assert float(d.sel(weight_decay=1e-3).time[-1]) == 1000, d.time
)",
                                 scratch.path);
  INFO(looked.err);
  CHECK(looked.code == 0);
}

TEST_CASE("Lists are values of an axis, and a point of a study is a start") {
  const Scratch scratch;
  const std::string perceptron = "[model]\nname = \"multilayer_perceptron\"\n";
  const std::string rest = "[time]\nend = 1\nsamples = 3\n";
  scratch.write("study.toml",
                perceptron + rest +
                    "[study]\n\"model.widths\" = [[3, 4, 1], [3, 5, 1], [3, 2, 2, 1]]\n"
                    "\"flow.weight_decay\" = [1e-3, 1e-2]\n");
  call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  const Dataset study = read_netcdf(scratch / "s" / "result.nc");
  CHECK(study.values<std::string>("widths") ==
        std::vector<std::string>{"[3, 4, 1]", "[3, 5, 1]", "[3, 2, 2, 1]"});
  const auto started = [&](const std::string& widths, const std::string& choice) {
    scratch.write("run.toml",
                  perceptron + "widths = " + widths + "\ninitial = \"s" + choice + "\"\n" + rest);
    return call({"run", "run.toml", "--out", "r", "--overwrite"}, scratch.path);
  };
  // 3 x 2 + 2 + 2 x 2 + 2 + 2 + 1 = 17 parameters; the longest state of the study has 26.
  REQUIRE(started("[3, 2, 2, 1]", "[widths=[3, 2, 2, 1], weight_decay=0.01]").code == 0);
  const Dataset run = read_netcdf(scratch / "r" / "result.nc");
  const auto& ends = study.values<double>("final_state");
  double norm = 0;
  for (std::size_t k = 0; k < 17; ++k) norm += ends[5 * 26 + k] * ends[5 * 26 + k];
  CHECK(run.values<double>("norm")[0] == Approx(std::sqrt(norm)).epsilon(1e-14));
  check_one_line(started("[3, 2, 2, 1]", "[weight_decay=0.01]"), "is a study over widths");
  check_one_line(started("[3, 2, 2, 1]", ""),
                 "is a study over widths, weight_decay: expected a point of it, as in "
                 "s[widths=..., weight_decay=...]");
  check_one_line(started("[3, 5, 1]", "[widths=[3, 5, 1], weight_decay=0.1]"),
                 "has no weight_decay = \"0.1\"");
  check_one_line(started("[3, 5, 1]", "[widths=[3, 5, 1], weight_decya=0.01]"), "weight_decay");
}

TEST_CASE("A text that stands several times in a zip has its name at each place") {
  const Scratch scratch;
  scratch.write("zip.toml",
                "[model]\nname = \"diagonal_linear_network\"\nsamples = 3\ndimension = 4\n"
                "[time]\nend = 1\nsamples = 3\n[study.zip.pair]\n"
                "\"model.parametrisation\" = [\"product\", \"difference\", \"product\"]\n"
                "\"flow.weight_decay\" = [0.1, 0.1, 0.2]\n");
  call_ok({"run", "zip.toml", "--out", "s"}, scratch.path);
  CHECK(read_netcdf(scratch / "s" / "result.nc").values<std::string>("parametrisation") ==
        std::vector<std::string>{"product", "difference", "product"});
}

TEST_CASE("init_seed draws other starts on the same data, data_seed other data at the same start") {
  const Scratch scratch;
  // What tells the start, and what the data, of each model.
  const std::vector<std::vector<std::string>> models{{"linear_regression", "norm", "target"},
                                                     {"diagonal_linear_network", "norm", "target"},
                                                     {"two_layer_network", "norm", "target"},
                                                     {"multilayer_perceptron", "norm", "target"},
                                                     {"matrix_completion", "norm", "target"}};
  for (const auto& model : models) {
    INFO(model[0]);
    scratch.write("run.toml",
                  "[model]\nname = \"" + model[0] + "\"\n[time]\nend = 0.1\nsamples = 2\n");
    const auto run = [&](const std::vector<std::string>& seeds) {
      std::vector<std::string> words{"run", "run.toml", "--out", "r", "--overwrite"};
      for (const std::string& seed : seeds) {
        words.emplace_back("--set");
        words.push_back(seed);
      }
      call_ok(words, scratch.path);
      const Dataset data = read_netcdf(scratch / "r" / "result.nc");
      return std::pair(data.values<double>(model[1])[0], data.values<double>(model[2]));
    };
    const auto plain = run({});
    CHECK(run({"seed=0", "data_seed=0", "init_seed=0"}) == plain);
    const auto other_start = run({"init_seed=7"});
    CHECK(other_start.first != plain.first);
    CHECK(other_start.second == plain.second);
    const auto other_data = run({"data_seed=7"});
    CHECK(other_data.first == plain.first);
    CHECK(other_data.second != plain.second);
    CHECK(run({"seed=7", "data_seed=0"}) == run({"init_seed=7"}));
    CHECK(run({"seed=7"}) == run({"data_seed=7", "init_seed=7"}));
  }
  scratch.write("mirror.toml", "init_seed = 1\n[model]\nname = \"separable_classification\"\n");
  check_one_line(call({"check", "mirror.toml"}, scratch.path),
                 "mirror.toml:1:1: init_seed: is given, but this model draws no start");
}
