#include "numerics/formula_operations.hpp"

#include <algorithm>
#include <array>

namespace gradflow::formulas {
namespace {

double sign(double u) {
  return u > 0 ? 1.0 : u < 0 ? -1.0 : u;  // NaN passes
}

constexpr std::array functions{
    NamedFunction{"exp", kernel<[](double u) {
                    const double e = std::exp(u);
                    return Jet{e, e, e};
                  }>},
    NamedFunction{"log", kernel<[](double u) {
                    return Jet{std::log(u), 1 / u, -1 / (u * u)};
                  }>},
    NamedFunction{"sqrt", kernel<[](double u) {
                    const double root = std::sqrt(u);
                    return Jet{root, 0.5 / root, -0.25 / (u * root)};
                  }>},
    NamedFunction{"sin", kernel<[](double u) {
                    const double s = std::sin(u);
                    return Jet{s, std::cos(u), -s};
                  }>},
    NamedFunction{"cos", kernel<[](double u) {
                    const double c = std::cos(u);
                    return Jet{c, -std::sin(u), -c};
                  }>},
    NamedFunction{"tan", kernel<[](double u) {
                    const double t = std::tan(u), slope = 1 + t * t;
                    return Jet{t, slope, 2 * t * slope};
                  }>},
    NamedFunction{"sinh", kernel<[](double u) {
                    const double s = std::sinh(u);
                    return Jet{s, std::cosh(u), s};
                  }>},
    NamedFunction{"cosh", kernel<[](double u) {
                    const double c = std::cosh(u);
                    return Jet{c, std::sinh(u), c};
                  }>},
    NamedFunction{"asin", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((1 - u) * (1 + u));
                    return Jet{std::asin(u), slope, u * slope * slope * slope};
                  }>},
    NamedFunction{"acos", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((1 - u) * (1 + u));
                    return Jet{std::acos(u), -slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"atan", kernel<[](double u) {
                    const double slope = 1 / (1 + u * u);
                    return Jet{std::atan(u), slope, -2 * u * slope * slope};
                  }>},
    NamedFunction{"asinh", kernel<[](double u) {
                    const double slope = 1 / std::hypot(1, u);
                    return Jet{std::asinh(u), slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"acosh", kernel<[](double u) {
                    const double slope = 1 / std::sqrt((u - 1) * (u + 1));
                    return Jet{std::acosh(u), slope, -u * slope * slope * slope};
                  }>},
    NamedFunction{"atanh", kernel<[](double u) {
                    const double slope = 1 / ((1 - u) * (1 + u));
                    return Jet{std::atanh(u), slope, 2 * u * slope * slope};
                  }>},
    NamedFunction{"tanh", activation_kernel<ActivationKind::tanh>},
    NamedFunction{"erf", activation_kernel<ActivationKind::erf>},
    NamedFunction{"sigmoid", activation_kernel<ActivationKind::sigmoid>},
    NamedFunction{"softplus", activation_kernel<ActivationKind::softplus>},
    NamedFunction{"gelu", activation_kernel<ActivationKind::gelu>},
    NamedFunction{"abs", kernel<[](double u) {
                    return Jet{std::abs(u), std::copysign(1, u), 0};
                  }>,
                  false},
    NamedFunction{"sign", kernel<[](double u) {
                    return Jet{sign(u), 0, 0};
                  }>,
                  false},
};

void carry_product(const Place& a, const Place& b, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] * b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] = a.first[i] * b.value[i] + a.value[i] * b.first[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] =
          a.second[i] * b.value[i] + 2 * a.first[i] * b.first[i] + a.value[i] * b.second[i];
}

void carry_quotient(const Place& a, const Place& b, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] / b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i)
      out.first[i] = (a.first[i] - out.value[i] * b.first[i]) / b.value[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] =
          (a.second[i] - 2 * out.first[i] * b.first[i] - out.value[i] * b.second[i]) / b.value[i];
}

void carry_sum(const Place& a, const Place& b, double sign, const Place& out, Index n, int order) {
  for (Index i = 0; i < n; ++i) out.value[i] = a.value[i] + sign * b.value[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] = a.first[i] + sign * b.first[i];
  if (order >= 2)
    for (Index i = 0; i < n; ++i) out.second[i] = a.second[i] + sign * b.second[i];
}

/// u^c by products for small whole c >= 0, which keep signs and need no logarithm.
double power(double u, double c) {
  if (c < 0 || c > 16 || c != std::floor(c)) return std::pow(u, c);
  double result = 1;
  for (int k = static_cast<int>(c); k > 0; k /= 2) {
    if (k % 2 == 1) result *= u;
    u *= u;
  }
  return result;
}

/// u^c with a constant c; what a factor 0 multiplies is left out, as it may be infinite at u = 0.
Jet power_jet(double u, double c, int order) {
  Jet jet{power(u, c), 0, 0};
  if (order >= 1 && c != 0) jet[1] = c * power(u, c - 1);
  if (order >= 2 && c != 0 && c != 1) jet[2] = c * (c - 1) * power(u, c - 2);
  return jet;
}

/// f(u(x)) from f, f', f'' at u, which are in `out` and become those along x.
void chain(const Place& u, const Place& out, Index n, int order) {
  if (order >= 2)
    for (Index i = 0; i < n; ++i)
      out.second[i] = out.second[i] * u.first[i] * u.first[i] + out.first[i] * u.second[i];
  if (order >= 1)
    for (Index i = 0; i < n; ++i) out.first[i] *= u.first[i];
}

}  // namespace

std::span<const NamedFunction> formula_functions() {
  return functions;
}

std::vector<std::string> function_names(Functions allowed) {
  std::vector<std::string> names;
  for (const NamedFunction& function : formula_functions())
    if (function.smooth || allowed == Functions::all) names.emplace_back(function.name);
  if (allowed == Functions::all) names.insert(names.end(), {largest_of, smallest_of});
  return names;
}

void carry(const Node& node, const Place& a, const Place& b, const Place& out, Index n, int order) {
  switch (node.operation) {
    case Operation::constant:
    case Operation::variable:
      return;
    case Operation::add:
      return carry_sum(a, b, 1, out, n, order);
    case Operation::subtract:
      return carry_sum(a, b, -1, out, n, order);
    case Operation::multiply:
      return carry_product(a, b, out, n, order);
    case Operation::divide:
      return carry_quotient(a, b, out, n, order);
    case Operation::larger:
      for (Index i = 0; i < n; ++i) out.value[i] = std::max(a.value[i], b.value[i]);
      return;
    case Operation::smaller:
      for (Index i = 0; i < n; ++i) out.value[i] = std::min(a.value[i], b.value[i]);
      return;
    case Operation::power:
      scalar(a.value, n, order, out.value, out.first, out.second,
             [&](double u) { return power_jet(u, node.number, order); });
      return chain(a, out, n, order);
    case Operation::function:
      functions[node.index].kernel(a.value, n, order, out.value, out.first, out.second);
      return chain(a, out, n, order);
  }
}

}  // namespace gradflow::formulas
