#pragma once

#include <utility>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// A = L L^T, L in the lower triangle of A's storage (n x n, the strictly upper one is not written,
/// and does not matter). False where A is not positive definite up to rounding, or not finite.
/// n^3/3 flops in blocks, whose products are shared out among the threads of the run.
bool cholesky_in_place(MatrixRef A);
/// b <- A^{-1} b with that L; 2n^2 flops.
void solve_cholesky(ConstMatrixRef L, VectorRef b);

/// Factorisation of a dense symmetric matrix A: Cholesky A = L L^T and, when that fails,
/// P A P^T = L D L^T with 1x1 and 2x2 blocks in D, which gives the inertia of A by Sylvester's law.
/// The pivots are those of bounded ("rook") Bunch-Kaufman (Ashcraft, Grimes and Lewis 1998;
/// LAPACK's dsytf2_rook): partial pivoting leaves L unbounded, and with it the rounding errors by
/// which a zero eigenvalue is told from a small one; the longer search costs order n^2 in practice.
///
/// Cost: n^3/3 flops for either (Cholesky is blocked, the other is a sequence of column-wise rank-1
/// and rank-2 updates), n^2 a solve and right-hand side. Storage is kept between calls: no
/// allocation of ours for equal sizes.
class SymmetricFactorisation {
 public:
  enum class Outcome {
    positive_definite,  ///< Cholesky succeeded: A is positive definite up to rounding
    indefinite,         ///< regular, with at least one negative eigenvalue
    singular  ///< a pivot is zero up to its own rounding error, or A has an entry that is not
              ///< finite
  };

  /// Factorise A, of which the lower triangle is read. Throws std::invalid_argument if A is not
  /// square.
  Outcome factorise(ConstMatrixRef A);

  /// The n x n storage, for callers that assemble A in its lower triangle (the strictly upper one
  /// is overwritten). To be followed by `factorise_in_place`.
  Matrix& storage(Index n);

  /// Factorise what is in the lower triangle of the storage. The strictly upper triangle and a
  /// saved diagonal keep the original, from which the second factorisation starts when Cholesky has
  /// destroyed the lower triangle.
  Outcome factorise_in_place();

  /// B <- A^-1 B, for a vector or a matrix of n rows. Throws std::logic_error if nothing has been
  /// factorised or the outcome was `singular`, std::invalid_argument for another number of rows.
  void solve_in_place(MatrixRef B) const;

  Index size() const { return storage_.rows(); }
  Outcome outcome() const { return outcome_; }

  /// Number of negative eigenvalues of A, without those that are zero up to rounding; 0 if A has
  /// entries that are not finite.
  Index negative_eigenvalues() const { return negative_; }

 private:
  void mirror_lower_triangle();
  void restore_lower_triangle();
  void bunch_kaufman();
  std::pair<Index, double> largest_off_diagonal(Index k, Index row) const;
  std::pair<Index, Index> choose_pivot(Index k) const;
  void swap_rows_and_columns(Index k, Index p, Index q);
  void eliminate_one(Index k);
  void eliminate_two(Index k);
  Outcome count_signs();
  template <typename Columns>
  void solve_columns(Columns&& b) const;

  Matrix storage_;               ///< L below the diagonal, A above
  Vector diagonal_;              ///< the diagonal of A
  Vector d_;                     ///< diagonal of D
  Vector d_off_;                 ///< d_off_[k] = D(k+1, k); not 0 marks a 2x2 block at k
  Vector magnitude_;             ///< diagonal of |L||D||L^T|, the scale of rounding in the pivots
  Vector work_;                  ///< columns before their division by the pivot
  std::vector<Index> exchange_;  ///< at step k, rows k and exchange_[k] were exchanged
  Outcome outcome_ = Outcome::singular;
  bool factorised_ = false;
  bool cholesky_ = false;
  Index negative_ = 0;
};

}  // namespace gradflow
