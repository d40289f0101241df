#include "numerics/activation_kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace gradflow {

namespace {

using Buffer = ActivationBuffer;

/// Arguments and results of a kernel, none of which overlap. All results have room, asked for or
/// not.
struct Chunk {
  const double* __restrict z;
  double* __restrict value;
  double* __restrict first;
  double* __restrict second;
};

constexpr double inv_sqrt_pi = 0.564189583547756286948;
constexpr double inv_sqrt_two_pi = 0.398942280401432677940;
constexpr double sqrt_half = 0.707106781186547524401;

/// e = exp(-c |z|), and d = e - 1 without cancellation, each to 2 ulp; beyond c |z| = 708, where e
/// is about to underflow, both stay what they are there. x = k log 2 + r with |r| <= log(2)/2; e^r
/// - 1 = r + r^2 q(r), q the Taylor polynomial to r^13/13!, whose remainder is below
/// (log(2)/2)^13/14! = 1e-17 of r. No division and no branch, so that compilers vectorise it
/// (libm's exp and expm1 they do not).
void decay(const double* __restrict z, Index n, double c, Buffer& e, Buffer& d) {
  constexpr double inverse_log_2 = 1.44269504088896340736;
  // log 2 in two parts, the first with zeros at its end, so that k times it is exact (Cody, Waite).
  constexpr double log_2_high = 6.93147180369123816490e-1, log_2_low = 1.90821492927058770002e-10;
  // Adding and subtracting it rounds to an integer, which its last bits then hold.
  constexpr double shifter = 0x1.8p52;
  // By way of a buffer (see below). NaN passes.
  for (Index i = 0; i < n; ++i) {
    const double a = c * std::abs(z[i]);
    e[i] = a > 708 ? -708.0 : -a;
  }
  for (Index i = 0; i < n; ++i) {
    const double x = e[i];
    const double shifted = x * inverse_log_2 + shifter;
    const double k = shifted - shifter;
    const double r = (x - k * log_2_high) - k * log_2_low;
    double q = 1.0 / 6227020800.0;
    q = q * r + 1.0 / 479001600.0;
    q = q * r + 1.0 / 39916800.0;
    q = q * r + 1.0 / 3628800.0;
    q = q * r + 1.0 / 362880.0;
    q = q * r + 1.0 / 40320.0;
    q = q * r + 1.0 / 5040.0;
    q = q * r + 1.0 / 720.0;
    q = q * r + 1.0 / 120.0;
    q = q * r + 1.0 / 24.0;
    q = q * r + 1.0 / 6.0;
    q = q * r + 0.5;
    const double small = r + r * r * q;
    const auto bits = std::bit_cast<std::int64_t>(shifted) << 52;
    const double power = std::bit_cast<double>(bits + std::bit_cast<std::int64_t>(1.0));  // 2^k
    e[i] = power * small + power;
    d[i] = power * small + (power - 1);
  }
}

/// y = exp(-c z^2) for c >= 1/2. Beyond |z| = 40 that is 0, which must be exact: the vectorised
/// exponential stops at 1e-308, and callers multiply by z.
void gaussian(const double* __restrict z, Index n, double c, Buffer& y) {
  for (Index i = 0; i < n; ++i) y[i] = std::abs(z[i]) > 40 ? 40 : z[i];
  for (Index i = 0; i < n; ++i) y[i] *= -c * y[i];
  y.head(n) = y.head(n).exp();
  for (Index i = 0; i < n; ++i) y[i] = std::abs(z[i]) > 40 ? 0 : y[i];
}

// A kernel computes value, and first and second for order >= 1 and 2, of z[0..n). Its loops have no
// branches, so that compilers vectorise them: selections are between values at hand, and a selected
// constant goes through a buffer, as GCC would make a branch of the arithmetic that follows from
// it.

// The comparisons of these two are such that NaN passes through.

void relu_kernel(const Chunk& c, Index n) {
  for (Index i = 0; i < n; ++i) {
    c.value[i] = c.z[i] <= 0 ? 0 : c.z[i];
    c.first[i] = c.z[i] <= 0 ? 0 : 1;
    c.second[i] = 0;
  }
}

void leaky_relu_kernel(const Chunk& c, Index n) {
  Buffer left;
  for (Index i = 0; i < n; ++i) left[i] = leaky_relu_slope * c.z[i];
  for (Index i = 0; i < n; ++i) {
    c.value[i] = c.z[i] <= 0 ? left[i] : c.z[i];
    c.first[i] = c.z[i] <= 0 ? leaky_relu_slope : 1;
    c.second[i] = 0;
  }
}

/// tanh |z| = -d/(2 + d) with d = expm1(-2|z|), which loses nothing at either end;
/// sigma' = 4e/(1 + e)^2 rather than 1 - tanh^2, which cancels in the tails.
void tanh_kernel(const Chunk& c, Index n, int order) {
  Buffer e, d, r;
  decay(c.z, n, 2, e, d);
  for (Index i = 0; i < n; ++i) {
    r[i] = 1 / (1 + e[i]);
    c.value[i] = std::copysign(d[i] * r[i], c.z[i]);
  }
  if (order < 1) return;
  for (Index i = 0; i < n; ++i) c.first[i] = 4 * e[i] * r[i] * r[i];
  if (order < 2) return;
  for (Index i = 0; i < n; ++i) c.second[i] = -2 * c.value[i] * c.first[i];
}

/// Logistic function s, s' = e/(1 + e)^2 and s'' = -s' tanh(z/2), with e = exp(-|z|).
void sigmoid_kernel(const double* __restrict z, Index n, double* __restrict value,
                    double* __restrict first, double* __restrict second) {
  Buffer e, d, left, right;
  decay(z, n, 1, e, d);
  for (Index i = 0; i < n; ++i) {
    const double r = 1 / (1 + e[i]);
    right[i] = r;
    left[i] = e[i] * r;
    first[i] = e[i] * r * r;
    second[i] = -std::copysign(first[i] * d[i] * r, z[i]);
  }
  for (Index i = 0; i < n; ++i) value[i] = z[i] < 0 ? left[i] : right[i];
}

/// log(1 + e^z) = max(z, 0) + log1p(e), e = exp(-|z|), and log1p(e) = 2 atanh(s) with
/// s = e/(2 + e) <= 1/3: a series in s^2 <= 1/9 without cancellation, of which 17 terms leave a
/// relative error of 9^-17/35 < 2e-18.
void softplus_kernel(const Chunk& c, Index n, int order) {
  static constexpr std::array<double, 17> series = {
      1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17,
      1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27, 1.0 / 29, 1.0 / 31, 1.0 / 33};
  Buffer e, d;
  decay(c.z, n, 1, e, d);
  for (Index i = 0; i < n; ++i) {
    const double s = e[i] / (2 + e[i]);
    const double t = s * s;
    double sum = series.back();
    for (std::size_t k = series.size() - 1; k-- > 0;) sum = sum * t + series[k];
    c.value[i] = 2 * s * sum + (c.z[i] <= 0 ? 0 : c.z[i]);
  }
  if (order < 1) return;
  Buffer unused;
  sigmoid_kernel(c.z, n, c.first, c.second, unused.data());
}

void erf_kernel(const Chunk& c, Index n, int order) {
  for (Index i = 0; i < n; ++i) c.value[i] = std::erf(c.z[i]);
  if (order < 1) return;
  Buffer density;
  gaussian(c.z, n, 1, density);
  for (Index i = 0; i < n; ++i) {
    c.first[i] = 2 * inv_sqrt_pi * density[i];
    c.second[i] = -2 * c.z[i] * c.first[i];
  }
}

/// z Phi(z), Phi(z) + z phi(z), (2 - z^2) phi(z); Phi by erfc, so that it keeps its relative
/// accuracy in the left tail.
void gelu_kernel(const Chunk& c, Index n, int order) {
  Buffer cdf;
  for (Index i = 0; i < n; ++i) {
    cdf[i] = 0.5 * std::erfc(-sqrt_half * c.z[i]);
    c.value[i] = c.z[i] * cdf[i];
  }
  if (order < 1) return;
  Buffer density;
  gaussian(c.z, n, 0.5, density);
  for (Index i = 0; i < n; ++i) {
    const double z_density = c.z[i] * inv_sqrt_two_pi * density[i];
    c.first[i] = cdf[i] + z_density;
    // Not z * z, which may overflow where the density is 0.
    c.second[i] = 2 * inv_sqrt_two_pi * density[i] - c.z[i] * z_density;
  }
}

void quadratic_kernel(const Chunk& c, Index n) {
  for (Index i = 0; i < n; ++i) {
    c.value[i] = c.z[i] * c.z[i];
    c.first[i] = 2 * c.z[i];
    c.second[i] = 2;
  }
}

void identity_kernel(const Chunk& c, Index n) {
  for (Index i = 0; i < n; ++i) {
    c.value[i] = c.z[i];
    c.first[i] = 1;
    c.second[i] = 0;
  }
}

void evaluate_chunk(ActivationKind kind, const Chunk& c, Index n, int order) {
  switch (kind) {
    case ActivationKind::relu:
      return relu_kernel(c, n);
    case ActivationKind::leaky_relu:
      return leaky_relu_kernel(c, n);
    case ActivationKind::tanh:
      return tanh_kernel(c, n, order);
    case ActivationKind::erf:
      return erf_kernel(c, n, order);
    case ActivationKind::gelu:
      return gelu_kernel(c, n, order);
    case ActivationKind::softplus:
      return softplus_kernel(c, n, order);
    case ActivationKind::sigmoid:
      return sigmoid_kernel(c.z, n, c.value, c.first, c.second);
    case ActivationKind::quadratic:
      return quadratic_kernel(c, n);
    case ActivationKind::identity:
      return identity_kernel(c, n);
    case ActivationKind::formula:
      throw std::logic_error("a formula is evaluated by itself");
  }
}

}  // namespace

