#include "continuation/point_modes.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

/// A critical mode in the window of flat ones is told by what it holds of w: at a fold all of it is
/// of order 1, and what rounding mixes into symmetries' modes (1e-16 over the critical eigenvalue)
/// is not.
constexpr double critical_part = 1e-3;
/// Of the largest eigenvalue: the smallest that one divides by.
constexpr double least_quotient = 1e-18;
/// Solves with T + shift by which a vector loses what lies outside the window.
constexpr int filter_steps = 4;
/// The shift with which A^+ is applied, over the threshold of flat modes, and the steps that make
/// up for it: a mode of eigenvalue mu converges by shift / (mu + shift) each, to where rounding in
/// flat modes, 1e-16 over the shift, is.
constexpr double refined_shift = 100;
constexpr int most_refinements = 60;
constexpr double refined = 1e-10;
/// A mode is one whose residual is below this share of the largest eigenvalue; within the window
/// rounding mixes it with flat ones.
constexpr double mode_residual = 1e-13, mode_residual_within = 1e-9;

/// Parts of a vector along flat modes are rounding below this.
constexpr double rounding_part = 1e-10;

/// The one mode near zero that a vector has a part in.
struct Critical {
  Vector mode;
  double part = 0, quotient = 0;
};

/// Solves with a symmetric tridiagonal matrix plus a shift: elimination with exchanges of rows.
class ShiftedTridiagonal {
 public:
  ShiftedTridiagonal(const Vector& diagonal, const Vector& off, double shift)
      : pivot_(diagonal.array() + shift),
        next_(Vector::Zero(diagonal.size())),
        second_(Vector::Zero(diagonal.size())),
        factor_(Vector::Zero(diagonal.size())),
        exchanged_(static_cast<std::size_t>(diagonal.size()), false) {
    const Index n = pivot_.size();
    next_.head(n - 1) = off;
    for (Index k = 0; k + 1 < n; ++k) {
      double below = off[k];
      if (std::abs(below) > std::abs(pivot_[k])) {
        exchanged_[static_cast<std::size_t>(k)] = true;
        std::swap(pivot_[k], below);
        std::swap(next_[k], pivot_[k + 1]);
        std::swap(second_[k], next_[k + 1]);
      }
      if (pivot_[k] == 0) pivot_[k] = 1e-300;
      factor_[k] = below / pivot_[k];
      pivot_[k + 1] -= factor_[k] * next_[k];
      next_[k + 1] -= factor_[k] * second_[k];
    }
    if (pivot_[n - 1] == 0) pivot_[n - 1] = 1e-300;
  }

  Vector solve(Vector x) const {
    const Index n = x.size();
    for (Index k = 0; k + 1 < n; ++k) {
      if (exchanged_[static_cast<std::size_t>(k)]) std::swap(x[k], x[k + 1]);
      x[k + 1] -= factor_[k] * x[k];
    }
    for (Index k = n; k-- > 0;) {
      if (k + 1 < n) x[k] -= next_[k] * x[k + 1];
      if (k + 2 < n) x[k] -= second_[k] * x[k + 2];
      x[k] /= pivot_[k];
    }
    return x;
  }

 private:
  Vector pivot_, next_, second_;  ///< rows of the upper factor
  Vector factor_;
  std::vector<bool> exchanged_;
};

}  // namespace

/// A = Q T Q^T.
class PointModes::Tridiagonal {
 public:
  explicit Tridiagonal(const Matrix& a)
      : form_(a), diagonal_(form_.diagonal()), off_(form_.off_diagonal()) {}

  Vector values() const { return tridiagonal_eigenvalues(diagonal_, off_); }
  Matrix vectors() const { return form_.back(tridiagonal_eigen(diagonal_, off_).vectors); }
  Vector into(const Vector& b) const { return form_.into(b); }
  Vector back(const Vector& c) const { return form_.back(c); }

  Vector times(const Vector& c) const {
    const Index n = c.size();
    Vector product = diagonal_.cwiseProduct(c);
    product.head(n - 1) += off_.cwiseProduct(c.tail(n - 1));
    product.tail(n - 1) += off_.cwiseProduct(c.head(n - 1));
    return product;
  }
  ShiftedTridiagonal shifted(double shift) const { return {diagonal_, off_, shift}; }

 private:
  TridiagonalForm form_;
  Vector diagonal_, off_;
};

