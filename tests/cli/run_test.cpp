#include <algorithm>
#include <cmath>

#include "io/toml_document.hpp"
#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("What check prints runs to the same bits as the config it was made from") {
  const Scratch scratch;
  scratch.write("points.csv", "x\n-0.9\n-0.3\n0.1\n0.5\n0.8\n");
  scratch.write("x.csv", "1,2,3\n4,5,6\n");
  scratch.write("x4.csv", "1,2,3,1\n4,5,6,2\n0,1,0,1\n");
  scratch.write("y.csv", "1\n2\n");
  scratch.write("target.csv", "1,2,3\n2,4,6\n3,6,9\n1,1,1\n");
  scratch.write("mask.csv", "1,0,1\n1,1,1\n0,1,1\n1,1,0\n");
  const std::string short_time = "[time]\nend = 20\nsamples = 15\n";
  const std::vector<std::string> configs{
      linear + short_time,
      linear +
          "noise_variance = 0.1\n[flow]\nweight_decay = 0.1\n[time]\nvariable = \"slow\"\nend = 3\n"
          "spacing = \"linear\"\nsamples = 7\n[output]\nparameters = true\n",
      linear + "[time]\nend = 1e-5\nsamples = 5\n",  // before the default first sample
      "[model]\nname = \"linear_regression\"\ninputs = \"x.csv\"\ntargets = \"y.csv\"\n" +
          short_time,
      network + short_time,
      "[model]\nname = \"diagonal_linear_network\"\nfeatures = \"fourier\"\npoints = "
      "\"points.csv\"\n"
      "parametrisation = \"product\"\n" +
          short_time +
          "[output]\nobservables = [\"prediction\"]\nsnapshot_times = [3, 1]\n"
          "snapshot_observables = [\"effective_vector\", \"norm\"]\n",
      "[model]\nname = \"matrix_completion\"\ntarget = \"target.csv\"\nmask = \"mask.csv\"\nrank = "
      "2\n"
      "[flow]\nkind = \"gradient_descent\"\nstep = 0.01\nlearning_rates = [1, 0.5]\n" +
          short_time,
      "[model]\nname = \"matrix_completion\"\nrows = 4\ncolumns = 5\nrank = 2\ntrue_rank = 1\n"
      "[solver]\nmethod = \"rosenbrock4\"\nrtol = 1e-4\n[flow]\nkind = \"heavy_ball\"\n" +
          short_time,
      // Studies: sizes that files fix must not be written as if they had been given.
      "[model]\nname = \"linear_regression\"\n" + short_time +
          "[study]\n\"model.inputs\" = [\"x.csv\", \"x4.csv\"]\nseed = { count = 2 }\n",
      "[model]\nname = \"matrix_completion\"\ntarget = \"target.csv\"\nrank = 2\n" + short_time +
          "[study]\n\"flow.weight_decay\" = { log = [1e-3, 1, 4] }\n",
      "[model]\nname = \"diagonal_linear_network\"\nfeatures = \"fourier\"\n" + short_time +
          "[study]\n\"model.frequencies\" = [3, 25]\n",
      linear + "[time]\nsamples = 5\n[study]\n\"time.end\" = [1e-4, 1]\n",
      network + short_time +
          "[study]\n\"flow.kind\" = [\"gradient\", \"gradient_descent\"]\n\"flow.step\" = [0.01, "
          "0.02]\n",
      network + short_time +
          "[study]\n\"output.parameters\" = [true, false]\n"
          "\"solver.method\" = [\"cvode\", \"dopri5\"]\n",
  };
  int k = 0;
  for (const std::string& config : configs) {
    INFO(config);
    const std::string name = std::to_string(k++);
    scratch.write("given.toml", config);
    // The printed config names its files absolutely: it may lie anywhere.
    fs::create_directories(scratch / "elsewhere");
    const Finished check = call_ok({"check", "given.toml"}, scratch.path);
    scratch.write("elsewhere/resolved.toml", check.out);
    CHECK(call_ok({"check", "elsewhere/resolved.toml"}, scratch.path).out == check.out);
    call_ok({"run", "given.toml", "--out", "given" + name, "--quiet"}, scratch.path);
    call_ok({"run", "elsewhere/resolved.toml", "--out", "resolved" + name, "--quiet"},
            scratch.path);
    CHECK(differences(scratch / ("given" + name) / "result.nc",
                      scratch / ("resolved" + name) / "result.nc") == std::vector<std::string>{});
    // The result carries both configs, and the one as resolved runs too.
    const Dataset data = read_netcdf(scratch / ("given" + name) / "result.nc");
    CHECK(std::get<std::string>(find_attribute(data.attributes(), "config")->value) == config);
    // (Without the comments about its size that `check` begins with.)
    CHECK(std::get<std::string>(find_attribute(data.attributes(), "config_resolved")->value) ==
          check.out.substr(check.out.find("\n", check.out.rfind("\n# ") + 1) + 1));
  }
}

