#pragma once

#include <string>
#include <vector>

#include "flow/observable.hpp"

namespace gradflow {

/// Of more numbers than this a result does not carry its data: they would be in it for each point.
constexpr Index most_data_entries = 100000;

/// Rows of training data as a number array of the result: (training_sample, `along`), `along` left
/// out for a single column. None where there are too many.
inline std::vector<Measurement> training_data(const std::string& name, const std::string& long_name,
                                              const Matrix& rows, const Axis& along) {
  if (rows.size() > most_data_entries || rows.rows() == 0) return {};
  std::vector<Axis> axes{counting_axis("training_sample", rows.rows(), "training sample")};
  if (rows.cols() > 1) axes.push_back(along);
  const RowMatrix row_by_row = rows;
  return {{name, long_name, axes, {row_by_row.data(), row_by_row.data() + row_by_row.size()}}};
}

/// Inputs x_i, a row each.
inline std::vector<Measurement> training_inputs(const Matrix& rows) {
  return training_data("input", "training inputs x_i", rows,
                       counting_axis("input_entry", rows.cols(), "entry of an input"));
}

}  // namespace gradflow
