#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "numerics/activation_kernels.hpp"
#include "numerics/formula_parts.hpp"
#include "numerics/types.hpp"

/// What a formula is made of (formula.hpp): its functions, and each operation on values and
/// derivatives.
namespace gradflow::formulas {

/// f, f' and f'' at u[0..n), for order >= 1 and 2. None overlap.
using Kernel = void (*)(const double* u, Index n, int order, double* f, double* f1, double* f2);

template <class F>
void scalar(const double* u, Index n, int order, double* f, double* f1, double* f2, F g) {
  for (Index i = 0; i < n; ++i) {
    const std::array<double, 3> jet = g(u[i]);
    f[i] = jet[0];
    if (order >= 1) f1[i] = jet[1];
    if (order >= 2) f2[i] = jet[2];
  }
}

/// A kernel from z -> {f, f', f''}.
template <auto F>
constexpr Kernel kernel = [](const double* u, Index n, int order, double* f, double* f1,
                             double* f2) { scalar(u, n, order, f, f1, f2, F); };

template <ActivationKind kind>
constexpr Kernel activation_kernel =
    [](const double* u, Index n, int order, double* f, double* f1, double* f2) {
      evaluate_named(kind, u, n, f, order >= 1 ? f1 : nullptr, order >= 2 ? f2 : nullptr);
    };

using Jet = std::array<double, 3>;

struct NamedFunction {
  const char* name;
  Kernel kernel;
  bool smooth = true;
};

std::span<const NamedFunction> formula_functions();

/// max(a, b) = (a + b + |a - b|)/2 would round; they are operations of their own, of values alone.
inline constexpr const char* largest_of = "max";
inline constexpr const char* smallest_of = "min";

/// The names of the functions that a formula may have.
std::vector<std::string> function_names(Functions allowed);

/// Where the results of a node are: n values, then derivatives.
struct Place {
  double *value, *first, *second;
};

/// An operation on the results a and b of its operands, n of them, with as many derivatives as
/// `order`. What a node stands for by itself (constants, variables) is left to the caller.
void carry(const Node& node, const Place& a, const Place& b, const Place& out, Index n, int order);

}  // namespace gradflow::formulas
