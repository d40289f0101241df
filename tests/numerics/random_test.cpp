#include "numerics/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "numerics/parallel.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("Philox4x32-10 gives the published known answers of Random123") {
  using Counter = std::array<std::uint32_t, 4>;
  constexpr std::uint32_t ones = 0xffffffffU;
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) ==
        Counter{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  CHECK(philox4x32_10({ones, ones, ones, ones}, {ones, ones}) ==
        Counter{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(philox4x32_10({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U},
                      {0xa4093822U, 0x299f31d0U}) ==
        Counter{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("A stream's words are those of an independent implementation, so old seeds stay valid") {
  // Philox on (block, splitmix64 finaliser of FNV-1a("data")), written separately in Python.
  RandomStream stream(20240229, "data");
  for (const std::uint64_t expected :
       {0xb5d0f4635d355071U, 0x2d81f174aba9683dU, 0x7d5bc93ced3c946bU, 0xb6e607683cc4f41dU}) {
    CHECK(stream.next() == expected);
  }
}

TEST_CASE("Streams with different uses or seeds share nothing, equal ones everything") {
  RandomStream data(1, "data"), again(1, "data"), noise(1, "noise"), other(2, "data");
  // Adding draws to one stream does not shift another.
  for (int i = 0; i < 7; ++i) noise.next();
  constexpr int n = 100000;
  double with_noise = 0, with_other = 0;
  bool equal = true;
  for (int i = 0; i < n; ++i) {
    const double x = data.normal();
    equal = equal && x == again.normal();
    with_noise += x * noise.normal();
    with_other += x * other.normal();
  }
  CHECK(equal);
  // Sample correlations have standard deviation 1/sqrt(n); five of them.
  CHECK(std::abs(with_noise / n) < 5 / std::sqrt(n));
  CHECK(std::abs(with_other / n) < 5 / std::sqrt(n));
}

TEST_CASE("A stream that is put to a saved position continues exactly") {
  RandomStream stream(99, "batch");
  stream.normal();
  stream.permutation(17);
  stream.uniform();
  const std::uint64_t saved = stream.position();
  std::vector<double> expected;
  for (int i = 0; i < 9; ++i) expected.push_back(stream.normal());
  expected.push_back(static_cast<double>(stream.below(1000)));

  RandomStream restarted(99, "batch");
  restarted.seek(saved);
  for (int i = 0; i < 9; ++i) CHECK(restarted.normal() == expected[static_cast<std::size_t>(i)]);
  CHECK(static_cast<double>(restarted.below(1000)) == expected.back());
  CHECK(restarted.position() == stream.position());
}

TEST_CASE("Every uniform and every normal draw takes one position") {
  RandomStream stream(5, "noise");
  stream.uniform();
  stream.normal();
  CHECK(stream.position() == 2);
  Matrix m(3, 5);
  stream.fill_normal(m);
  CHECK(stream.position() == 17);
}

TEST_CASE("A vector is filled with the numbers of the stream in their order, any threads") {
  const Index n = 20001;
  RandomStream one(9, "data"), filled(9, "data"), by_threads(9, "data");
  one.next();  // from within a block
  filled.next();
  by_threads.next();
  Matrix expected(n, 2), plain(n, 2), parallel(n, 2);
  for (double& entry : expected.reshaped()) entry = 0.5 * one.normal();
  filled.fill_normal(plain, 0.5);
  CHECK(plain == expected);
  const LoopThreads threads(3);
  by_threads.fill_normal(parallel, 0.5);
  CHECK(parallel == expected);
  CHECK(by_threads.position() == one.position());
}

TEST_CASE("Seeking to any position gives the word that is drawn there in sequence") {
  RandomStream sequence(7, "data"), jumping(7, "data");
  std::vector<std::uint64_t> words;
  for (int i = 0; i < 10; ++i) words.push_back(sequence.next());
  for (const std::uint64_t p : {9U, 0U, 3U, 3U, 4U, 1U, 8U}) {
    jumping.seek(p);
    CHECK(jumping.next() == words[p]);
  }
}

TEST_CASE("Uniform draws lie in the open unit interval with the moments of the law") {
  RandomStream stream(3, "data");
  constexpr int n = 200000;
  double sum = 0, squares = 0, low = 1, high = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.uniform();
    sum += u;
    squares += u * u;
    low = std::min(low, u);
    high = std::max(high, u);
  }
  CHECK(low > 0);
  CHECK(high < 1);
  // Five standard errors: var u = 1/12, var u^2 = 4/45.
  CHECK(std::abs(sum / n - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
}

TEST_CASE("The normal quantile inverts the normal distribution function down to 2^-53") {
  // Published values (Abramowitz and Stegun 26.5; more digits from tables).
  CHECK(normal_quantile(0.5) == 0);
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-15));
  CHECK(normal_quantile(1e-10) == Approx(-6.361340902404056).epsilon(1e-15));
  for (double p = 0x1p-53; p < 0.5; p *= 1.07) {
    const double x = normal_quantile(p);
    // A relative error e of x changes Phi(x) by about (1 + x^2) e relative; e is 1e-15 in AS 241.
    const double tolerance = 2e-15 * (1 + x * x);
    CHECK(std::abs(0.5 * std::erfc(-x / std::sqrt(2.0)) / p - 1) < tolerance);
    if (p > 1e-3) CHECK(normal_quantile(1 - p) == Approx(-normal_quantile(p)).epsilon(1e-13));
  }
}

TEST_CASE("Normal draws have the first four moments of N(0, 1)") {
  RandomStream stream(11, "noise");
  constexpr int n = 400000;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (int i = 0; i < n; ++i) {
    const double x = stream.normal();
    m1 += x;
    m2 += x * x;
    m3 += x * x * x;
    m4 += x * x * x * x;
  }
  // Five standard errors; the variances of x, x^2, x^3, x^4 are 1, 2, 15, 96.
  CHECK(std::abs(m1 / n) < 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(m2 / n - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(m3 / n) < 5 * std::sqrt(15.0 / n));
  CHECK(std::abs(m4 / n - 3) < 5 * std::sqrt(96.0 / n));
}

TEST_CASE("Filling a vector, a matrix or a map draws column by column and scales") {
  RandomStream stream(4, "initial"), reference(4, "initial");
  Vector v(4);
  stream.fill_normal(v, 0.5);
  for (Index i = 0; i < 4; ++i) CHECK(v[i] == 0.5 * reference.normal());
  Matrix m(3, 2);
  stream.fill_normal(m);
  for (Index j = 0; j < 2; ++j) {
    for (Index i = 0; i < 3; ++i) CHECK(m(i, j) == reference.normal());
  }
  std::vector<double> memory(6);
  stream.fill_uniform(Eigen::Map<Vector>(memory.data(), 6), -2, 3);
  for (const double x : memory) {
    CHECK(x == reference.uniform(-2, 3));
    CHECK((x >= -2 && x <= 3));
  }
}

TEST_CASE("Integers below n are unbiased and in range") {
  RandomStream stream(8, "batch");
  constexpr int n = 70000;
  std::array<int, 7> counts{};
  for (int i = 0; i < n; ++i) ++counts[stream.below(7)];
  double chi_square = 0;
  for (const int count : counts) chi_square += std::pow(count - n / 7.0, 2) / (n / 7.0);
  CHECK(chi_square < 27.9);  // the 1e-4 quantile of the upper tail at 6 degrees of freedom

  // With n = 3 * 2^62 a plain remainder would be below 2^62 with probability 1/2, not 1/3, and one
  // word in four is rejected.
  constexpr std::uint64_t large = 3ULL << 62U;
  int low = 0;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t x = stream.below(large);
    REQUIRE(x < large);
    low += x < large / 3 ? 1 : 0;
  }
  CHECK(std::abs(low / static_cast<double>(n) - 1.0 / 3) < 5 * std::sqrt(2.0 / 9 / n));
  CHECK(stream.below(1) == 0);
  CHECK_THROWS_AS(stream.below(0), std::invalid_argument);
}

TEST_CASE("Permutations hold every index once and all orders are equally likely") {
  RandomStream stream(21, "batch");
  std::vector<Index> order = stream.permutation(1000);
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) REQUIRE(order[i] == static_cast<Index>(i));
  CHECK(stream.permutation(0).empty());
  CHECK_THROWS_AS(stream.permutation(-1), std::invalid_argument);

  constexpr int n = 60000;
  std::array<int, 27> counts{};
  for (int i = 0; i < n; ++i) {
    const auto p = stream.permutation(3);
    ++counts[static_cast<std::size_t>(9 * p[0] + 3 * p[1] + p[2])];
  }
  double chi_square = 0;
  int seen = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    ++seen;
    chi_square += std::pow(count - n / 6.0, 2) / (n / 6.0);
  }
  CHECK(seen == 6);
  CHECK(chi_square < 25.7);  // the 1e-4 quantile of the upper tail at 5 degrees of freedom
}
