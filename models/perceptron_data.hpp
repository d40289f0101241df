#pragma once

#include <cstdint>
#include <vector>

#include "flow/parameters.hpp"
#include "numerics/activation.hpp"

namespace gradflow {

/// Training and test data of a perceptron; no test inputs where there is no test set.
struct PerceptronData {
  Matrix inputs, test_inputs;              ///< (n, d)
  Matrix targets, test_targets;            ///< (outputs, n), squared error
  std::vector<Index> labels, test_labels;  ///< cross-entropy, or what the targets were made of
  /// (outputs, n): the targets, or the labels as unit vectors.
  Matrix targets_or_classes(Index outputs) const;
};

/// The declarations that go with `read_perceptron_data`, those of supervised data among them.
std::vector<ParameterInfo> perceptron_data_parameters();

/// Data of d inputs and k outputs, read from files or drawn; with labels instead of targets for
/// `cross_entropy`, and unit vectors as targets where labels are given for squared error. The
/// teacher "network" has the given activation. \throws ParameterError
PerceptronData read_perceptron_data(Parameters& p, std::uint64_t seed, Index d, Index k,
                                    Activation activation, bool cross_entropy);

}  // namespace gradflow
