#include "models/single_index_kernel.hpp"

#include <cmath>

#include "tests/catch.hpp"
#include "tests/numerics/gauss_hermite.hpp"

using namespace gradflow;
using namespace gradflow::test;

TEST_CASE("The overlap kernel of every activation is the Gaussian integral E sigma(x) sigma(y)") {
  // x = z1, y = r z1 + sqrt(1 - r^2) z2 by a product rule: kinks leave an error of about 1/nodes^2
  // times their height.
  const QuadratureRule rule = gauss_hermite(160);
  for (const std::string_view name : activation_names()) {
    const Activation activation = *parse_activation(name);
    const OverlapKernel kernel(activation);
    CHECK(kernel.bound() < 1e-12);
    for (const double r : {-0.9, -0.4, 0.0, 0.3, 0.8, 0.97}) {
      double sum = 0;
      for (Index i = 0; i < rule.nodes.size(); ++i)
        for (Index j = 0; j < rule.nodes.size(); ++j)
          sum += rule.weights[i] * rule.weights[j] * activation(rule.nodes[i]) *
                 activation(r * rule.nodes[i] + std::sqrt(1 - r * r) * rule.nodes[j]);
      double value = 0;
      kernel.evaluate(&r, 1, &value, nullptr, nullptr);
      INFO(name << " at r = " << r);
      CHECK(value == Approx(sum).margin(activation.smooth() ? 1e-10 : 2e-3));
    }
  }
}

TEST_CASE("Closed forms of the kernel agree with the squared Hermite coefficients") {
  for (const char* name : {"relu", "leaky_relu", "erf", "gelu", "quadratic", "identity"}) {
    const Activation activation = *parse_activation(name);
    const HermiteSeries series = hermite_series(activation, 200);
    const OverlapKernel closed(activation), cut(series.coefficients);
    for (const double r : {-0.8, 0.0, 0.5, 0.7}) {
      double a[3], b[3];
      closed.evaluate(&r, 1, a, a + 1, a + 2);
      cut.evaluate(&r, 1, b, b + 1, b + 2);
      // What is cut is below tail^2 0.8^200 and its two derivatives.
      for (int k = 0; k < 3; ++k) {
        INFO(name << ", derivative " << k << ", r = " << r);
        CHECK(a[k] == Approx(b[k]).epsilon(1e-10).margin(1e-11));
      }
    }
  }
}

TEST_CASE("The kernels of smooth activations have no kink at |r| = 1") {
  for (const std::string_view name : activation_names()) {
    const Activation activation = *parse_activation(name);
    if (!activation.smooth()) continue;
    const OverlapKernel kernel(activation);
    for (const double end : {-1.0, 1.0}) {
      constexpr double h = 1e-4;
      const double r[3] = {end - h, end, end + h};
      double value[3], first[3], second[3];
      kernel.evaluate(r, 3, value, first, second);
      INFO(name << " at " << end);
      // Differences of order 2; a kink's would be off by half of its height. The series of the
      // steepest has derivatives of some hundred.
      const double scale = 1 + std::abs(second[1]);
      CHECK(std::abs((value[2] - value[0]) / (2 * h) - first[1]) < 1e-4 * scale);
      CHECK(std::abs((first[2] - first[0]) / (2 * h) - second[1]) < 1e-2 * scale);
    }
  }
}
