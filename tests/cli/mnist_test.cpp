#include <algorithm>

#include "numerics/random.hpp"
#include "tests/cli/results.hpp"
#include "tests/idx_bytes.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// Images of 5 x 2 bytes in ten classes and their labels, gzipped: each class has a bright pixel of
/// its own, in noise.
void write_digits(const Scratch& scratch, const std::string& images, const std::string& labels,
                  int count) {
  RandomStream stream(7, "digits");
  std::string pixels, names;
  Vector noise(10);
  for (int i = 0; i < count; ++i) {
    const int digit = i % 10;
    names += static_cast<char>(digit);
    stream.fill_normal(noise, 20);
    for (int k = 0; k < 10; ++k) {
      const double bright = k == digit ? 200 : 30;
      pixels +=
          static_cast<char>(static_cast<unsigned char>(std::clamp(bright + noise[k], 0.0, 255.0)));
    }
  }
  const auto n = static_cast<unsigned>(count);
  scratch.write("data/" + images, gzipped(idx({n, 5, 2}, pixels)));
  scratch.write("data/" + labels, gzipped(idx({n}, names)));
}

/// The configs of examples/mnist beside data that look like MNIST.
void write_examples(const Scratch& scratch) {
  for (const std::string name : {"sweep.toml", "forces.toml"})
    scratch.write(name, contents(fs::path(GRADFLOW_SOURCE) / "examples" / "mnist" / name));
}

}  // namespace

TEST_CASE("The configs for MNIST name each file that is missing, in one line") {
  const Scratch scratch;
  write_examples(scratch);
  const std::vector<std::string> files{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
  for (const auto& [name, count] : {std::pair{"sweep.toml", 4}, std::pair{"forces.toml", 2}}) {
    const Finished run = call({"run", name, "--out", "result"}, scratch.path);
    INFO(run.err);
    CHECK(run.code == 2);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == count);
    for (int k = 0; k < count; ++k)
      CHECK(run.err.find(files[static_cast<std::size_t>(k)] + ": does not exist") !=
            std::string::npos);
  }
}

TEST_CASE("The configs for MNIST run on files in its format, with fewer samples and neurons") {
  const Scratch scratch;
  write_examples(scratch);
  fs::create_directories(scratch / "data");
  write_digits(scratch, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", 80);
  write_digits(scratch, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", 40);

  // The sweep of arXiv 2512.11866 with 4 + 4 sigmoid neurons: it learns at the least weight decay
  // and is at its trivial state, the same output for all images, at the largest.
  call_ok(
      {"run", "sweep.toml", "--out", "sweep", "--set", "model.widths=[10, 4, 4, 10]", "--set",
       "model.samples=40", "--set", "model.test_samples=20", "--set", "sweep.values=[0.002, 0.5]"},
      scratch.path);
  const Dataset sweep = read_netcdf(scratch / "sweep" / "result.nc");
  CHECK(sweep.values<std::int32_t>("value_status") == std::vector<std::int32_t>{0, 0});
  CHECK(sweep.values<double>("train_accuracy")[0] > 0.5);
  CHECK(sweep.values<double>("train_accuracy")[1] == Approx(0.1).margin(0.05));

  call_ok({"run", "forces.toml", "--out", "forces", "--set", "model.widths=[10, 6, 5, 3]", "--set",
           "model.samples=12", "--set", "time.end=20", "--set", "time.samples=3", "--set",
           "output.snapshot_times=[20]"},
          scratch.path);
  const Dataset forces = read_netcdf(scratch / "forces" / "result.nc");
  const Variable* attraction = forces.find("attraction");
  REQUIRE(attraction != nullptr);
  const auto& values = forces.values<double>("attraction");
  CHECK(std::any_of(values.begin(), values.end(), [](double v) { return std::abs(v) > 1e-8; }));
}
