#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/margin_loss.hpp"
#include "flow/parameters.hpp"
#include "flow/potential.hpp"

namespace gradflow {

/// Labelled points, and what a mirror flow on their margins needs beside them.
struct SeparableProblem {
  std::shared_ptr<const Matrix> inputs;   ///< x_i, (n, d)
  Vector labels;                          ///< 1 or -1
  std::shared_ptr<const Matrix> margins;  ///< y_i x_i
  MarginLossKind loss;
  SeparablePotential potential;
  Vector initial;  ///< beta(0)
};

/// The potentials that a config can name.
std::vector<std::string> potential_names();

/// From a model's parameters: random data, or those of files. \throws ParameterError
SeparableProblem make_separable_problem(Parameters& p, std::uint64_t seed);

}  // namespace gradflow
