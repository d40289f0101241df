#pragma once

#include <vector>

#include "numerics/types.hpp"

/// What an output map (flow/output_map.hpp) gives for mini-batches (flow/mini_batch.hpp).
namespace gradflow {

/// The outputs of some samples of a map alone, for steps that see no others. Made for batches of up
/// to a number of samples; belongs to one thread.
class BatchMap {
 public:
  virtual ~BatchMap() = default;
  /// f(w) of `samples`, one after another, shape (samples x outputs each); moves the point to w.
  virtual void evaluate(const std::vector<Index>& samples, ConstVectorRef w, VectorRef f) = 0;
  /// J^T u at the last point, u of the samples of the last evaluation; shape (p).
  virtual void transpose_times(ConstVectorRef u, VectorRef jtu) = 0;
};

}  // namespace gradflow
