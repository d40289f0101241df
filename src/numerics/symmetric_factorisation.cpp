#include "numerics/symmetric_factorisation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "numerics/parallel.hpp"

namespace gradflow {

namespace {

/// Transposed copies go by tiles, as strided access to whole columns misses the cache.
constexpr Index tile = 32;

template <typename Visit>
void for_each_tile_below_diagonal(Index n, Visit&& visit) {
  for (Index j = 0; j < n; j += tile) {
    for (Index i = j; i < n; i += tile) visit(i, j, std::min(tile, n - i), std::min(tile, n - j));
  }
}

/// The lower triangle of a matrix in columns of `stride` entries.
struct Columns {
  double* data;
  Index stride;
  double& operator()(Index i, Index j) const { return data[i + j * stride]; }
};

/// Rows and columns of L that are worked out at once, kept in registers: of columns as many as
/// leave registers for a column of rows beside them. Measured against Eigen's LLT, which works by
/// general products and is 1.2 to 3 times slower up to n = 400: narrower vectors want fewer.
constexpr int lanes = Eigen::internal::packet_traits<double>::size;
constexpr int tall = lanes == 8 ? 16 : lanes == 4 ? 12 : 4;
constexpr int wide = lanes == 8 ? 8 : 4;

/// a(i.., j..) - sum_k<j a(i.., k) a(j.., k)^T, rows x columns.
template <int rows, int columns>
Eigen::Matrix<double, rows, columns> difference(Columns a, Index i, Index j) {
  using Column = Eigen::Matrix<double, rows, 1>;
  Eigen::Matrix<double, rows, columns> sum;
  for (int c = 0; c < columns; ++c) sum.col(c) = Eigen::Map<const Column>(&a(i, j + c));
  for (Index k = 0; k < j; ++k) {
    const Eigen::Map<const Column> left(&a(i, k));
    const double* right = &a(j, k);
    for (int c = 0; c < columns; ++c) sum.col(c) -= right[c] * left;
  }
  return sum;
}

template <int rows, int columns>
void subtract_products(Columns a, Index i, Index j) {
  const auto sum = difference<rows, columns>(a, i, j);
  for (int c = 0; c < columns; ++c)
    Eigen::Map<Eigen::Matrix<double, rows, 1>>(&a(i, j + c)) = sum.col(c);
}

/// That in place of a(i.., j..), on rows first to last.
template <int columns>
void subtract_products(Columns a, Index first, Index last, Index j) {
  Index i = first;
  for (; i + tall <= last; i += tall) subtract_products<tall, columns>(a, i, j);
  for (; i + 4 <= last; i += 4) subtract_products<4, columns>(a, i, j);
  for (; i < last; ++i) subtract_products<1, columns>(a, i, j);
}

/// L(i, j..) for rows first to last of a panel of columns whose square on the diagonal is done.
template <int columns>
void panel_below(Columns a, Index first, Index last, Index j) {
  subtract_products<columns>(a, first, last, j);
  for (int c = 0; c < columns; ++c) {
    for (int q = 0; q < c; ++q) {
      const double factor = a(j + c, j + q);
      for (Index i = first; i < last; ++i) a(i, j + c) -= factor * a(i, j + q);
    }
    const double inverse = 1 / a(j + c, j + c);
    for (Index i = first; i < last; ++i) a(i, j + c) *= inverse;
  }
}

/// L of one panel, its square first. False where a pivot is not positive, or NaN.
template <int columns>
bool factorise_panel(Columns a, Index n, Index j) {
  const auto square = difference<columns, columns>(a, j, j);
  for (int c = 0; c < columns; ++c) {
    for (int r = c; r < columns; ++r) {
      double& entry = a(j + r, j + c) = square(r, c);
      for (int q = 0; q < c; ++q) entry -= a(j + r, j + q) * a(j + c, j + q);
    }
    const double pivot = a(j + c, j + c);
    // Infinite entries elsewhere become NaN on the way to their row's pivot.
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    a(j + c, j + c) = std::sqrt(pivot);
    for (int r = c + 1; r < columns; ++r) a(j + r, j + c) /= a(j + c, j + c);
  }
  panel_below<columns>(a, j + columns, n, j);
  return true;
}

/// A = L L^T in place, panel by panel: n^3/3 flops.
bool factorise_square(Columns a, Index n) {
  Index j = 0;
  for (; j + wide <= n; j += wide)
    if (!factorise_panel<wide>(a, n, j)) return false;
  for (; j < n; ++j)
    if (!factorise_panel<1>(a, n, j)) return false;
  return true;
}

/// Rows first to last of B L^-T, B below a square of n columns that is factorised.
void solve_below(Columns a, Index n, Index first, Index last) {
  Index j = 0;
  for (; j + wide <= n; j += wide) panel_below<wide>(a, first, last, j);
  for (; j < n; ++j) panel_below<1>(a, first, last, j);
}

}  // namespace

Matrix& SymmetricFactorisation::storage(Index n) {
  if (n < 0) throw std::invalid_argument("SymmetricFactorisation: negative size");
  storage_.resize(n, n);
  // All that the second factorisation needs, so that it may come at any time without an allocation.
  for (Vector* v : {&diagonal_, &d_, &d_off_, &magnitude_, &work_}) v->resize(n);
  exchange_.resize(static_cast<std::size_t>(n));
  factorised_ = false;
  return storage_;
}

SymmetricFactorisation::Outcome SymmetricFactorisation::factorise(ConstMatrixRef A) {
  if (A.rows() != A.cols()) {
    throw std::invalid_argument("SymmetricFactorisation: the matrix is not square");
  }
  storage(A.rows()).triangularView<Eigen::Lower>() = A;
  return factorise_in_place();
}

void solve_cholesky(ConstMatrixRef L, VectorRef b) {
  L.triangularView<Eigen::Lower>().solveInPlace(b);
  L.triangularView<Eigen::Lower>().transpose().solveInPlace(b);
}

bool cholesky_in_place(MatrixRef A) {
  const Index n = A.rows();
  if (n != A.cols()) throw std::invalid_argument("cholesky_in_place: the matrix is not square");
  // A square and its share of the rows below stay in the second-level cache.
  constexpr Index block = 256;
  for (Index k = 0; k < n; k += block) {
    const Index width = std::min(block, n - k), next = k + width, rest = n - next;
    if (!factorise_square({&A(k, k), A.outerStride()}, width)) return false;
    const auto part = [&](Index p) { return std::min(block, rest - p * block); };
    const Index parts = (rest + block - 1) / block;
    parallel_for(parts, [&](Index p) {
      solve_below({&A(k, k), A.outerStride()}, width, width + p * block,
                  width + p * block + part(p));
    });
    parallel_for(parts, [&](Index p) {
      const Index start = next + p * block, columns = part(p), below = n - start - columns;
      const auto left = A.block(start, k, columns, width);
      A.block(start, start, columns, columns).triangularView<Eigen::Lower>() -=
          left * left.transpose();
      A.block(start + columns, start, below, columns).noalias() -=
          A.block(start + columns, k, below, width) * left.transpose();
    });
  }
  return true;
}

SymmetricFactorisation::Outcome SymmetricFactorisation::factorise_in_place() {
  const Index n = storage_.rows();
  if (storage_.cols() != n) {
    throw std::invalid_argument("SymmetricFactorisation: the storage is not square");
  }
  factorised_ = true;
  negative_ = 0;
  mirror_lower_triangle();
  diagonal_ = storage_.diagonal();

  cholesky_ = cholesky_in_place(storage_);
  if (cholesky_) return outcome_ = Outcome::positive_definite;

  restore_lower_triangle();
  if (!storage_.allFinite()) return outcome_ = Outcome::singular;
  bunch_kaufman();
  return outcome_ = count_signs();
}

void SymmetricFactorisation::mirror_lower_triangle() {
  for_each_tile_below_diagonal(storage_.rows(), [this](Index i, Index j, Index rows, Index cols) {
    if (i == j) {
      for (Index c = j; c < j + cols; ++c) {
        for (Index r = c + 1; r < i + rows; ++r) storage_(c, r) = storage_(r, c);
      }
    } else {
      storage_.block(j, i, cols, rows) = storage_.block(i, j, rows, cols).transpose();
    }
  });
}

void SymmetricFactorisation::restore_lower_triangle() {
  for_each_tile_below_diagonal(storage_.rows(), [this](Index i, Index j, Index rows, Index cols) {
    if (i == j) {
      for (Index c = j; c < j + cols; ++c) {
        for (Index r = c + 1; r < i + rows; ++r) storage_(r, c) = storage_(c, r);
      }
    } else {
      storage_.block(i, j, rows, cols) = storage_.block(j, i, cols, rows).transpose();
    }
  });
  storage_.diagonal() = diagonal_;
}

void SymmetricFactorisation::bunch_kaufman() {
  const Index n = storage_.rows();
  d_.setZero(n);
  d_off_.setZero(n);
  magnitude_ = diagonal_.cwiseAbs();

  for (Index k = 0; k < n;) {
    // The second exchange is of what the first has left in place: `second` is never k.
    const auto [first, second] = choose_pivot(k);
    exchange_[static_cast<std::size_t>(k)] = first;
    swap_rows_and_columns(k, k, first);
    if (second != first) {
      exchange_[static_cast<std::size_t>(k + 1)] = second;
      swap_rows_and_columns(k, k + 1, second);
      eliminate_two(k);
      k += 2;
    } else {
      eliminate_one(k);
      k += 1;
    }
  }
}

/// The largest entry, by magnitude, beside the diagonal in row `row` of the symmetric matrix that
/// is left at step k; its place is `row` if there is none.
std::pair<Index, double> SymmetricFactorisation::largest_off_diagonal(Index k, Index row) const {
  Index place = row;
  double largest = 0;
  const Index before = row - k, after = storage_.rows() - row - 1;
  if (before > 0) {
    largest = storage_.row(row).segment(k, before).cwiseAbs().maxCoeff(&place);
    place += k;
  }
  if (after > 0) {
    Index below = 0;
    const double value = storage_.col(row).tail(after).cwiseAbs().maxCoeff(&below);
    if (value > largest) {
      largest = value;
      place = row + 1 + below;
    }
  }
  return {place, largest};
}

/// The indices of the pivot block of step k: {i, i} for the diagonal entry i, else a 2x2 block.
/// Goes from row to row, each time to the largest entry, until a diagonal entry is at least alpha
/// times the largest of its row, or an entry beside the diagonal is the largest of both its rows.
std::pair<Index, Index> SymmetricFactorisation::choose_pivot(Index k) const {
  // The ratio that bounds the growth over a 2x2 step by that over two 1x1 steps.
  const double alpha = (1 + std::sqrt(17.0)) / 8;
  Index from = k;
  auto [row, largest] = largest_off_diagonal(k, k);
  if (std::abs(storage_(k, k)) >= alpha * largest) return {k, k};
  for (;;) {
    const auto [next, next_largest] = largest_off_diagonal(k, row);
    if (std::abs(storage_(row, row)) >= alpha * next_largest) return {row, row};
    // The largest entries grow strictly from row to row, so that the search ends and does not come
    // back to row k.
    if (!(next_largest > largest)) return {from, row};
    from = row;
    row = next;
    largest = next_largest;
  }
}

/// Exchange rows and columns p <= q of the matrix that is left at step k (in its lower triangle)
/// and rows p and q of the columns of L that are done, so that L is triangular in the end.
void SymmetricFactorisation::swap_rows_and_columns(Index k, Index p, Index q) {
  if (p == q) return;
  Matrix& a = storage_;
  const Index n = a.rows();
  a.row(p).head(k).swap(a.row(q).head(k));
  for (Index j = k; j < p; ++j) std::swap(a(p, j), a(q, j));
  for (Index j = p + 1; j < q; ++j) std::swap(a(j, p), a(q, j));
  a.col(p).tail(n - q - 1).swap(a.col(q).tail(n - q - 1));
  std::swap(a(p, p), a(q, q));
  std::swap(magnitude_[p], magnitude_[q]);
}

void SymmetricFactorisation::eliminate_one(Index k) {
  Matrix& a = storage_;
  const Index rest = a.rows() - k - 1;
  d_[k] = a(k, k);
  // The pivot rule leaves a zero pivot only where its whole column is zero: nothing to eliminate.
  if (d_[k] == 0 || rest == 0) return;
  auto l = a.col(k).tail(rest);
  auto w = work_.head(rest);
  w = l;
  l /= d_[k];
  magnitude_.tail(rest) += w.cwiseProduct(l).cwiseAbs();
  for (Index j = 0; j < rest; ++j) {
    a.col(k + 1 + j).tail(rest - j) -= w[j] * l.tail(rest - j);
  }
}

void SymmetricFactorisation::eliminate_two(Index k) {
  Matrix& a = storage_;
  const Index n = a.rows();
  d_[k] = a(k, k);
  d_[k + 1] = a(k + 1, k + 1);
  d_off_[k] = a(k + 1, k);
  a(k + 1, k) = 0;
  // The inverse of the block, scaled by its off-diagonal, which is its largest entry.
  const double d = d_off_[k];
  const double d11 = d_[k + 1] / d;
  const double d22 = d_[k] / d;
  const double scale = 1 / (d11 * d22 - 1) / d;
  for (Index j = k + 2; j < n; ++j) {
    const double x = a(j, k);
    const double y = a(j, k + 1);
    const double lx = scale * (d11 * x - y);
    const double ly = scale * (d22 * y - x);
    magnitude_[j] += std::abs(lx * x) + std::abs(ly * y);
    const Index rest = n - j;
    a.col(j).tail(rest) -= lx * a.col(k).tail(rest) + ly * a.col(k + 1).tail(rest);
    a(j, k) = lx;
    a(j, k + 1) = ly;
  }
}

/// Signs of the eigenvalues of D. A pivot counts as zero if it is within the rounding error that
/// its subtractions have left: a random walk of n steps on the scale of the subtracted terms,
/// rather than a fraction of the largest entry of A, which would take the small eigenvalues of a
/// graded matrix for zero. The factor leaves room for the rounding of A itself and its growth in
/// the elimination: of 40000 random matrices of deficient rank and size 3 to 500, rounded from Q
/// diag Q^T, the worst needed 17.
SymmetricFactorisation::Outcome SymmetricFactorisation::count_signs() {
  const Index n = storage_.rows();
  const double unit =
      32 * std::sqrt(static_cast<double>(n)) * std::numeric_limits<double>::epsilon();
  bool singular = false;
  const auto count = [&](double eigenvalue, double scale) {
    // In this order NaN, from an overflow, counts as zero.
    if (!(std::abs(eigenvalue) > unit * scale) || !std::isfinite(eigenvalue)) {
      singular = true;
    } else if (eigenvalue < 0) {
      ++negative_;
    }
  };
  for (Index k = 0; k < n; ++k) {
    if (d_off_[k] == 0) {
      count(d_[k], magnitude_[k]);
      continue;
    }
    const double mean = 0.5 * d_[k] + 0.5 * d_[k + 1];
    const double spread = std::hypot(0.5 * d_[k] - 0.5 * d_[k + 1], d_off_[k]);
    // The pivot rule makes the determinant negative; the smaller eigenvalue comes from it, as
    // |mean| - spread would cancel.
    const double larger = std::copysign(std::abs(mean) + spread, mean);
    const double smaller = (d_[k] / larger) * d_[k + 1] - (d_off_[k] / larger) * d_off_[k];
    const double scale = std::max(magnitude_[k], magnitude_[k + 1]);
    count(larger, scale);
    count(smaller, scale);
    ++k;
  }
  if (singular) return Outcome::singular;
  return negative_ > 0 ? Outcome::indefinite : Outcome::positive_definite;
}

template <typename Columns>
void SymmetricFactorisation::solve_columns(Columns&& b) const {
  const Index n = storage_.rows();
  if (cholesky_) {
    const auto lower = storage_.triangularView<Eigen::Lower>();
    lower.solveInPlace(b);
    lower.transpose().solveInPlace(b);
    return;
  }
  const auto lower = storage_.triangularView<Eigen::UnitLower>();
  for (Index k = 0; k < n; ++k) {
    const Index other = exchange_[static_cast<std::size_t>(k)];
    if (other != k) b.row(k).swap(b.row(other));
  }
  lower.solveInPlace(b);
  for (Index k = 0; k < n; ++k) {
    if (d_off_[k] == 0) {
      b.row(k) /= d_[k];
      continue;
    }
    const double d = d_off_[k];
    const double d11 = d_[k + 1] / d;
    const double d22 = d_[k] / d;
    const double determinant = d11 * d22 - 1;
    for (Index j = 0; j < b.cols(); ++j) {
      const double x = b(k, j) / d;
      const double y = b(k + 1, j) / d;
      b(k, j) = (d11 * x - y) / determinant;
      b(k + 1, j) = (d22 * y - x) / determinant;
    }
    ++k;
  }
  lower.transpose().solveInPlace(b);
  for (Index k = n; k-- > 0;) {
    const Index other = exchange_[static_cast<std::size_t>(k)];
    if (other != k) b.row(k).swap(b.row(other));
  }
}

void SymmetricFactorisation::solve_in_place(MatrixRef B) const {
  if (!factorised_) throw std::logic_error("SymmetricFactorisation: solve before factorise");
  if (outcome_ == Outcome::singular) {
    throw std::logic_error("SymmetricFactorisation: solve with a singular matrix");
  }
  if (B.rows() != storage_.rows()) {
    throw std::invalid_argument("SymmetricFactorisation: right-hand side of another size");
  }
  // One column goes by matrix-vector kernels, which Eigen chooses by the type.
  if (B.cols() == 1) {
    solve_columns(B.col(0));
  } else {
    solve_columns(B);
  }
}

}  // namespace gradflow
