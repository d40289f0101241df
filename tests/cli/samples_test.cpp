#include <cmath>

#include "tests/catch.hpp"
#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("Snapshots show the observables of their own time, in any order and once") {
  const Scratch scratch;
  const std::string base = network + "[time]\nend = 100\nsamples = 5\nspacing = \"linear\"\n";
  const std::string output =
      "[output]\nsnapshot_times = [40, 0, 3, 40, 100, 3]\n"
      "snapshot_observables = [\"train_error\", \"effective_vector\", \"train_error\"]\n";
  const Dataset data = result_of(scratch, base + output);
  const auto& times = data.values<double>("snapshot_time");
  CHECK(times == std::vector<double>{0, 3, 40, 100});
  const auto& snapshot = data.values<double>("train_error_snapshot");
  const auto& train = data.values<double>("train_error");
  REQUIRE(train.size() == 6);
  CHECK(snapshot[0] == train[0]);
  CHECK(snapshot[2] == train[2]);  // t = 40 is sample 2
  CHECK(snapshot[3] == train[5]);
  CHECK(snapshot[1] < train[0]);
  CHECK(snapshot[1] > train[1]);
  CHECK(data.find("effective_vector")->dimensions ==
        std::vector<std::string>{"snapshot_time", "feature"});
  // Dense sampling at the same time gives the same numbers: nothing stale is shown.
  const Dataset dense = result_of(scratch, network +
                                               "[time]\nend = 100\nsamples = 100\n"
                                               "spacing = \"linear\"\n" +
                                               output);
  CHECK(bits(*dense.find("train_error_snapshot")) == bits(*data.find("train_error_snapshot")));
  CHECK(dense.values<double>("train_error")[3] == snapshot[1]);
}

TEST_CASE("Samples are geometric from first to end, or linear, with t = 0 besides") {
  const Scratch scratch;
  const Dataset log = result_of(scratch, linear + "[time]\nfirst = 1e-2\nend = 1e2\nsamples = 5\n");
  const auto& a = log.values<double>("time");
  const std::vector<double> expected{0, 1e-2, 1e-1, 1, 10, 100};
  REQUIRE(a.size() == 6);
  for (std::size_t k = 0; k < 6; ++k) CHECK(a[k] == Approx(expected[k]).epsilon(1e-14));
  CHECK(a[1] == 1e-2);
  CHECK(a[5] == 100);
  const Dataset equal =
      result_of(scratch, linear + "[time]\nspacing = \"linear\"\nend = 10\nsamples = 4\n");
  CHECK(equal.values<double>("time") == std::vector<double>{0, 2.5, 5, 7.5, 10});
  const Dataset one = result_of(scratch, linear + "[time]\nend = 10\nsamples = 1\n");
  CHECK(one.values<double>("time") == std::vector<double>{0, 10});
  const Dataset slow =
      result_of(scratch, linear +
                             "[flow]\nweight_decay = 0.25\n[time]\nvariable = \"slow\"\n"
                             "spacing = \"linear\"\nend = 2\nsamples = 2\n");
  CHECK(slow.values<double>("time") == std::vector<double>{0, 4, 8});
  CHECK(slow.values<double>("slow_time") == std::vector<double>{0, 1, 2});
  // So fine a grid that neighbours round to one number: each once, to the end.
  const Dataset fine =
      result_of(scratch, linear + "[time]\nfirst = 1\nend = 1.0000000000000009\nsamples = 50\n");
  const auto& b = fine.values<double>("time");
  CHECK(b.size() == 6);
  CHECK(b.back() == 1.0000000000000009);
  CHECK(std::isfinite(fine.values<double>("train_loss").back()));
}

TEST_CASE("Gradient descent is sampled at its iterates, t = step times count") {
  const Scratch scratch;
  const Dataset data = result_of(scratch, linear +
                                              "[flow]\nkind = \"gradient_descent\"\nstep = 0.01\n"
                                              "[time]\nfirst = 1e-3\nend = 10\nsamples = 40\n");
  const auto& times = data.values<double>("time");
  CHECK(times.front() == 0);
  CHECK(times.back() == Approx(10));
  for (std::size_t k = 0; k < times.size(); ++k) {
    const double count = times[k] / 0.01;
    CHECK(std::abs(count - std::round(count)) < 1e-9);
    if (k > 0) CHECK(times[k] > times[k - 1]);
  }
  CHECK(data.values<std::int64_t>("steps").front() == 1000);
  const auto& loss = data.values<double>("train_loss");
  CHECK(std::is_sorted(loss.rbegin(), loss.rend()));
  // Ten million iterations are the config's own word and need no budget raised.
  scratch.write("long.toml",
                linear + "[flow]\nkind = \"gradient_descent\"\nstep = 1e-6\n[time]\nend = 10\n");
  CHECK(call_ok({"check", "long.toml"}, scratch.path).out.find("max_steps = 10000001") !=
        std::string::npos);
}
