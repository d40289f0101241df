#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/cli/results.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("Stop conditions end a run where its loss or gradient is first below the bound") {
  const Scratch scratch;
  const std::string base =
      network + "[flow]\nweight_decay = 1e-3\n[time]\nend = 1e6\nsamples = 60\n";
  const Dataset whole = result_of(scratch, base);
  const Dataset loss = result_of(scratch, base + "stop_train_loss = 1e-4\n");
  const auto& values = loss.values<double>("train_loss");
  const auto& times = loss.values<double>("time");
  CHECK(code(loss, "status") == 0);
  CHECK(values.back() <= 1e-4);
  CHECK(values[values.size() - 2] > 1e-4);
  CHECK(times.back() == number(loss, "end_time"));
  CHECK(times.back() < 1e6);
  // Up to there it is the same run, bit by bit.
  const auto& all = whole.values<double>("train_loss");
  CHECK(std::equal(values.begin(), values.end() - 1, all.begin()));

  const Dataset gradient = result_of(scratch, base + "stop_gradient_norm = 1e-6\n");
  CHECK(gradient.values<double>("gradient_norm").back() <= 1e-6);
  CHECK(gradient.values<double>("time").back() < 1e6);
  // Both: the first that is met.
  const Dataset both =
      result_of(scratch, base + "stop_gradient_norm = 1e-6\nstop_train_loss = 1e-4\n");
  CHECK(both.values<double>("time").back() == times.back());
  // One that is never met changes nothing.
  const Dataset never = result_of(scratch, base + "stop_train_loss = 1e-300\n");
  CHECK(bits(*never.find("train_loss")) == bits(*whole.find("train_loss")));
}

TEST_CASE("Case 07: a stop is located at the time of the closed form, whatever the method") {
  // w(t) - w* = exp(-X^T X t) (w(0) - w*). The case's twenty samples by their QR decomposition: the
  // loss is that of R and Q^T y. The times by SciPy's brentq on the closed form of these digits.
  const Scratch scratch;
  scratch.write("x.csv",
                "3.8777996015,1.04554314,0.3307142565,-1.3323639172,-0.4601692482\n"
                "0,4.476243532,-0.7964110998,-1.4353122949,-1.37435807\n"
                "0,0,4.3159080841,-0.0529625996,0.5100988024\n"
                "0,0,0,4.2751972432,-1.3892182421\n"
                "0,0,0,0,2.926707926\n");
  scratch.write("y.csv",
                "-7.7388316282\n-3.6897941805\n2.0133369593\n2.9846304908\n1.8938806846\n");
  scratch.write("w.csv", "2.4573365223\n0.3186816351\n-0.4563338939\n1.871634637\n-1.0472180936\n");
  const std::vector<std::pair<std::string, double>> stops{
      {"stop_train_loss = 1e-3", 0.5197844489}, {"stop_gradient_norm = 1e-2", 0.9024973009}};
  for (const auto& [stop, exact] : stops)
    for (const std::string method : {"auto", "cvode", "rodas", "rock4", "dopri5", "cvode_adams"}) {
      const Dataset data = result_of(
          scratch,
          "[model]\nname = \"linear_regression\"\ninputs = \"x.csv\"\ntargets = \"y.csv\"\n"
          "initial = \"w.csv\"\n[solver]\nmethod = \"" +
              method + "\"\nrtol = 1e-8\n[time]\nend = 1e6\n" + stop + "\n");
      CAPTURE(stop, method);
      CHECK(number(data, "end_time") == Approx(exact).epsilon(1e-6));
    }
}

