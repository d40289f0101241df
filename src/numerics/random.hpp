#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// The block function Philox4x32-10: 128 random bits as a pure function of a 128-bit counter and a
/// 64-bit key. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// The inverse of the standard normal distribution function, for 0 < p < 1, to about 1e-15
/// relative (Wichura, algorithm AS 241, 1988). Made of IEEE operations with one defined result
/// (+, *, /, sqrt, fma) only, so that it gives the same bits with every compiler and math library.
double normal_quantile(double p);

/// A stream of random numbers, named by its use: "data", "initial", "noise", "batch", ...
///
/// The numbers are a function of (seed, use, position) alone: streams with different uses are
/// independent, so that one draw more from one does not shift another, and a restart that carries
/// `position()` goes on with exactly the numbers of an uninterrupted run. The seed is Philox's key;
/// the hash of the use is the upper half of its counter, so that two streams can only coincide if
/// the 64-bit hashes of their names do.
///
/// Every draw takes one 64-bit word, except `below` (one word, very rarely more) and what is built
/// on it. All results are the same bits on every platform.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view use);

  /// 64 random bits.
  std::uint64_t next() {
    if ((position_ & 1U) == 0 || !block_valid_) refill();
    return block_[position_++ & 1U];
  }

  /// Uniform in the open interval (0, 1): odd multiples of 2^-53, symmetric about 1/2.
  double uniform() { return (static_cast<double>(next() >> 12U) + 0.5) * 0x1p-52; }

  /// Uniform between lo and hi (which rounding may return).
  double uniform(double lo, double hi);

  /// Standard normal, by inversion: one word a draw.
  double normal() { return normal_quantile(uniform()); }

  /// Uniform on {0, ..., n-1} without bias (Lemire 2019). Throws std::invalid_argument for n = 0.
  std::uint64_t below(std::uint64_t n);

  /// The same stream, `words` further on.
  RandomStream ahead(Index words) const {
    RandomStream other = *this;
    other.seek(position_ + static_cast<std::uint64_t>(words));
    return other;
  }

  /// Fill a vector or a matrix (column by column) with independent N(0, sd^2); in parallel, to the
  /// same numbers.
  void fill_normal(MatrixRef out, double sd = 1);

  /// Fill a vector or a matrix (column by column) with independent uniforms between lo and hi.
  void fill_uniform(MatrixRef out, double lo = 0, double hi = 1);

  /// A uniformly random order of 0, ..., n-1 (Fisher-Yates). Throws std::invalid_argument for n <
  /// 0.
  std::vector<Index> permutation(Index n);

  /// The number of 64-bit words drawn so far: with seed and use, the whole state.
  std::uint64_t position() const { return position_; }

  /// Go to a position, in O(1).
  void seek(std::uint64_t position) {
    position_ = position;
    block_valid_ = false;
  }

 private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 2> use_hash_;
  std::uint64_t position_ = 0;
  std::array<std::uint64_t, 2> block_{};
  bool block_valid_ = false;
};

}  // namespace gradflow
