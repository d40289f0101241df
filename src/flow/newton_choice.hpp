#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flow/system.hpp"

/// The one place that chooses among the Newton matrices which a system offers, by what they are
/// and what they cost (docs/solvers.md).
namespace gradflow {

/// Null where it is not offered.
const NewtonOffer* find_offer(const std::vector<NewtonOffer>& offers, LinearKind kind);

/// What the matrices of one solver may have.
inline constexpr double most_matrix_bytes = 2e9;

/// What `linear = "auto"` takes: the system's own first choice, or the set-up with the fewest flops
/// among matrices that fit into `most_matrix_bytes`; `reason` in a few words.
/// \throws std::invalid_argument for a system without any
LinearKind automatic_kind(const System& system, std::string& reason);

/// A Rosenbrock method has its order with the exact Jacobian alone, and is worth more than a
/// cheaper set-up wherever that is to be had at a like price: one of structure, or a small dense
/// one.
std::optional<LinearKind> affordable_exact_kind(const System& system);

/// The kind with all of the curvature that replaces an approximate Newton matrix with which the
/// iteration fails; none where no such matrix fits.
std::optional<LinearKind> fallback_kind(const System& system);

/// Those that hold all of the curvature in a direct factorisation of at most so many flops: one of
/// structure before a dense one.
std::vector<LinearKind> direct_kinds(const System& system, double most_flops);
/// Of a factorisation that takes some seconds, p = 3000 of a dense Hessian.
inline constexpr double flops_of_some_seconds = 9e9;

}  // namespace gradflow