PointModes::PointModes(const Matrix& a, double flat_tolerance, Index most_dense) {
  if (a.rows() <= std::max<Index>(most_dense, 2)) {
    SymmetricEigen eigen = symmetric_eigen(a);
    values = std::move(eigen.values);
    vectors_ = std::make_shared<const Matrix>(std::move(eigen.vectors));
  } else {
    tridiagonal_ = std::make_shared<const Tridiagonal>(a);
    values = tridiagonal_->values();
  }
  largest = values.cwiseAbs().maxCoeff();
  threshold = flat_tolerance * largest;
  for (Index i = values.size(); i-- > 0;) {
    const double value = values[i];
    if (value < -threshold)
      ++unstable;
    else if (value <= threshold)
      ++flat;
    if (std::abs(value) > threshold) lowest = value;
  }
}

const Matrix& PointModes::vectors() const {
  if (!vectors_) vectors_ = std::make_shared<const Matrix>(tridiagonal_->vectors());
  return *vectors_;
}

Vector PointModes::solve_dense(ConstVectorRef b) const {
  Vector parts = vectors().transpose() * b;
  auto window = parts.segment(unstable, flat);
  const double inside = window.norm();
  // At a fold rounding mixes the critical mode with those of symmetries. These are orthogonal to w,
  // so that w's part in the window is the critical mode.
  double quotient = 0;
  if (inside > critical_part * b.norm())
    quotient = window.cwiseAbs2().dot(values.segment(unstable, flat)) / (inside * inside);
  for (Index i = 0; i < parts.size(); ++i)
    if (i < unstable || i >= unstable + flat) parts[i] /= values[i];
  if (inside > critical_part * b.norm())
    window /= std::copysign(std::max(std::abs(quotient), least_quotient * largest), quotient);
  else
    window.setZero();
  return vectors() * parts;
}

Vector PointModes::solve(ConstVectorRef b) const {
  if (vectors_) return solve_dense(b);
  const double size = b.norm();
  if (size == 0 || largest == 0) return Vector::Zero(b.size());
  Vector c = tridiagonal_->into(b);
  // What b has in the window: each step of the filter takes a mode of eigenvalue mu down by
  // 1 + mu / threshold, at most 2 within the window.
  const ShiftedTridiagonal filter = tridiagonal_->shifted(threshold);
  const auto near_zero = [&](Vector v) {
    for (int k = 0; k < filter_steps; ++k) v = threshold * filter.solve(std::move(v));
    return v;
  };
  const Vector soft = near_zero(c);
  std::optional<Critical> critical;
  if (!(std::pow(2, filter_steps) * soft.norm() <= rounding_part * size)) {
    critical.emplace();
    critical->mode = soft.normalized();
    const auto residual = [&] {
      const Vector image = tridiagonal_->times(critical->mode);
      critical->quotient = critical->mode.dot(image);
      const double enough =
          std::abs(critical->quotient) <= threshold ? mode_residual_within : mode_residual;
      return (image - critical->quotient * critical->mode).norm() / (enough * largest);
    };
    // Beside the window other soft modes are left: Rayleigh quotient iteration.
    double off = residual();
    for (int k = 0; k < 4 && off > 1; ++k) {
      critical->mode =
          tridiagonal_->shifted(-critical->quotient).solve(critical->mode).normalized();
      off = residual();
    }
    if (!(off <= 1)) return solve_dense(b);  // more than one
    critical->part = critical->mode.dot(c);
    c -= critical->part * critical->mode;
  }
  // The critical one's share of the solution.
  double along = 0;
  if (critical) {
    const double quotient = std::copysign(
        std::max(std::abs(critical->quotient), least_quotient * largest), critical->quotient);
    if (std::abs(quotient) > threshold || std::abs(critical->part) > critical_part * size)
      along = critical->part / quotient;
  }
  // Of flat modes w holds as much as the point is off, and rounding: solves bring that out.
  const ShiftedTridiagonal inverse = tridiagonal_->shifted(refined_shift * threshold);
  const auto solved = [&](Vector rest) {
    rest = inverse.solve(std::move(rest));
    rest -= near_zero(rest);
    if (critical) rest -= critical->mode.dot(rest) * critical->mode;
    return rest;
  };
  Vector x = solved(c);
  for (int k = 0;; ++k) {
    if (k == most_refinements) return solve_dense(b);
    const Vector step = solved(c - tridiagonal_->times(x));
    x += step;
    if (step.norm() <= refined * (x.norm() + std::abs(along))) break;
  }
  if (critical) x += along * critical->mode;
  return tridiagonal_->back(x);
}

}  // namespace gradflow