TEST_CASE("A run ends where its loss leaves a band on either side, iterates at the first outside") {
  const Scratch scratch;
  const auto config = [](const std::string& flow, const std::string& scale,
                         const std::string& bounds) {
    return "[model]\nname = \"deep_linear_network\"\ndepth = 3\nwidth = 1\n"
           "target_singular_values = [0.8]\ninitial_law = \"aligned\"\ninitial_scale = " +
           scale + "\n[flow]\nkind = " + flow +
           "\n[time]\nend = 100\nspacing = \"linear\"\nsamples = 1000\n" + bounds;
  };
  const std::string band = "stop_train_loss = 0.1\nstop_train_loss_above = 0.2\n";
  const auto stopped = [](const Dataset& data) {
    return data.values<std::int64_t>("stopped_early").front();
  };
  // Beyond the end of the learnt branch the loss rises from 0.171; far below it falls from there.
  const std::string start = "0.6", rises = "weight_decay = 0.5", falls = "weight_decay = 0.05";
  for (const std::string kind : {"\"gradient\"", "\"heavy_ball\""}) {
    INFO(kind);
    const Dataset up = result_of(scratch, config(kind + "\n" + rises, start, band));
    CHECK(up.values<double>("train_loss").back() == Approx(0.2).epsilon(1e-9));
    CHECK(number(up, "end_time") < 100);
    CHECK(stopped(up) == 1);
    CHECK(code(up, "status") == 0);
    const Dataset down = result_of(scratch, config(kind + "\n" + falls, start, band));
    CHECK(down.values<double>("train_loss").back() == Approx(0.1).epsilon(1e-9));
    CHECK(stopped(down) == 1);
  }
  for (const std::string& decay : {rises, falls}) {
    const Dataset iterates =
        result_of(scratch, config("\"gradient_descent\"\nstep = 0.1\n" + decay, start, band));
    const auto& loss = iterates.values<double>("train_loss");
    const auto inside = [](double value) { return value > 0.1 && value < 0.2; };
    CHECK(std::all_of(loss.begin(), loss.end() - 1, inside));
    CHECK_FALSE(inside(loss.back()));
    CHECK(stopped(iterates) == 1);
    // A sample an iterate: it ends at the first outside.
    CHECK(number(iterates, "end_time") == iterates.values<double>("time").back());
    CHECK(iterates.values<std::int64_t>("steps").front() ==
          static_cast<std::int64_t>(loss.size()) - 1);
  }
  const Dataset noisy = result_of(
      scratch, config("\"langevin\"\nstep = 0.1\ntemperature = 0.05\n" + rises, start, band));
  CHECK(stopped(noisy) == 1);

  // One that is never met changes nothing; outside from the start there is nothing to run.
  const std::string flow = "\"gradient\"\n" + rises;
  const Dataset whole = result_of(scratch, config(flow, start, ""));
  const Dataset never = result_of(scratch, config(flow, start, "stop_train_loss_above = 0.9\n"));
  CHECK(bits(*never.find("train_loss")) == bits(*whole.find("train_loss")));
  CHECK(stopped(never) == 0);
  CHECK(stopped(whole) == 0);
  const Dataset outside = result_of(scratch, config(flow, "0.2", band));
  CHECK(outside.values<double>("time") == std::vector<double>{0});
  CHECK(stopped(outside) == 1);
}

TEST_CASE("A stop at a small gradient on a saddle that the flow leaves is no success") {
  const Scratch scratch;
  scratch.write("saddle.toml",
                "[model]\nname = \"deep_linear_network\"\ndepth = 3\ninitial_scale = 1e-3\n"
                "[time]\nend = 1e4\nstop_gradient_norm = 1e-4\n");
  const Finished result = call({"run", "saddle.toml", "--out", "saddle"}, scratch.path);
  CHECK(result.code == 1);
  CHECK(result.err.find("saddle") != std::string::npos);
  CHECK(code(read_netcdf(scratch / "saddle" / "result.nc"), "status") == 7);
}

TEST_CASE("Budgets end a run with exit code 1, a status, and a sentence on what to do") {
  const Scratch scratch;
  const std::string base = network + "[time]\nend = 1e6\nsamples = 20\n[solver]\n";
  scratch.write("steps.toml", base + "max_steps = 20\n");
  Finished result = call({"run", "steps.toml", "--out", "steps"}, scratch.path);
  CHECK(result.code == 1);
  CHECK(result.err.find("solver.max_steps = 20") != std::string::npos);
  CHECK(last_line(result.out) == "steps/result.nc");
  Dataset data = read_netcdf(scratch / "steps" / "result.nc");
  CHECK(code(data, "status") == 4);
  CHECK(data.values<std::int64_t>("steps").front() == 20);
  const auto& loss = data.values<double>("train_loss");
  CHECK(loss.size() == 21);  // NaN after the failure, all times there
  CHECK(std::isfinite(loss[1]));
  CHECK(std::isnan(loss.back()));
  // Where it got to is known: the norm grows from sample to sample, and at end_time it is between
  // those around it.
  const double end = data.values<double>("end_time").front();
  const auto& times = data.values<double>("time");
  const auto& norms = data.values<double>("norm");
  const auto after =
      static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), end) - times.begin());
  REQUIRE(after >= 1);
  REQUIRE(after < times.size());
  CHECK(std::isnan(norms[after]));
  double square = 0;
  for (const double w : data.values<double>("final_state")) square += w * w;
  CHECK(std::abs(std::sqrt(square) - norms[after - 1]) < 0.1 * norms[after - 1]);
  CHECK(end < 1e6);
  // A budget of steps is the config's own: the same again. --resume finds it done.
  CHECK(call({"run", "steps.toml", "--out", "steps", "--resume"}, scratch.path).code == 1);

  scratch.write("wall.toml", linear +
                                 "[flow]\nkind = \"gradient_descent\"\nstep = 1e-9\n[time]\n"
                                 "end = 10\nsamples = 5\n[solver]\nmax_wall_seconds = 0.1\n");
  result = call({"run", "wall.toml", "--out", "wall"}, scratch.path);
  CHECK(result.code == 1);
  CHECK(code(read_netcdf(scratch / "wall" / "result.nc"), "status") == 5);
}
