#include "numerics/plateaus.hpp"

#include <cmath>
#include <vector>

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

std::vector<double> log_grid(double first, double last, int count) {
  std::vector<double> t;
  for (int i = 0; i < count; ++i)
    t.push_back(first * std::pow(last / first, static_cast<double>(i) / (count - 1)));
  return t;
}

/// 1 + exponential drops of 1/2 at t = 1e-6, 1/3 at 1e-3 and 1/6 at 1.
double staircase(double t) {
  return 0.5 * std::exp(-t / 1e-6) + std::exp(-t / 1e-3) / 3 + std::exp(-t) / 6 + 1;
}

}  // namespace

TEST_CASE("The plateaus of a staircase of exponentials are found with their levels") {
  for (const double scale : {1.0, 1e-9, 1e7}) {  // units do not matter
    std::vector<double> t = log_grid(1e-9, 1e3, 600), r;
    for (const double x : t) r.push_back(scale * staircase(x));
    const auto plateaus = find_plateaus(t, r);
    REQUIRE(plateaus.size() == 4);
    const double levels[] = {2, 1.5, 7.0 / 6, 1};
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(plateaus[i].level / scale == Approx(levels[i]).epsilon(1e-2));
    // Nine tenths of e^{-t/1e-6} are gone at ln(10) 1e-6, a tenth of e^{-t/1e-3} at -ln(.9) 1e-3;
    // the neighbours' tails shift that by per cent.
    CHECK(plateaus[1].start == Approx(2.3026e-6).epsilon(0.05));
    CHECK(plateaus[1].end == Approx(1.0536e-4).epsilon(0.1));
  }
}

TEST_CASE("One smooth drop has two plateaus and a constant one") {
  std::vector<double> t = log_grid(1e-4, 1e4, 400), one, none(400, 0.7);
  for (const double x : t) one.push_back(1 / (1 + x));
  CHECK(find_plateaus(t, one).size() == 2);
  const auto flat = find_plateaus(t, none);
  REQUIRE(flat.size() == 1);
  CHECK(flat[0].level == 0.7);
}

TEST_CASE("Drops that merge are one drop, and rounding noise makes no plateaus") {
  std::vector<double> t = log_grid(1e-4, 1e4, 800), merged, noisy;
  RandomStream stream(1, "noise");
  for (const double x : t) {
    merged.push_back(0.5 * std::exp(-x) + 0.5 * std::exp(-x / 2));
    noisy.push_back(std::exp(-x) + 1e-13 * stream.normal());
  }
  CHECK(find_plateaus(t, merged).size() == 2);
  CHECK(find_plateaus(t, noisy).size() == 2);
}

TEST_CASE("Half times of an exponential are exact to the cubic's error") {
  std::vector<double> t = log_grid(1e-3, 10, 200), c;
  for (const double x : t) c.push_back(std::exp(-2 * x));
  t.insert(t.begin(), 0.0);
  c.insert(c.begin(), 1.0);
  // Spacing h = 0.046 in log t: 9/384 h^4 times the fourth derivative, of order 1.
  CHECK(half_time(t, c) == Approx(std::log(2.0) / 2).epsilon(1e-6));
  CHECK(std::isnan(first_time_below(t, c, 1e-30)));
  CHECK(first_time_below(t, c, 2) == 0);
}
