#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

class BatchMap;
class MapPieces;

/// Curvature of the outputs that is block diagonal in the parameters: which parameters stand
/// together. Block b holds the parameters index[start[b]] ... index[start[b+1]-1]; every parameter
/// is in exactly one block.
struct BlockStructure {
  std::vector<Index> start;
  std::vector<Index> index;
  Index blocks() const { return static_cast<Index>(start.size()) - 1; }
  Index largest() const;
};

/// The outputs f(w) of a model on its data, f: R^p -> R^N (N = samples x outputs a sample), and
/// their derivatives. A model of the loss kind is this class and nothing else: gradient,
/// Gauss-Newton matrix, Hessian-vector product, tangent kernel and the projection on the kernel of
/// the Jacobian are made from it.
///
/// `evaluate` sets the point w; all products refer to the last point. A map may keep what it
/// computed there, so it belongs to one thread; `clone` gives another.
class OutputMap {
 public:
  virtual ~OutputMap() = default;
  virtual std::unique_ptr<OutputMap> clone() const = 0;

  virtual Index parameters() const = 0;  ///< p
  virtual Index outputs() const = 0;     ///< N

  /// f(w), shape (N); moves the point to w.
  virtual void evaluate(ConstVectorRef w, VectorRef f) = 0;
  /// J v, shape (N), J = df/dw.
  virtual void jacobian_times(ConstVectorRef v, VectorRef jv) = 0;
  /// J^T u, shape (p).
  virtual void transpose_times(ConstVectorRef u, VectorRef jtu) = 0;
  /// sum_i u_i (hess f_i) v, shape (p). u is (N), v is (p).
  virtual void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) = 0;

  /// J^T as a matrix, shape (p, N). By default N products with unit vectors.
  virtual void transposed_jacobian(MatrixRef jt);
  /// K = J diag(weight) J^T, shape (N, N), both triangles; an empty weight stands for ones.
  /// By default from the transposed Jacobian: 2pN doubles of memory and N^2 p flops; a model that
  /// knows better overrides it.
  virtual void gram(ConstVectorRef weight, MatrixRef k);
  /// Flops of one `gram` call (for the choice of solver).
  virtual double gram_flops() const;
  /// Flops of one evaluation (for the choice of solver).
  virtual double evaluate_flops() const = 0;
  /// Flops of one product J v or J^T u at the last point: activations are known there.
  virtual double product_flops() const { return evaluate_flops(); }

  /// Non-null where sum_i u_i hess f_i is block diagonal with small blocks.
  virtual const BlockStructure* curvature_blocks() const { return nullptr; }
  /// The blocks of sum_i u_i hess f_i at the last point, one after another, each column-major.
  /// Only called where `curvature_blocks` is non-null.
  virtual void curvature(ConstVectorRef u, VectorRef blocks);

  /// Non-null where there are kinks (flow/pieces.hpp).
  virtual MapPieces* pieces() { return nullptr; }

  /// n where the outputs are those of n samples, one after another and equally many each, over
  /// which the loss is a sum; 0 where they are not.
  virtual Index samples() const { return 0; }
  /// The outputs of some samples alone, for mini-batches (flow/mini_batch.hpp). Null, the default,
  /// has all evaluated; a map of n samples that knows better overrides it.
  virtual std::unique_ptr<BatchMap> batch_map() const;

  /// h += d J^T J + sum_i u_i hess f_i, shape (p, p), both triangles; an empty u stands for zeros.
  /// Only called where `hessian_flops` is given.
  virtual void add_hessian(double d, ConstVectorRef u, MatrixRef h);
  /// Flops of one such call; nothing where the map knows no way that is better than p products.
  virtual std::optional<double> hessian_flops() const { return std::nullopt; }

  /// True where f is affine in w, so that Gauss-Newton is the exact Hessian.
  virtual bool affine() const { return false; }

 private:
  Matrix jt_, weighted_;
  Vector unit_;
};

}  // namespace gradflow
