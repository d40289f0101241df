#include "numerics/random.hpp"

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "numerics/long_vectors.hpp"

namespace gradflow {

namespace {

std::uint32_t low_word(std::uint64_t x) {
  return static_cast<std::uint32_t>(x);
}
std::uint32_t high_word(std::uint64_t x) {
  return static_cast<std::uint32_t>(x >> 32U);
}

std::uint64_t join(std::uint32_t low, std::uint32_t high) {
  return static_cast<std::uint64_t>(high) << 32U | low;
}

/// FNV-1a, then the finaliser of splitmix64: FNV alone mixes the last letters poorly. Not
/// std::hash, which may differ between libraries.
std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3U;
  }
  h = (h ^ (h >> 30U)) * 0xbf58476d1ce4e5b9U;
  h = (h ^ (h >> 27U)) * 0x94d049bb133111ebU;
  return h ^ (h >> 31U);
}

/// Horner's rule, coefficients from the constant upwards. The fma is explicit: whether a compiler
/// contracts a * b + c is its choice, and would change the last bit.
template <std::size_t N>
double polynomial(const double (&c)[N], double x) {
  double sum = c[N - 1];
  for (std::size_t k = N - 1; k-- > 0;) sum = std::fma(sum, x, c[k]);
  return sum;
}

/// log x for normal x > 0: x = m 2^e with m in [1/sqrt 2, sqrt 2), log m = 2 atanh s with
/// s = (m - 1)/(m + 1), |s| < 0.172; the first term left out is below 1e-18 relative. Absolute
/// error of an ulp of the result once |log x| > 1, which is where it is used. Not std::log, whose
/// last bit differs between libraries and processors.
double portable_log(double x) {
  static constexpr double series[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                                      1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  static constexpr double ln2 = 0.693147180559945309417;
  static constexpr double sqrt_half = 0.707106781186547524401;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < sqrt_half) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double log_m = 2 * s * polynomial(series, s * s);
  return std::fma(static_cast<double>(exponent), ln2, log_m);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high_word(p1) ^ counter[1] ^ key[0], low_word(p1),
               high_word(p0) ^ counter[3] ^ key[1], low_word(p0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

double normal_quantile(double p) {
  // Rational approximations of AS 241 (PPND16) on |p - 1/2| <= 0.425, and in r = sqrt(-log tail)
  // on r <= 5 and beyond.
  static constexpr double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                 1.9715909503065514427e3, 1.3731693765509461125e4,
                                 4.5921953931549871457e4, 6.7265770927008700853e4,
                                 3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double b[] = {1.0,
                                 4.2313330701600911252e1,
                                 6.8718700749205790830e2,
                                 5.3941960214247511077e3,
                                 2.1213794301586595867e4,
                                 3.9307895800092710610e4,
                                 2.8729085735721942674e4,
                                 5.2264952788528545610e3};
  static constexpr double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                 5.76949722146069140550e0,  3.64784832476320460504e0,
                                 1.27045825245236838258e0,  2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double d[] = {1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
  static constexpr double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                 1.78482653991729133580e0,  2.96560571828504891230e-1,
                                 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                 2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double f[] = {1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15};
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = std::fma(-q, q, 0.180625);
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double tail = q < 0 ? p : 1 - p;
  const double r = std::sqrt(-portable_log(tail));
  const double x = r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6)
                          : polynomial(e, r - 5) / polynomial(f, r - 5);
  return q < 0 ? -x : x;
}

RandomStream::RandomStream(std::uint64_t seed, std::string_view use)
    : key_{low_word(seed), high_word(seed)} {
  const std::uint64_t hash = stable_hash(use);
  use_hash_ = {low_word(hash), high_word(hash)};
}

void RandomStream::refill() {
  const std::uint64_t block = position_ / 2;
  const auto words =
      philox4x32_10({low_word(block), high_word(block), use_hash_[0], use_hash_[1]}, key_);
  block_ = {join(words[0], words[1]), join(words[2], words[3])};
  block_valid_ = true;
}

double RandomStream::uniform(double lo, double hi) {
  return std::fma(hi - lo, uniform(), lo);
}

std::uint64_t RandomStream::below(std::uint64_t n) {
  if (n == 0) throw std::invalid_argument("RandomStream::below: n must be positive");
  __extension__ using Wide = unsigned __int128;
  // The upper half of word * n is uniform once the lower halves below 2^64 mod n are rejected.
  const std::uint64_t rejected = (0 - n) % n;
  for (;;) {
    const Wide product = static_cast<Wide>(next()) * n;
    if (static_cast<std::uint64_t>(product) >= rejected) {
      return static_cast<std::uint64_t>(product >> 64U);
    }
  }
}

void RandomStream::fill_normal(MatrixRef out, double sd) {
  for (Index j = 0; j < out.cols(); ++j) {
    long_vectors::for_stretches(out.rows(), [&](Index first, Index count) {
      RandomStream draws = ahead(first);
      for (Index i = first; i < first + count; ++i) out(i, j) = sd * draws.normal();
    });
    *this = ahead(out.rows());
  }
}

void RandomStream::fill_uniform(MatrixRef out, double lo, double hi) {
  for (Index j = 0; j < out.cols(); ++j) {
    for (Index i = 0; i < out.rows(); ++i) out(i, j) = uniform(lo, hi);
  }
}

std::vector<Index> RandomStream::permutation(Index n) {
  if (n < 0) throw std::invalid_argument("RandomStream::permutation: n must not be negative");
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

}  // namespace gradflow
