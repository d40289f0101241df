#pragma once

#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// Offered by output maps with many outputs whose J^T D J has diagonal blocks that are cheap to
/// come by: of an output layer, where one block is that of all outputs, or of a hidden layer, a
/// block an input or a neuron. Conjugate gradients take them as their preconditioner. A map that
/// offers them derives from this class as well.
///
/// D, the loss's second derivative by the outputs, is a multiple of the identity, which is left
/// out: blocks are those of J^T J. Or, where `takes_roots`, it is made of blocks S_i S_i^T, one a
/// sample (cross-entropy): `with_roots`.
class GaussNewtonBlocks {
 public:
  virtual ~GaussNewtonBlocks() = default;

  virtual bool takes_roots() const { return false; }
  /// Parameters that stand together, in some order: one or more sets of equally many, whose blocks
  /// are one and the same matrix, or are taken to be.
  using Sets = std::vector<std::vector<Index>>;
  /// Every parameter is in exactly one set of one block.
  virtual std::vector<Sets> gauss_newton_sets(bool with_roots) const = 0;
  /// How many blocks one output depends on, and with roots the outputs of one sample: no eigenvalue
  /// of J^T D J is larger when they, exact, are its preconditioner.
  virtual Index blocks_of_an_output(bool with_roots) const = 0;
  /// To be called at a point before its blocks are asked for. \param roots S_1, S_2, ... side by
  /// side, shape (outputs a sample, N); of size 0 without
  virtual void begin_gauss_newton_blocks(ConstMatrixRef roots) = 0;
  /// The lower triangle of block b at the map's last point, shape (size, size) with the size of its
  /// sets. Threads ask for several at once.
  virtual void gauss_newton_block(Index b, MatrixRef block) const = 0;
  /// Flops of all blocks together, for the choice of solver.
  virtual double gauss_newton_block_flops(bool with_roots) const = 0;
};

}  // namespace gradflow
