#include "numerics/long_vectors.hpp"

#include <limits>

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

Vector random_vector(RandomStream& stream, Index n) {
  Vector v(n);
  stream.fill_normal(v);
  return v;
}

/// Each entry within a few roundings of what it is made of.
bool close(const Vector& found, const Vector& expected, const Vector& sizes) {
  return found.size() == expected.size() &&
         ((found - expected).array().abs() <= 4 * epsilon * sizes.array()).all();
}

struct Results {
  Vector added, divided, combined;
  double dot = 0, norm = 0;
  bool operator==(const Results&) const = default;
};

Results results(const Vector& u, const Vector& v, const Matrix& K, const Vector& c) {
  Results all{u, u, u, long_vectors::dot(u, v), long_vectors::norm(u)};
  long_vectors::add_scaled(0.3, v, all.added);
  long_vectors::divide(u, 1.7, all.divided);
  long_vectors::combine(K, c, all.combined);
  return all;
}

}  // namespace

TEST_CASE("Operations on long vectors are what they say, with the same bits on any threads") {
  RandomStream stream(3, "long vectors");
  for (const Index n : {0, 1, 8191, 8192, 8193, 50001}) {
    CAPTURE(n);
    const Vector u = random_vector(stream, n), v = random_vector(stream, n);
    Matrix K(n, 3);
    K << u, v, u - v;
    const Vector c = Vector::LinSpaced(3, 1, 2), sizes = u.cwiseAbs() + v.cwiseAbs();
    const Results found = results(u, v, K, c);
    CHECK(close(found.added, u + 0.3 * v, sizes));
    CHECK(close(found.divided, u / 1.7, sizes));
    CHECK(close(found.combined, K * c, 4 * sizes));
    // Whatever the order of a sum: n roundings of its terms' sizes.
    const double rounding = static_cast<double>(n) * epsilon;
    CHECK(std::abs(found.dot - u.dot(v)) <= rounding * u.cwiseAbs().dot(v.cwiseAbs()));
    CHECK(std::abs(found.norm - u.norm()) <= rounding * u.norm());
    const LoopThreads threads(3);
    CHECK(results(u, v, K, c) == found);
  }
}

TEST_CASE("Of a long vector each entry is copied and looked at") {
  RandomStream stream(4, "long vectors");
  for (const Index n : {1, 8193, 50001})
    for (const Index at : {Index{0}, n - 1}) {
      CAPTURE(n, at);
      const LoopThreads threads(3);
      const Vector u = random_vector(stream, n);
      Vector other = Vector::Zero(n);
      long_vectors::copy(u, other);
      CHECK(other == u);
      CHECK(long_vectors::same(u, other));
      CHECK(long_vectors::all_finite(other));
      other[at] += 1;
      CHECK_FALSE(long_vectors::same(u, other));
      other[at] = std::numeric_limits<double>::quiet_NaN();
      CHECK_FALSE(long_vectors::all_finite(other));
      CHECK_FALSE(long_vectors::same(other, other));
    }
}
