#pragma once

#include <vector>

#include "models/single_index_asymptotics.hpp"

/// What is measured of every run of a single-index model, beside the small-epsilon theory.
namespace gradflow {

/// The numbers without axes among those of the next two.
std::vector<NumberInfo> single_index_numbers();

/// Truncation errors and theory: predicted plateau levels, learning times of degrees 0, 1, 2 (the
/// last through the outer problem, where m <= 20000), whether the canonical order is expected.
std::vector<Measurement> single_index_constants(const SingleIndexProblem& problem,
                                                const SingleIndexAsymptotics& theory);

/// Component half times, plateaus, and how far the canonical order was found. Reads "risk" and
/// "risk_component".
std::vector<Measurement> single_index_measurements(const SingleIndexProblem& problem,
                                                   const SingleIndexAsymptotics& theory,
                                                   const Trajectory& trajectory);

}  // namespace gradflow
