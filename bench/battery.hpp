#pragma once

#include <ostream>

/// How far `auto` is from the best of its own methods.
namespace gradflow::bench {

/// Every `count`-th problem from number `index` on: processes side by side share the work.
struct Shard {
  int index = 1, count = 1;  ///< 1 <= index <= count
};

/// All models at several sizes and weight decays, `auto` beside every pair of method and Newton
/// matrix that the problem offers: processor seconds to `error` (the largest over 62 times,
/// against auto's run at a ten-thousandth of it), by interpolation in log seconds against log error
/// on a ladder of tolerances. A run of a pair is cut where it has taken as long as auto. As a table
/// in Markdown, each row with the ratio of auto's time to the least of all. `quick`: the first of
/// each model.
void measure_battery(std::ostream& out, double error, bool quick, Shard shard = {});

}  // namespace gradflow::bench
