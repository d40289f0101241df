#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/relu_pieces.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// The neurons of a two-layer network that slide in surfaces z = w_k . x_i + b_k = 0, which are
/// linear: each neuron's weights (w_k, b_k) keep off the span of the (x_i, 1) that hold it.
class SlidingNeurons {
 public:
  /// None.
  SlidingNeurons() = default;
  /// Those of the kinks of `pieces`, as they change; `inputs` (d, n): a column a sample.
  SlidingNeurons(HiddenLayer layer, std::shared_ptr<const ReluPieces> pieces,
                 std::shared_ptr<const Matrix> inputs);

  bool any() const { return pieces_ && !pieces_->kinks().empty(); }
  /// Takes what leads out of the surfaces off a vector like w.
  void project(VectorRef v);
  /// A -> P A P of a neuron's block, P the projection off its normals; the block has a row more
  /// for what is not its (w_k, b_k).
  void project_block(Index neuron, MatrixRef block);
  /// Of a Gram matrix of gradients sum_k g_ki g_kj (x_i . x_j + 1), g of shape (neurons, n): takes
  /// off what is along normals.
  void take_off_gram(ConstMatrixRef g, MatrixRef gram);

 private:
  /// An orthonormal basis of the span of a neuron's normals; no columns where it does not slide.
  const Matrix& normals_of(Index neuron) { return normals_[static_cast<std::size_t>(neuron)]; }
  void refresh();
  Index extended() const { return layer_.inputs + (layer_.has_bias() ? 1 : 0); }

  HiddenLayer layer_{};
  std::shared_ptr<const ReluPieces> pieces_;
  std::shared_ptr<const Matrix> inputs_;
  std::vector<Matrix> normals_;
  std::vector<Index> sliders_;
  std::uint64_t revision_ = 0;  ///< of the pieces that the normals are of
  Vector neuron_, sample_;
};

}  // namespace gradflow
