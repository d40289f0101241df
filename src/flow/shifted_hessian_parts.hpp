#pragma once

#include <cmath>

#include "flow/one_or_each.hpp"
#include "flow/shifted_hessian.hpp"

/// What the kinds of shifted Hessians share.
namespace gradflow {

inline double as_double(Index n) {
  return static_cast<double>(n);
}

/// Entry i of a shift that may be one number for all.
struct Shift {
  Vector values;
  double operator[](Index i) const { return one_or_each::entry(values, i); }
  bool uniform() const { return values.size() == 1; }
  /// b <- b / shift for `count` entries from `first` on.
  void divide_part(VectorRef b, Index first, Index count) const {
    one_or_each::divide(one_or_each::part(values, first, count), b.segment(first, count));
  }
};

/// Of the step after which residuals are settled: the point, Lambda, and J^T l' + Lambda w.
class SettledResiduals {
 public:
  bool wanted() const { return decay_.size() != 0; }
  void want(ConstVectorRef decay) { decay_ = decay; }
  void linearise(ConstVectorRef w) {
    if (wanted()) point_ = w;
  }
  void slope(Loss& loss, VectorRef out) const {
    loss.map().transpose_times(loss.last_output_gradient(), out);
    one_or_each::add_product(decay_, point_, out);
    loss.project(out);
  }
  /// Length of scale J^T u, u = l' - D J delta, where delta solves the step's equation: it is
  /// shift delta - scale Lambda w, and a residual of the equation is an error of it.
  double pull(const Shift& shift, double scale, const Vector& delta) const {
    double sum = 0;
    for (Index i = 0; i < delta.size(); ++i) {
      const double entry = shift[i] * delta[i] - scale * one_or_each::entry(decay_, i) * point_[i];
      sum += entry * entry;
    }
    return std::sqrt(sum);
  }
  /// l' - D J delta.
  const Vector& after(Loss& loss, const Vector& delta) {
    moved_.resize(loss.outputs());
    gradient_.resize(loss.outputs());
    loss.map().jacobian_times(delta, moved_);
    loss.output_loss().hessian_times(loss.last_outputs(), moved_, gradient_);
    gradient_ = loss.last_output_gradient() - gradient_;
    return gradient_;
  }

 private:
  Vector decay_, point_, moved_, gradient_;
};

}  // namespace gradflow
