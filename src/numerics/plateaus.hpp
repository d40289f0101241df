#pragma once

#include <span>
#include <vector>

/// Numbers read off runs that learn in steps: when a component is learnt, and where the loss stays.
/// Functions of arrays alone.
namespace gradflow {

/// First time at which `values` is at or below `level`: the bracketing samples, refined by the
/// cubic through the four samples around them in log t (in t next to t = 0). NaN where it never is;
/// the first time where it is so from the start.
double first_time_below(std::span<const double> times, std::span<const double> values,
                        double level);

/// First time at which `values` is at half of its first sample or below. NaN where that is 0.
double half_time(std::span<const double> times, std::span<const double> values);

struct Plateau {
  double start = 0, end = 0;
  double level = 0;
};

/// The plateaus of a loss that falls in steps on a logarithmic time axis. With D = -dR/dlog t:
///  - a drop is a local maximum of D. Two neighbouring drops are one unless D between them falls
///    to half of the lower maximum or less (resolved at half height), and a drop of less than 1 %
///    of the whole fall belongs to its neighbour;
///  - a plateau lies between two drops, before the first or after the last. Its level is R where D
///    is smallest between the two drops (the first and the last sample at the ends of the run);
///  - it starts when nine tenths of the drop before it are done and ends when one tenth of the drop
///    after it is (the usual 10-90 % of a rise time); without any time between the two it is none.
/// Nothing depends on the units of R or t, and nothing is to be set. Samples at t <= 0 are left
/// out.
std::vector<Plateau> find_plateaus(std::span<const double> times, std::span<const double> loss);

}  // namespace gradflow
