#pragma once

#include "bench/problems.hpp"

/// Many small runs of a study as one: would they be cheaper side by side?
namespace gradflow::bench {

/// The points of a study of diagonal networks to t = 1e4: "seeds": of ten parameters on four
/// samples, all with weight_decay = 1e-3; "decays": the same with weight decays from 1e-5 to 1e-2,
/// one seed; "larger": over seeds, with the model's default of 60 parameters on 12 samples.
std::vector<Problem> study_of(const std::string& kind, Index points);

/// The points as one flow on the product of their spaces, with common steps: the right-hand side
/// and the Newton matrix are those of the points, block by block. The method's vector operations,
/// and our watch over energy and saddles, are then done once for all points.
Problem side_by_side(std::string name, std::vector<Problem> points);

}  // namespace gradflow::bench
