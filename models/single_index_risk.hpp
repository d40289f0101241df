#pragma once

#include <functional>

#include "models/single_index.hpp"

namespace gradflow {

/// Population risk R = |phi|^2/2 - a.V/m + a.U a/(2 m^2), from its three terms. Of a network that
/// has learnt its target they cancel, down to their rounding and below 0: there R is put together
/// of what it is in squares,
///   1/2 sum_k (phi_k - sigma_k M_k)^2 + 1/(2 m^2) sum_ij a_i a_j [U(r_ij) - U(s_i s_j)],
/// where U(r) = sum_k sigma_k^2 r^k ends with the series, which is where R can be near 0.
/// `across` gives the lower triangle of r_ij - s_i s_j, by a way that does not cancel; it is asked
/// where it is needed. Cost there: m^2 K.
double population_risk(const SingleIndexProblem& problem, ConstVectorRef a, ConstVectorRef s,
                       double target, double drive, double self,
                       const std::function<void(Matrix&)>& across);

}  // namespace gradflow
