#pragma once

#include "flow/inertial_flow.hpp"
#include "flow/system.hpp"

namespace gradflow {

/// The fastest growing mode of disturbances at (t, y): the largest eigenvalue of the Jacobian,
/// which is self-adjoint in the system's metric, by Lanczos in that metric from a fixed random
/// start. Of an inertial flow that which belongs to the fastest growing mode of its descent.
struct GrowingMode {
  double rate = 0;
  double fastest = 0;    ///< largest |rate| seen, the scale; of an inertial flow as if all grew
  double amplitude = 0;  ///< |<mode, rhs>| / rate: how much of the mode the state holds
  Vector mode;           ///< of length one in the metric
};

/// At most `products` products with the Jacobian.
constexpr int products_for_a_mode = 24;
GrowingMode fastest_growing_mode(System& system, double t, ConstVectorRef y,
                                 int products = products_for_a_mode);

/// Growth at less than this share of the fastest rate is not resolved by that.
constexpr double resolved_growth = 1e-6;

/// Steps are capped at this fraction of the growth time while the flow moves away from a saddle: an
/// L-stable method damps a growing mode once h times its rate is large, without its error estimate
/// noticing. And a growing mode is followed on its way from a point at rest in steps of this over
/// its rate.
constexpr double growth_fraction = 0.25;

/// Of a state's size, what it may hold of a growing mode by rounding alone.
constexpr double rounding_of_mode = 1e-14;

/// Whether an inertial flow rests at y0, up to a share `rounding` of y0, and a mode grows from that
/// share to all of it within `elapsed`.
bool rounding_leaves(InertialFlow& flow, ConstVectorRef y0, double elapsed, double rounding);

/// Whether the growing mode tells anything: an energy falls, in a metric or with inertia.
bool knows_saddles(const System& system);

}  // namespace gradflow
