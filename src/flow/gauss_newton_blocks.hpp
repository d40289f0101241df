#pragma once

#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// Offered by output maps with many outputs whose J^T J has diagonal blocks that are cheap to come
/// by: of an output layer, where one block is that of all outputs, or of a hidden layer, a block an
/// input or a neuron. Conjugate gradients take them as their preconditioner. A map that offers them
/// derives from this class as well.
class GaussNewtonBlocks {
 public:
  virtual ~GaussNewtonBlocks() = default;

  /// Parameters that stand together, in some order: one or more sets of equally many, whose blocks
  /// of J^T J are one and the same matrix.
  using Sets = std::vector<std::vector<Index>>;
  /// Every parameter is in exactly one set of one block.
  virtual std::vector<Sets> gauss_newton_sets() const = 0;
  /// To be called at a point before its blocks are asked for.
  virtual void begin_gauss_newton_blocks() = 0;
  /// The lower triangle of block b at the map's last point, shape (size, size) with the size of its
  /// sets. Threads ask for several at once.
  virtual void gauss_newton_block(Index b, MatrixRef block) const = 0;
  /// Flops of all blocks together, for the choice of solver.
  virtual double gauss_newton_block_flops() const = 0;
};

}  // namespace gradflow
