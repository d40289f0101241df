#include "numerics/column_sums.hpp"

#include <cmath>

#include "numerics/random.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("Sums of columns are products with their matrix, whatever its size") {
  RandomStream stream(4, "column sums");
  for (const Index rows : {1, 7, 64, 1001})
    for (const Index columns : {1, 2, 3, 7, 8, 9, 12}) {
      // A block of a larger matrix, whose columns lie further apart.
      Matrix all(rows + 5, columns + 1);
      for (Index j = 0; j < all.cols(); ++j) stream.fill_normal(all.col(j));
      Vector base(rows), a(columns), c(columns), point(rows), sum(rows);
      for (Vector* v : {&base, &a, &c}) stream.fill_normal(*v);
      const auto K = all.block(2, 1, rows, columns);
      add_columns(base, K, a, c, point, sum);
      for (Index i = 0; i < rows; ++i) {
        double in_point = base[i], in_sum = 0, size = std::abs(base[i]);
        for (Index j = 0; j < columns; ++j) {
          in_point += K(i, j) * a[j];
          in_sum += K(i, j) * c[j];
          size += std::abs(K(i, j)) * (std::abs(a[j]) + std::abs(c[j]));
        }
        // Each of the sums' roundings is below epsilon of what is summed.
        const double tolerance = 2.3e-16 * static_cast<double>(columns + 1) * size;
        CHECK(std::abs(point[i] - in_point) <= tolerance);
        CHECK(std::abs(sum[i] - in_sum) <= tolerance);
      }
    }
}
