#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "flow/parameters.hpp"

namespace gradflow {

/// Training and test data of a network: one row a sample.
struct SupervisedData {
  Matrix inputs, targets;            ///< (n, d) and (n, outputs)
  Matrix test_inputs, test_targets;  ///< no rows where there is no test set
};

/// The declarations that go with `read_supervised_data`: samples, test_samples, input_law,
/// input_range, noise_variance and the files inputs, targets, test_inputs, test_targets.
std::vector<ParameterInfo> supervised_data_parameters(std::int64_t samples);

/// Fixes `samples`, and `dimension_name` where there is one, by the files given.
void fix_supervised_sizes(Parameters& p, const std::string& dimension_name);

/// Reads the files, draws the inputs (streams "data" and "test") where there are none, and asks the
/// teacher, (k, d) -> (k, outputs), for targets where no file gives them. Where training targets
/// come from a file, there is a test set of the teacher's only if `teacher_asked`. Uniform test
/// inputs in one dimension are the midpoints of equal intervals. \throws ParameterError
SupervisedData read_supervised_data(Parameters& p, std::uint64_t seed, Index dimension,
                                    Index outputs, bool teacher_asked,
                                    const std::function<Matrix(const Matrix&)>& teacher);

}  // namespace gradflow