TEST_CASE("An override is the same as the key in the file, wherever it stood") {
  const Scratch scratch;
  scratch.write("a.toml", linear + "[flow]\nweight_decay = 0.5\n[time]\nend = 5\nsamples = 4\n");
  scratch.write("b.toml", linear + "[flow]\nweight_decay = 0.1\n[time]\nend = 7\nsamples = 4\n");
  const Finished a = call_ok(
      {"check", "a.toml", "--set", "flow.weight_decay=0.1", "--set", "time.end=7"}, scratch.path);
  CHECK(a.out == call_ok({"check", "b.toml"}, scratch.path).out);
  // A section that is not in the file, a text, a list, and an axis in both spellings.
  CHECK(call_ok({"check", "a.toml", "--set", "solver.method=\"dopri5\"", "--set",
                 "output.observables=[\"norm\"]"},
                scratch.path)
            .out.find("method = \"dopri5\"") != std::string::npos);
  for (const std::string key : {"study.flow.weight_decay", "study.\"flow.weight_decay\""})
    CHECK(call_ok({"check", "a.toml", "--set", key + "=[1, 2]"}, scratch.path)
              .out.find("\"flow.weight_decay\" = [1.0, 2.0]") != std::string::npos);
  // What was set is part of the config in the result.
  call_ok({"run", "a.toml", "--out", "r", "--set", "seed=9"}, scratch.path);
  const Dataset data = read_netcdf(scratch / "r" / "result.nc");
  const auto& text = std::get<std::string>(find_attribute(data.attributes(), "config")->value);
  CHECK(text.find("# --set seed=9\n") != std::string::npos);
}

