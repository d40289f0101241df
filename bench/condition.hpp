#pragma once

#include <ostream>

/// What following a run's condition costs.
namespace gradflow::bench {

/// The problems of the work-precision tables by our methods at rtol 1e-6, with `solver.condition`
/// and without, in turns: processor milliseconds, the lower quartile of at most `repeat` runs of
/// each (with other work on the processor the least is a matter of luck), and their ratio. As a
/// table in Markdown.
void measure_condition(std::ostream& out, int repeat);

}  // namespace gradflow::bench
