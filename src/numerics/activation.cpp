#include "numerics/activation.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "numerics/formula.hpp"

namespace gradflow {

namespace {

constexpr std::array<std::string_view, 9> names = {
    "relu", "leaky_relu", "tanh", "erf", "gelu", "softplus", "sigmoid", "quadratic", "identity"};

/// By way of buffers, as results may take the arguments' place. In the chunks, padded, of
/// `evaluate_named`.
void evaluate_formula(const Formula& formula, const double* z, Index n, double* value,
                      double* first, double* second) {
  const int order = second != nullptr ? 2 : first != nullptr ? 1 : 0;
  ActivationBuffer at, at_value, at_first, at_second;
  for (Index start = 0; start < n; start += activation_chunk) {
    const Index count = std::min(activation_chunk, n - start), padded = padded_to_packets(count);
    std::copy_n(z + start, count, at.data());
    std::fill(at.data() + count, at.data() + padded, 0.0);
    formula.evaluate(at.data(), padded, order, at_value.data(), at_first.data(), at_second.data());
    std::copy_n(at_value.data(), count, value + start);
    if (first != nullptr) std::copy_n(at_first.data(), count, first + start);
    if (second != nullptr) std::copy_n(at_second.data(), count, second + start);
  }
}

}  // namespace

Activation::Activation(Formula formula)
    : kind_(Kind::formula), formula_(std::make_shared<const Formula>(std::move(formula))) {}

std::string_view Activation::name() const {
  if (formula_) return formula_->text();
  return names[static_cast<std::size_t>(kind_)];
}

void Activation::evaluate(const double* z, Index n, double* value, double* first,
                          double* second) const {
  if (formula_)
    evaluate_formula(*formula_, z, n, value, first, second);
  else
    evaluate_named(kind_, z, n, value, first, second);
}

void Activation::second_derivative(const double* z, const double* value, const double* first,
                                   Index n, double* second) const {
  using Const = Eigen::Map<const Eigen::ArrayXd>;
  const Const f(value, n), slope(first, n);
  Eigen::Map<Eigen::ArrayXd> out(second, n);
  switch (kind_) {
    case Kind::tanh:
      out = -2 * f * slope;
      return;
    case Kind::erf:
      out = -2 * Const(z, n) * slope;
      return;
    case Kind::quadratic:
      out.setConstant(2);
      return;
    case Kind::relu:
    case Kind::leaky_relu:
    case Kind::identity:
      out.setZero();
      return;
    // 1 - 2 s and 1 - s would cancel where s is near 1/2 and 1.
    case Kind::gelu:
    case Kind::softplus:
    case Kind::sigmoid:
    case Kind::formula:
      break;
  }
  ActivationBuffer unused_value, unused_first;
  for (Index start = 0; start < n; start += activation_chunk) {
    const Index count = std::min(activation_chunk, n - start);
    evaluate(z + start, count, unused_value.data(), unused_first.data(), second + start);
  }
}

bool Activation::second_derivative_takes_argument() const {
  switch (kind_) {
    case Kind::tanh:
    case Kind::quadratic:
    case Kind::relu:
    case Kind::leaky_relu:
    case Kind::identity:
      return false;
    default:
      return true;
  }
}

double Activation::operator()(double z) const {
  double value = 0;
  evaluate(&z, 1, &value);
  return value;
}

std::optional<int> Activation::homogeneity() const {
  switch (kind_) {
    case Kind::relu:
    case Kind::leaky_relu:
    case Kind::identity:
      return 1;
    case Kind::quadratic:
      return 2;
    default:
      return std::nullopt;
  }
}

std::optional<Activation> parse_activation(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return Activation(static_cast<Activation::Kind>(found - names.begin()));
}

Activation activation_of(std::string_view text) {
  if (const auto named = parse_activation(text)) return *named;
  return Activation(activation_formula(std::string(text)));
}

std::span<const std::string_view> activation_names() {
  return names;
}

}  // namespace gradflow
