#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "numerics/activation_kernels.hpp"
#include "numerics/types.hpp"

namespace gradflow {

class Formula;

/// An activation function sigma with its first two derivatives.
class Activation {
 public:
  using Kind = ActivationKind;

  /// Slope of leaky_relu on the negative half line.
  static constexpr double leaky_slope = leaky_relu_slope;

  explicit Activation(Kind kind) : kind_(kind) {}
  explicit Activation(Formula formula);

  Kind kind() const { return kind_; }

  /// The name or the formula by which `activation_of` knows it.
  std::string_view name() const;

  /// value[i] = sigma(z[i]), first[i] = sigma'(z[i]), second[i] = sigma''(z[i]) for i < n. `first`
  /// and `second` may be null; each output may be `z` itself.
  ///
  /// At a kink the derivative is that of the left branch (relu'(0) = 0) and sigma'' leaves out the
  /// point mass there. Values have a relative error of a few 1e-16 near 0 and in the tails alike;
  /// first derivatives of tanh, sigmoid and softplus keep their relative accuracy where they are
  /// exponentially small. Nothing overflows for large |z| where the result does not; NaN gives NaN.
  /// An element's result depends neither on its place in the array nor on n.
  void evaluate(const double* z, Index n, double* value, double* first = nullptr,
                double* second = nullptr) const;

  /// second[i] = sigma''(z[i]) from sigma(z[i]) and sigma'(z[i]) where these are at hand: for most
  /// activations without another exponential. None of the arrays overlap. `z` may be null where
  /// `second_derivative_takes_argument` is false.
  void second_derivative(const double* z, const double* value, const double* first, Index n,
                         double* second) const;
  bool second_derivative_takes_argument() const;

  /// sigma(z) of one number; use `evaluate` for arrays, which is vectorised.
  double operator()(double z) const;

  /// False where sigma' jumps (relu, leaky_relu, at z = 0).
  bool smooth() const { return kind_ != Kind::relu && kind_ != Kind::leaky_relu; }

  /// The degree k with sigma(c z) = c^k sigma(z) for all c > 0, if there is one.
  std::optional<int> homogeneity() const;

  friend bool operator==(Activation, Activation) = default;

 private:
  Kind kind_;
  std::shared_ptr<const Formula> formula_;
};

/// The activation of that name, or none.
std::optional<Activation> parse_activation(std::string_view name);

/// The same, or the formula in x that the text is (numerics/formula.hpp). \throws FormulaError
Activation activation_of(std::string_view text);

/// All names, in the order of Activation::Kind.
std::span<const std::string_view> activation_names();

}  // namespace gradflow
