#include "study/progress.hpp"

#include <limits>

#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("A run's progress says t, steps, the share done, and the time left at the pace so far") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string run = "run";
  CHECK(place_text({run, 0, 1e6, 0, 0}, 0, 0) == "t = 0 of 1e+06, 0 steps, 0 % done");
  // A quarter in 30 seconds: the rest takes 90.
  CHECK(place_text({run, 31.62, 1e6, 0.25, 120}, 30, 0) ==
        "t = 31.6 of 1e+06, 120 steps, 25 % done, 0:01:30 left");
  // The first half was there already: a quarter in 30 seconds again.
  CHECK(place_text({run, 31.62, 1e6, 0.75, 120}, 30, 0.5) ==
        "t = 31.6 of 1e+06, 120 steps, 75 % done, 0:00:30 left");
  // Where the end is looked for, there is no share; of a measurement's runs, no t either.
  const std::string search = "search", measured = "two_phases";
  CHECK(place_text({search, 12, 100, nan, 40}, 5, 0) == "search: t = 12, 40 steps, 0:00:05");
  CHECK(place_text({measured, nan, nan, nan, 0}, 3700, 0) == "two_phases: 1:01:40");
}
