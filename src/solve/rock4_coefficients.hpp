#pragma once

#include "numerics/types.hpp"

namespace gradflow {

/// A stabilised explicit Runge-Kutta method of order 4 for Jacobians with real spectra. Its
/// stability function is that of ROCK4 (Abdulle, Fourth order Chebyshev methods with recurrence
/// relation, SIAM J. Sci. Comput. 23, 2002, 2041-2054),
///
///   R_s(z) = w(x) P_{s-4}(x) / (w(1) P_{s-4}(1)),   x = 1 + 2 z / length,
///
/// which agrees with exp to order 4 at z = 0 and is at most 0.78, whatever s, from where it has
/// fallen to that down to z = -length; w > 0 is of degree 4, and P_k are the orthogonal polynomials
/// of the weight w(x)^2 / sqrt(1 - x^2).
///
/// ROCK4 multiplies by w at its end, in four stages: what rounding leaves there in the fastest
/// modes grows by w(-1) / w(1), 1e-4 s^8. Here R_s is a sum of Chebyshev's polynomials, and stages
/// are those of RKC (Sommeijer, Shampine and Verwer, J. Comput. Appl. Math. 88, 1998, 315-326), in
/// which it grows by s^2. With f_0 = f(t, y), one step of length h from (t, y):
///
///   G_0 = 0,  G_1 = (2 h / length) f_0,  G_{k+1} = 2 G_k - G_{k-1} + (4 h / length) F_k,  k < s,
///   F_k = f_0 + (f(t + c_k h, y + b_k G_k) - f_0) / b_k,  b_k = (k^2 - 1) / (3 k^2),  k > 1,
///   F_1 = f_0 + J G_1, where f depends on t by a difference of f at y +- b_1 G_1 over 2 b_1,
///   y_1 = y + sum_k weights_k G_k + beta D,   err = sum_k errors_k G_k.
///
/// On a linear problem G_k is (T_k(x) - 1) y. The points y + b_k G_k are those of the solution up
/// to third order in c_k h (b_k = T_k''(1) / T_k'(1)^2), so that six of the eight conditions of
/// order 4 hold with the four of R_s, but for O(b_1^2 s^-6) of the difference, below 1e-7. The last
/// two, on f''' and f'' f', are one, and
///
///   D = h [f(t + mu h, sum_i a_i Y_i) - sum_i a_i f(Y_i)],   Y_0 = y, Y_1, Y_2 two of the points,
///
/// meets it, the a_i being those of the parabola through the times of the Y_i: of a linear f
/// nothing is left in it.
///
/// The method of 2002 has tables for fifty s. Here w is found anew for any s: its four numbers from
/// the four conditions that R_s = exp to order 4, by Newton's method.
struct Rock4Coefficients {
  int degree = 0;  ///< s
  double length = 0;
  Vector share;    ///< (s) the b_k; that of k = 0 is not used
  Vector time;     ///< (s) the c_k, of k = 1 b_1 g
  Vector weights;  ///< (s + 1)
  Vector errors;   ///< (s + 1): err = z^4 P_{s-4} / (40 P_{s-4}(1)) y for y' = z y, below 4 y
  /// (s + 1): sums of the G_k that are h y' at t and at t + h to third order. Of what is stiff f
  /// itself holds h |J| times what is left of it in y, these less than what is left.
  Vector first_slope, last_slope;
  Index inner = 0, outer = 0;               ///< the k of Y_1 and Y_2
  double inner_share = 0, outer_share = 0;  ///< a_1, a_2; a_0 = 1 - a_1 - a_2
  double bend = 0;                          ///< beta
  double bend_time = 0;                     ///< mu
};

inline constexpr int rock4_lowest_degree = 5, rock4_highest_degree = 1000;

/// The length of the interval of stability, 0.34 s^2 - 2.8.
double rock4_length(int degree);
/// A degree with at least that length, or the highest: the lowest of a ladder on which each is one
/// or 5 % more than the last, so that few methods are made.
int rock4_degree(double length);

/// For `rock4_lowest_degree` to `rock4_highest_degree`. Some 150 s^2 flops.
Rock4Coefficients rock4_coefficients(int degree);

/// The coefficients of a degree, made when they are first asked for and kept for the process; safe
/// to call from several threads.
const Rock4Coefficients& kept_rock4_coefficients(int degree);

}  // namespace gradflow
