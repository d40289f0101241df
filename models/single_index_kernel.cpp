#include "models/single_index_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "numerics/hermite.hpp"

namespace gradflow {
namespace {

using std::numbers::pi;

struct Jet {
  double value, first, second;
};

Jet relu(double r) {
  const double square = (1 - r) * (1 + r), root = std::sqrt(square);
  const double angle = pi - std::acos(r);
  return {(root + r * angle) / (2 * pi), angle / (2 * pi), 1 / (2 * pi * std::max(root, 1e-8))};
}

Jet closed_form(Activation::Kind kind, double r) {
  using Kind = Activation::Kind;
  switch (kind) {
    case Kind::relu:
    case Kind::leaky_relu: {
      Jet jet = relu(r);
      if (kind == Kind::leaky_relu) {  // s z + (1 - s) relu(z)
        constexpr double s = Activation::leaky_slope;
        constexpr double rest = (1 - s) * (1 - s);
        jet = {s * r + rest * jet.value, s + rest * jet.first, rest * jet.second};
      }
      return jet;
    }
    case Kind::erf: {
      const double root = std::sqrt(9 - 4 * r * r);
      return {2 / pi * std::asin(2 * r / 3), 4 / (pi * root), 16 * r / (pi * root * root * root)};
    }
    case Kind::gelu: {
      // By Stein's lemma from E Phi Phi = 1/4 + asin(r/2)/(2 pi) and the Gaussian integrals.
      const double square = 4 - r * r, root = std::sqrt(square);
      const double angle = std::asin(r / 2);
      return {r / 4 + r * angle / (2 * pi) + 1 / (2 * pi * root),
              0.25 + angle / (2 * pi) + r / (2 * pi * root) * (1 + 1 / square),
              (2 + (r * r + 1) / square + 3 * r * r / (square * square)) / (2 * pi * root)};
    }
    case Kind::quadratic:
      return {1 + 2 * r * r, 4 * r, 4};
    case Kind::identity:
    default:
      return {r, 1, 0};
  }
}

/// |r| at which a closed form is cut, before it ends: not at 1 where it goes on smoothly, since
/// neurons that are alike lie on both sides of that in the stages of a step.
double last_overlap(Activation::Kind kind) {
  using Kind = Activation::Kind;
  switch (kind) {
    case Kind::relu:
    case Kind::leaky_relu:
      return 1;
    case Kind::erf:
      return 1.4;  // of 3/2
    case Kind::gelu:
      return 1.9;  // of 2
    default:
      return std::numeric_limits<double>::infinity();
  }
}

bool has_closed_form(Activation::Kind kind) {
  using Kind = Activation::Kind;
  return kind != Kind::tanh && kind != Kind::softplus && kind != Kind::sigmoid &&
         kind != Kind::formula;
}

}  // namespace

OverlapKernel::OverlapKernel(Activation activation) {
  if (has_closed_form(activation.kind())) {
    closed_ = activation.kind();
    return;
  }
  const HermiteSeries series = hermite_series(activation, 120);
  series_ = series.coefficients.array().square();
  bound_ = series.tail * series.tail;
}

OverlapKernel::OverlapKernel(const Vector& sigma) : series_(sigma.array().square()) {}

void OverlapKernel::evaluate(const double* r, Index n, double* value, double* first,
                             double* second) const {
  const double last = closed_ ? last_overlap(*closed_) : 0;
  for (Index i = 0; i < n; ++i) {
    Jet jet{0, 0, 0};
    if (closed_) {
      jet = closed_form(*closed_, std::clamp(r[i], -last, last));
    } else {
      const double x = r[i];
      for (Index k = series_.size() - 1; k >= 0; --k) {
        jet.second = jet.second * x + 2 * jet.first;
        jet.first = jet.first * x + jet.value;
        jet.value = jet.value * x + series_[k];
      }
    }
    if (value != nullptr) value[i] = jet.value;
    if (first != nullptr) first[i] = jet.first;
    if (second != nullptr) second[i] = jet.second;
  }
}

}  // namespace gradflow