TEST_CASE("xarray opens results without options or warnings: axes, times, types and meanings") {
  const Scratch scratch;
  scratch.write("study.toml", network + R"([flow]
weight_decay = 0.1
[time]
end = 30
samples = 12
[study]
"flow.weight_decay" = { log = [1e-2, 1, 3] }
seed = { count = 2 }
)");
  // Times differ from point to point in slow time, and where runs stop early.
  scratch.write("slow.toml", network + R"([time]
variable = "slow"
end = 3
samples = 6
[study]
"flow.weight_decay" = [0.0625, 0.5]
)");
  scratch.write("single.toml", network +
                                   "[flow]\nweight_decay = 0.1\n[time]\nend = 30\nsamples = 12\n"
                                   "[output]\nparameters = true\n");
  scratch.write("point.toml",
                network + "[flow]\nweight_decay = 1\n[time]\nend = 30\nsamples = 12\n");
  scratch.write("failing.toml", linear + R"([flow]
kind = "gradient_descent"
[time]
end = 1e4
samples = 12
[study]
"flow.step" = [1e-3, 1]
)");
  call_ok({"run", "study.toml", "--out", "study", "--jobs", "2"}, scratch.path);
  call_ok({"run", "slow.toml", "--out", "slow"}, scratch.path);
  call_ok({"run", "single.toml", "--out", "single"}, scratch.path);
  call_ok({"run", "point.toml", "--out", "point", "--set", "seed=1"}, scratch.path);
  CHECK(call({"run", "failing.toml", "--out", "failing"}, scratch.path).code == 1);
  const Finished result = python(R"(
import numpy as np, xarray as xr
d = xr.open_dataset('study/result.nc')
assert d.train_loss.dims == ('weight_decay', 'seed', 'time'), d.train_loss.dims
assert dict(d.sizes)['time'] == 13 and d.sizes['weight_decay'] == 3 and d.sizes['seed'] == 2
assert np.allclose(d.weight_decay, [1e-2, 1e-1, 1]) and list(d.seed.values) == [0, 1]
assert d.seed.dtype == np.int64 and d.weight_decay.dtype == np.float64
assert d.time.values[0] == 0 and d.time.values[-1] == 30 and np.all(np.diff(d.time) > 0)
ratio = d.time.values[2:] / d.time.values[1:-1]
assert np.allclose(ratio, ratio[0])
assert d.slow_time.dims == ('weight_decay', 'seed', 'time')
assert (abs(d.slow_time - d.time * d.weight_decay) <= 1e-12 * d.slow_time).all()
assert d.status.dtype == np.int32 and (d.status == 0).all() and d.steps.dtype == np.int64
assert (d.steps > 0).all() and (d.wall_seconds > 0).all() and d.wall_seconds.dtype == np.float64
meanings = d.status.attrs['flag_meanings'].split()
assert len(meanings) == len(d.status.attrs['flag_values']) and meanings[0] == 'ok'
assert len(d.warning.attrs['flag_meanings'].split()) == len(d.warning.attrs['flag_masks'])
for name, v in d.variables.items():
    assert 'long_name' in v.attrs, name
    assert v.attrs.get('units') != '1', name
    if v.dtype.kind == 'i': assert '_FillValue' not in v.encoding, name
assert d.wall_seconds.attrs['units'] == 's'
for key in ['config', 'config_resolved', 'gradflow_version', 'gradflow_commit', 'build_flags',
            'sundials_version', 'eigen_version', 'netcdf_version']:
    assert key in d.attrs, key
# F may rise for the sake of the decay term, but not back to where it began
assert (d.train_loss.isel(time=-1) < d.train_loss.isel(time=0)).all()

point = xr.open_dataset('point/result.nc')  # weight_decay 1, seed 1
whole = d.isel(weight_decay=2, seed=1)
for name, v in point.data_vars.items():
    assert v.dims == whole[name].dims and v.dtype == whole[name].dtype, (name, v, whole[name])
    assert name == 'wall_seconds' or v.variable.equals(whole[name].variable), name
assert str(point.solver_method.values) == 'rodas (RODAS5P)'

d = xr.open_dataset('slow/result.nc')
assert d.train_loss.dims == ('weight_decay', 'sample') and d.time.dims == ('weight_decay', 'sample'), d
assert np.allclose(d.time.values[:, -1], 3 / d.weight_decay.values), d.time.values
assert np.allclose(d.slow_time.values[0], d.slow_time.values[1]), d.slow_time.values
assert list(d.sample.values) == list(range(7)) and d.sample.dtype.kind == 'i'

d = xr.open_dataset('single/result.nc')
assert d.train_loss.dims == ('time',) and d.status.shape == ()
assert d.parameters.dims == ('time', 'parameter') and d.sizes['parameter'] == 24
assert np.allclose((d.parameters ** 2).sum('parameter') ** .5, d.norm)
assert np.array_equal(d.parameters.isel(time=-1), d.final_state)
# three lines: open, select, plot
import matplotlib; matplotlib.use('Agg')
d.train_loss.plot(x='time', xscale='log', yscale='log')

d = xr.open_dataset('failing/result.nc')
assert list(d.status.values) == [0, 3]
assert np.isfinite(d.train_loss.isel(step=0)).all()
lost = np.isnan(d.train_loss.isel(step=1).values)
assert not lost[0] and lost[-1] and np.all(np.diff(lost.astype(int)) >= 0)
assert 'flow.step' in str(d.message.values[1])
# the state at end_time, which is later than the last sample
assert np.linalg.norm(d.final_state.isel(step=1)) > np.nanmax(d.norm.isel(step=1))
assert np.isfinite(d.final_state).all() and d.end_time[1] > d.time[1][~lost].max()
)",
                                 scratch.path);
  INFO(result.out << result.err);
  CHECK(result.code == 0);
  CHECK(result.err.empty());
}

