#pragma once

#include <string_view>

#include "numerics/types.hpp"

/// Coefficients of Rosenbrock methods, in the transformed form that needs no product with J.
namespace gradflow {

/// One step of length h from (t, y) for y' = f(t, y), with J ≈ ∂f/∂y and f_t = ∂f/∂t at (t, y)
/// (Hairer & Wanner, Solving ODEs II, 1996, eq. IV.7.25):
///
///   (I/(hγ) − J) k_i = f(t + c_i h, y + Σ_{j<i} a_ij k_j) + Σ_{j<i} (C_ij/h) k_j + h d_i f_t,
///   y₁  = y + Σ_i m_i k_i,
///   err = Σ_i e_i k_i,   the embedded solution being y₁ − err,
///
/// and, for 0 ≤ θ ≤ 1, with the p rows of H (`h`) and K_j = Σ_i H_ji k_i, j = 0, …, p − 1:
///
///   y(t + θh) = (1 − θ) y + θ [ y₁ + (1 − θ) (K_0 + θ K_1 + … + θ^{p−1} K_{p−1}) ].
///
/// The k_i have the units of y. All stages share one matrix. For an autonomous system c, d drop
/// out.
///
/// Relation to the usual form, l_i being its stages,
///
///   (I − hγJ) l_i = h f(y + Σ_{j<i} α_ij l_j) + hJ Σ_{j<i} γ_ij l_j,   y₁ = y + Σ_i b_i l_i:
///
/// with Γ = (γ_ij), γ_ii = γ, one has k = Γl, hence C = I/γ − Γ⁻¹, a = αΓ⁻¹, mᵀ = bᵀΓ⁻¹, and
/// c_i = Σ_j α_ij, d_i = Σ_j γ_ij.
///
/// Inexact J. `order` and `embedded_order` hold for J = ∂f/∂y. A Rosenbrock method whose J is
/// another matrix A (Gauss–Newton part, stale, approximated) stays consistent, but its order is
/// that of the conditions in which γ_ij and α_ij appear apart (W-methods: Steihaug & Wolfbrandt,
/// Math. Comp. 33, 1979, 521–534; Hairer & Wanner, IV.7). Checked here both by these conditions and
/// by fixed-step runs (solution / embedded solution):
///
///   method      J exact   J = any A   J one step old
///   RODAS5P     5 / 4     2 / 1       3 / 2
///   ROS34PW2    3 / 2     3 / 2       3 / 2
///
/// Dense output of RODAS5P is of order 1 for any A, of ROS34PW2 2. These are orders for h → 0 at
/// fixed A. They say nothing of stability: where A misses a stiff direction, that direction is
/// integrated explicitly.
struct RosenbrockTableau {
  std::string_view name;
  int stages;          ///< s; every vector below has s entries
  int order;           ///< of y₁, J exact: local error O(h^{order+1})
  int embedded_order;  ///< of y₁ − err, J exact
  double gamma;        ///< γ > 0
  Matrix a;            ///< s × s, strictly lower
  Matrix C;            ///< s × s, strictly lower
  Vector m;            ///< weights of the solution
  Vector e;            ///< weights of the error estimate
  Vector c;            ///< times of the stages, units of h
  Vector d;            ///< factors of f_t
  Matrix h;            ///< p × s, dense output

  /// Weights w (s entries) with y(t + θh) = y + Σ_i w_i k_i: the formula above, sorted by stage, so
  /// that one pass over the k_i gives a sample. θ = 1 gives m, θ = 0 zero.
  void dense_weights(double theta, VectorRef w) const;
};

/// RODAS5P: Steinebach, Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks
/// within the Julia Differential Equations package, BIT 63 (2023), 27. Eight stages, order 5(4),
/// stiffly accurate, A-stable with R(∞) = 0; dense output of order 4.
const RosenbrockTableau& rodas5p();

/// ROS34PW2: Rang & Angermann, New Rosenbrock W-methods of order 3 for partial differential
/// algebraic equations of index 1, BIT 45 (2005), 761–787. Four stages, order 3(2) for any J;
/// stiffly accurate, L-stable for J exact. Its embedded solution is not L-stable: |R̂(∞)| = 0.478.
/// The paper has no dense output; the one here, of order 3, is that of PETSc's TSROSWRA34PW2.
const RosenbrockTableau& ros34pw2();

}  // namespace gradflow
