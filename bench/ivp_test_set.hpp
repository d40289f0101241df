#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "flow/system.hpp"

/// Stiff initial-value problems with known end states: what an integrator is measured against.
namespace gradflow::bench {

/// y' = f(t, y), y(0) = y0, wanted at t_end. All are autonomous; t is passed on for solvers' sake.
struct IvpProblem {
  std::string name;
  Index dimension;
  double t_end;
  Vector y0;
  std::function<void(double t, ConstVectorRef y, VectorRef dy)> rhs;
  /// J(i, j) = ∂f_i/∂y_j, every entry written.
  std::function<void(double t, ConstVectorRef y, MatrixRef J)> jacobian;
  /// y(t_end), recomputed in quadruple precision (see ivp_test_set.cpp) or in closed form.
  Vector reference_solution;
  /// Significant decimal digits to which every component of reference_solution is known.
  double reference_digits;
  /// y(t_end) as the source prints it; empty where it prints none.
  Vector published_solution;
  std::string source;
};

/// Robertson's autocatalytic reaction, 3 species, to t = 1e11. y₁ + y₂ + y₃ = 1.
IvpProblem rober();

/// Van der Pol's oscillator y'' = ((1 − y²)y' − y)/ε in time scaled by μ = 1000, ε = μ⁻² = 1e-6, to
/// t = 2: five quarters of the relaxation cycle, two jumps included.
IvpProblem vdpol();

/// The Oregonator of the Belousov–Zhabotinskii reaction, 3 species, to t = 360.
IvpProblem orego();

/// High irradiance response of photomorphogenesis, 8 species, to t = 321.8122. y₇ + y₈ = 0.0057.
IvpProblem hires();

/// Air pollution, 20 species and 25 reactions (Verwer), to t = 60 minutes.
IvpProblem pollu();

/// Pyrolysis E5 of Enright, Hull & Lindberg, 4 species, to t = 1e13. y₂ = y₃ + y₄.
///
/// The state goes from 1e-3 to 1e-22, and the end state rests on y₂ − y₃ − y₄ = 0 to that accuracy:
/// a code in double precision that lets the difference drift by rounding (1e-19) gets y₂ or y₃
/// wrong by orders of magnitude at t_end. Score it with an absolute tolerance, or eliminate y₂.
IvpProblem e5();

/// The same in (y₁, y₃, y₄), with y₂ = y₃ + y₄: what double precision can solve. With four
/// variables rounding breaks the relation by 1e-19 while y₁ is 1e-3; y₂ or y₃, 1e-22 in the end,
/// may then turn negative, and the equation for it blows up.
IvpProblem e5_without_y2();

/// Davis & Skodje's model of a slow manifold,
///   y₁' = −y₁,   y₂' = −γ y₂ + ((γ − 1) y₁ + γ y₁²)/(1 + y₁)²,
/// with y(0) = (2, 1), off the manifold y₂ = y₁/(1 + y₁), to which it falls at the rate γ:
///   y₁ = 2e^{−t},   y₂ = y₁/(1 + y₁) + e^{−γt}/3.
/// Throws std::invalid_argument unless γ > 0 and t_end > 0.
IvpProblem davis_skodje(double gamma = 1e6, double t_end = 5);

/// All problems, in the order above, Davis–Skodje with its defaults.
std::vector<IvpProblem> ivp_test_set();

/// The problem as a system with a dense Newton matrix, for the solvers of gradient flows.
std::unique_ptr<System> ivp_system(const IvpProblem& problem);

/// Digits of y(t_end), of the worst component, by method and tolerance; atol is 1e-16, below all
/// components, and 1e-30 for E5, which is taken without y₂. As a table in Markdown.
void measure_ivp_digits(std::ostream& out);

}  // namespace gradflow::bench