void evaluate_named(ActivationKind kind, const double* z, Index n, double* value, double* first,
                    double* second) {
  const int order = second != nullptr ? 2 : first != nullptr ? 1 : 0;
  Buffer spare_first, spare_second;
  const auto place = [](double* results, Index start, Buffer& spare) {
    return results != nullptr ? results + start : spare.data();
  };
  const bool in_place = value == z || first == z || second == z;
  Buffer last, last_value;
  Index start = 0;
  for (; start + activation_chunk <= n; start += activation_chunk) {
    const double* input = z + start;
    if (in_place) input = std::copy_n(input, activation_chunk, last.data()) - activation_chunk;
    evaluate_chunk(kind,
                   {input, value + start, place(first, start, spare_first),
                    place(second, start, spare_second)},
                   activation_chunk, order);
  }
  if (start == n) return;
  const Index count = n - start, padded = padded_to_packets(count);
  std::copy_n(z + start, count, last.data());
  std::fill(last.data() + count, last.data() + padded, 0.0);
  evaluate_chunk(kind, {last.data(), last_value.data(), spare_first.data(), spare_second.data()},
                 padded, order);
  std::copy_n(last_value.data(), count, value + start);
  if (first != nullptr) std::copy_n(spare_first.data(), count, first + start);
  if (second != nullptr) std::copy_n(spare_second.data(), count, second + start);
}

}  // namespace gradflow