TEST_CASE("A run starts from the end of an earlier one, and both together are one run") {
  const Scratch scratch;
  const std::string tight = "[solver]\nrtol = 1e-10\natol = 1e-13\n";
  scratch.write("first.toml", network + tight + "[time]\nend = 5\nsamples = 5\n");
  scratch.write("whole.toml", network + tight + "[time]\nend = 12\nsamples = 5\n");
  call_ok({"run", "first.toml", "--out", "first"}, scratch.path);
  call_ok({"run", "whole.toml", "--out", "whole"}, scratch.path);
  scratch.write("second.toml",
                network + "initial = \"first\"\n" + tight + "[time]\nend = 7\nsamples = 5\n");
  call_ok({"run", "second.toml", "--out", "second"}, scratch.path);
  const auto first = read_netcdf(scratch / "first" / "result.nc").values<double>("final_state");
  const auto second = read_netcdf(scratch / "second" / "result.nc").values<double>("final_state");
  const auto whole = read_netcdf(scratch / "whole" / "result.nc").values<double>("final_state");
  REQUIRE(second.size() == whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(std::abs(second[i] - whole[i]) < 1e-7);  // 1e3 times the tolerance
  const Dataset continued = read_netcdf(scratch / "second" / "result.nc");
  const Dataset start = read_netcdf(scratch / "first" / "result.nc");
  CHECK(continued.values<double>("norm").front() == start.values<double>("norm").back());
  // The state is read, not the folder's name: with other contents it is another config.
  const Finished refused = call(
      {"run", "second.toml", "--out", "second", "--resume", "--set", "model.initial=\"whole\""},
      scratch.path);
  CHECK(refused.code == 2);

  // What cannot be started from says so.
  scratch.write("study.toml", network + "[time]\nend = 1\nsamples = 2\n[study]\nseed = [0, 1]\n");
  call_ok({"run", "study.toml", "--out", "study"}, scratch.path);
  scratch.write("failed.toml",
                network + "[solver]\nmax_steps = 3\n[time]\nend = 10\nsamples = 2\n");
  CHECK(call({"run", "failed.toml", "--out", "failed"}, scratch.path).code == 1);
  scratch.write("other.toml", linear + "[time]\nend = 1\nsamples = 2\n");
  call_ok({"run", "other.toml", "--out", "other"}, scratch.path);
  for (const std::string folder : {"study", "failed", "other"}) {
    const Finished bad =
        call({"run", "second.toml", "--out", "third", "--set", "model.initial=\"" + folder + "\""},
             scratch.path);
    INFO(folder << ": " << bad.err);
    CHECK(bad.code == 2);
    CHECK(bad.err.find("model.initial") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(scratch / "third"));
}

TEST_CASE("verify writes the observed error of every observable, which is of the tolerance") {
  const Scratch scratch;
  const std::string base =
      network + "[flow]\nweight_decay = 1e-2\n[time]\nend = 300\nsamples = 30\n";
  const Dataset plain = result_of(scratch, base);
  const Dataset data = result_of(scratch, base + "[solver]\nverify = true\n");
  CHECK(code(data, "status") == 0);
  for (const std::string name :
       {"train_loss", "norm", "gradient_norm", "train_error", "test_error", "l1_norm"}) {
    INFO(name);
    CHECK(bits(*data.find(name)) == bits(*plain.find(name)));
    const auto& error = data.values<double>(name + "_observed_error");
    const auto& values = data.values<double>(name);
    REQUIRE(error.size() == values.size());
    CHECK(error.front() == 0);
    CHECK(*std::max_element(error.begin(), error.end()) > 0);
    // rtol = 1e-8 in each of some 300 steps, and gradients up to ten times the state.
    for (std::size_t k = 0; k < error.size(); ++k)
      CHECK(error[k] < 1e-4 * (1 + std::abs(values[k])));
  }
  // The error is that of the looser run: it falls with the tolerance.
  const Dataset loose =
      result_of(scratch, base + "[solver]\nverify = true\nrtol = 1e-4\natol = 1e-6\n");
  const auto worst = [](const Dataset& d) {
    const auto& e = d.values<double>("norm_observed_error");
    return *std::max_element(e.begin(), e.end());
  };
  CHECK(worst(loose) > 10 * worst(data));

  // An early stop happens at slightly different times; that is no error of the run.
  const Dataset stopped =
      result_of(scratch, network +
                             "[flow]\nweight_decay = 1e-2\n[time]\nend = 300\n"
                             "samples = 30\nstop_train_loss = 1e-3\n[solver]\nverify = true\n");
  CHECK(code(stopped, "status") == 0);
  CHECK(std::isnan(stopped.values<double>("norm_observed_error").back()));

  // Where the tolerances are far too coarse for what happens, the run is marked.
  scratch.write("coarse.toml", network +
                                   "[flow]\nweight_decay = 1e-2\n[time]\nend = 300\nsamples = 30\n"
                                   "[solver]\nverify = true\nrtol = 0.1\natol = 0.5\n");
  const Finished coarse = call({"run", "coarse.toml", "--out", "coarse"}, scratch.path);
  INFO(coarse.err);
  CHECK(coarse.code == 1);
  const Dataset marked = read_netcdf(scratch / "coarse" / "result.nc");
  CHECK(code(marked, "status") == 8);
}

TEST_CASE("Messages go to stderr, the path of the result to stdout, and quiet is quiet") {
  const Scratch scratch;
  scratch.write("run.toml", linear + "[time]\nend = 1\nsamples = 2\n");
  const Finished result = call_ok({"run", "run.toml", "--out", "a folder"}, scratch.path);
  CHECK(last_line(result.out) == "a folder/result.nc");
  CHECK(result.err.empty());
  scratch.write("bad.toml", linear + "[solver]\nmax_steps = 1\n[time]\nend = 1\nsamples = 2\n");
  const Finished failed = call({"run", "bad.toml", "--out", "b", "--quiet"}, scratch.path);
  CHECK(failed.code == 1);
  CHECK(std::count(failed.err.begin(), failed.err.end(), '\n') <= 1);
  CHECK(call({"--version"}, scratch.path).out.find("sundials") != std::string::npos);
  for (const std::string model :
       {"linear_regression", "diagonal_linear_network", "matrix_completion"}) {
    CHECK(call_ok({"models"}, scratch.path).out.find(model) != std::string::npos);
    const Finished about = call_ok({"models", model}, scratch.path);
    for (const std::string word : {"equations", "paper", "initial", "train_loss", "default"})
      CHECK(about.out.find(word) != std::string::npos);
  }
}

TEST_CASE("check --derivatives compares the model's derivatives in a table and runs nothing") {
  const Scratch scratch;
  scratch.write("run.toml", linear + "[time]\nend = 1\n");
  const Finished check = call_ok({"check", "run.toml", "--derivatives"}, scratch.path);
  CHECK(check.err.empty());
  for (const char* word :
       {"initial state", "random point", "grad F . v, differences of F", "hess F v, differences"})
    CHECK(check.out.find(word) != std::string::npos);
  CHECK(check.out.find("  off\n") == std::string::npos);
  // Beside other options, and refused for the same reasons as a run.
  call_ok({"check", "run.toml", "--derivatives", "--set", "flow.weight_decay=0.1"}, scratch.path);
  CHECK(
      call({"check", "run.toml", "--derivatives", "--set", "model.samples=0"}, scratch.path).code ==
      2);
}

TEST_CASE("plot of a run that failed at once says nothing, also without a home to write to") {
  const Scratch scratch;
  scratch.write("run.toml", network + "[time]\nend = 1\n[solver]\nmax_steps = 1\n");
  CHECK(call({"run", "run.toml", "--out", "r", "--quiet"}, scratch.path).code == 1);
  const Finished plot = run_program(
      "/usr/bin/env", {"HOME=/proc/self/none", GRADFLOW_BINARY, "plot", "r"}, scratch.path);
  CHECK(plot.code == 0);
  CHECK(plot.out == "r/figure.png\n");
  CHECK(plot.err.empty());
}

TEST_CASE("A perceptron learns classes of IDX files, and its layers are in the result") {
  const Scratch scratch;
  // Six images of two by two bytes, labels 3, 5, 7.
  const auto file = [&](const std::string& name, const std::string& header,
                        const std::vector<int>& bytes) {
    std::string text = header;
    for (const int byte : bytes) text += static_cast<char>(byte);
    scratch.write(name, text);
  };
  file("images.idx3-ubyte", std::string("\0\0\x08\x03\0\0\0\x06\0\0\0\x02\0\0\0\x02", 16),
       {255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 255, 51, 0, 0, 0, 255, 51, 0, 0, 0, 255, 51});
  file("labels.idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\x06", 8), {3, 5, 7, 3, 5, 7});
  const std::string config = R"([model]
name = "multilayer_perceptron"
widths = [4, 5, 3, 2]
bias = false
loss = "cross_entropy"
inputs = "images.idx3-ubyte"
labels = "labels.idx1-ubyte"
classes = [7, 3]
samples = 3
[flow]
weight_decay = 1e-3
[time]
end = 1e3
samples = 10
[output]
observables = ["layer_rank", "force_defect", "scalar_curvature"]
snapshot_times = [0, 1e3]
snapshot_observables = ["attraction"]
[measure]
curvature_probes = 5
)";
  const Dataset data = result_of(scratch, config);
  CHECK(code(data, "status") == 0);
  CHECK(data.values<double>("train_accuracy").back() == 1);
  CHECK(data.find("layer_rank")->dimensions == std::vector<std::string>{"time", "layer_input"});
  // Three samples of two classes: 255, 0, 0, 0 and so on over 255.
  CHECK(data.values<double>("layer_rank").front() == 3);
  CHECK(data.find("force_defect")->dimensions == std::vector<std::string>{"time", "hidden_layer"});
  CHECK(data.find("attraction")->dimensions ==
        std::vector<std::string>{"snapshot_time", "hidden_layer", "neuron", "training_sample"});
  CHECK(data.values<double>("attraction").size() == 2 * 2 * 5 * 3);
  for (const double error : data.values<double>("scalar_curvature_error")) CHECK(error > 0);
  // An estimate has the same bits at every run, and goes with its error.
  CHECK(bits(*result_of(scratch, config).find("scalar_curvature")) ==
        bits(*data.find("scalar_curvature")));
}
