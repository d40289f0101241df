#include "study/bisection.hpp"

#include <cmath>
#include <limits>

#include "study/chains.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

Bisection between(double low, double high, const std::string& scale, double tolerance) {
  Bisection bisection;
  bisection.key = "flow.weight_decay";
  bisection.name = "weight_decay";
  bisection.measure = "final_norm";
  bisection.between = {low, high};
  bisection.scale = scale;
  bisection.tolerance = tolerance;
  return bisection;
}

/// A chain whose measurement is `f` of the key's value, to its end.
template <class F>
Chain followed(const Bisection& bisection, const F& f) {
  Chain all(bisection);
  while (const auto x = all.next()) all.take({Status::ok, f(*x)});
  return all;
}

}  // namespace

TEST_CASE("A chain brackets the crossing to the tolerance, in as many runs as are promised") {
  for (const std::string scale : {"log", "linear"})
    for (const double tolerance : {0.5, 0.1, 1e-3, 1e-6})
      for (const double crossing : {2.0001, 3.3, 4 * std::sqrt(2.0), 7.0, 7.9999}) {
        const Bisection bisection = between(2, 8, scale, tolerance);
        const Chain chain = followed(bisection, [&](double x) { return x - crossing; });
        INFO(scale << " " << tolerance << " " << crossing);
        CHECK(chain.state() == ChainState::bracketed);
        CHECK((chain.low() < crossing && crossing <= chain.high()));
        const double range = scale == "log" ? std::log(4.0) : 6.0;
        const double width =
            scale == "log" ? std::log(chain.high() / chain.low()) : chain.high() - chain.low();
        CHECK(width <= tolerance * (1 + 1e-9));
        CHECK(static_cast<double>(chain.runs()) <= 2 + std::log2(range / tolerance) + 1);
        CHECK(chain.runs() == bisection.longest());
        CHECK(chain.values()[0] == 2);
        CHECK(chain.values()[1] == 8);
        CHECK(chain.values()[2] == Approx(scale == "log" ? 4 : 5).epsilon(1e-15));
      }
}

TEST_CASE("A chain finds a crossing downwards, and takes the level itself for above") {
  Bisection bisection = between(2, 8, "linear", 1e-3);
  bisection.level = -5;
  const Chain down = followed(bisection, [](double x) { return -x; });
  CHECK(down.state() == ChainState::bracketed);
  CHECK((down.low() <= 5 && 5 < down.high()));
}

TEST_CASE("A chain over integers ends at neighbours, whatever the scale and the crossing") {
  for (const std::string scale : {"log", "linear"})
    for (int crossing = 2; crossing <= 700; ++crossing) {
      Bisection bisection = between(1, 700, scale, 1);
      bisection.whole = true;
      const Chain chain = followed(bisection, [&](double x) { return x - crossing; });
      INFO(scale << " " << crossing);
      CHECK(chain.state() == ChainState::bracketed);
      CHECK(chain.low() == crossing - 1);
      CHECK(chain.high() == crossing);
      CHECK(chain.runs() <= bisection.longest());
      for (const double x : chain.values()) CHECK(x == std::floor(x));
    }
}

TEST_CASE("A tolerance below the distance of numbers ends at neighbouring numbers") {
  const Bisection bisection = between(1, 2, "linear", 1e-300);
  Bisection long_one = bisection;
  long_one.most = 10000;
  const Chain chain = followed(long_one, [](double x) { return x - 1.3; });
  CHECK(chain.state() == ChainState::bracketed);
  CHECK(std::nextafter(chain.low(), 2) == chain.high());
}

TEST_CASE("What ends a chain early is told apart") {
  const Bisection bisection = between(1, 2, "log", 1e-3);
  const Chain above = followed(bisection, [](double) { return 1.0; });
  CHECK(above.state() == ChainState::one_side);
  CHECK(above.is_above());
  CHECK(above.runs() == 2);
  CHECK_FALSE(above.has_bracket());
  const Chain below = followed(bisection, [](double) { return -1.0; });
  CHECK(below.state() == ChainState::one_side);
  CHECK_FALSE(below.is_above());

  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Chain unmeasured =
      followed(bisection, [&](double x) { return x > 1.3 && x < 1.5 ? nan : x - 1.4; });
  CHECK(unmeasured.state() == ChainState::not_a_number);
  CHECK(unmeasured.runs() == 3);
  CHECK(unmeasured.has_bracket());

  Chain failed(bisection);
  failed.take({Status::ok, -1.0});
  failed.take({Status::no_convergence});
  CHECK(failed.state() == ChainState::run_failed);
  CHECK_FALSE(failed.next());
  CHECK_FALSE(failed.has_bracket());

  Bisection short_one = bisection;
  short_one.most = 5;
  const Chain cut = followed(short_one, [](double x) { return x - 1.2; });
  CHECK(cut.state() == ChainState::most_runs);
  CHECK(cut.runs() == 5);
  CHECK((cut.low() < 1.2 && 1.2 < cut.high()));
}

TEST_CASE("A run's number is a single one by its name, or the last value of an observable") {
  Dataset run;
  run.add_coordinate("time", std::vector<double>{0, 1});
  run.add({"norm", {"time"}, std::vector<double>{2, 3}, {}});
  run.add({"grok_time", {}, std::vector<double>{7}, {}});
  run.add({"steps", {}, std::vector<std::int64_t>{12}, {}});
  run.add({"message", {}, std::vector<std::string>{"hm"}, {}});
  CHECK(measured_number(run, "final_norm") == 3.0);
  CHECK(measured_number(run, "grok_time") == 7.0);
  CHECK(measured_number(run, "steps") == 12.0);
  CHECK_FALSE(measured_number(run, "norm"));
  CHECK_FALSE(measured_number(run, "message"));
  CHECK_FALSE(measured_number(run, "final_rank"));
}

TEST_CASE("Runs of chains are numbered chain by chain; without a bisection a chain is one run") {
  const Bisection bisection = between(1, 2, "linear", 0.25);
  Chains chains(&bisection);
  REQUIRE(chains.length() == 4);
  CHECK(chains.next(3)->number == 12);
  CHECK(chains.next(3)->bisected == 1.0);
  chains.take(3, {Status::ok, -1.0});
  CHECK(chains.next(3)->number == 13);
  chains.take(3, {Status::ok, -1.0});
  CHECK(chains.is_over(3));
  CHECK(chains.unneeded(3) == 2);
  CHECK(chains.bisected(13) == 2.0);
  CHECK_FALSE(chains.bisected(14));

  Chains single(nullptr);
  CHECK(single.next(5)->number == 5);
  CHECK_FALSE(single.next(5)->bisected);
  single.take(5, {Status::not_finite});
  CHECK(single.is_over(5));
  CHECK_FALSE(single.is_over(4));
  CHECK(single.unneeded(5) == 0);
}
