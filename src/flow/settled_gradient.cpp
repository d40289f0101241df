#include "flow/settled_gradient.hpp"

#include "flow/one_or_each.hpp"
#include "numerics/symmetric_factorisation.hpp"

namespace gradflow {

bool SettledGradient::find(ConstVectorRef w, ConstVectorRef shift, double scale,
                           ConstVectorRef decay) {
  // A factorisation of 9e9 flops: half a second, beside a run of steps that are as dear.
  constexpr Index most_outputs = 3000;
  const Index n = loss_.outputs();
  if (n > most_outputs) return false;
  loss_.linearise(w);
  const OutputLoss& output_loss = loss_.output_loss();
  const Vector& f = loss_.last_outputs();

  // b = l' - scale D J diag(1/shift) Lambda w.
  step_ = w;
  one_or_each::multiply(decay, step_);
  one_or_each::divide(shift, step_);
  outputs_.resize(n);
  gradient_.resize(n);
  loss_.map().jacobian_times(step_, outputs_);
  output_loss.hessian_times(f, outputs_, gradient_);
  gradient_ = loss_.last_output_gradient() - scale * gradient_;

  gram_.resize(n, n);
  if (shift.size() == 1) {
    loss_.map().gram(Vector(), gram_);
    gram_ /= shift[0];
  } else {
    weight_ = shift.cwiseInverse();
    loss_.map().gram(weight_, gram_);
  }
  if (const auto root = output_loss.uniform_root()) {
    gram_ *= scale * *root * *root;
    gram_.diagonal().array() += 1;
    if (!cholesky_in_place(gram_)) return false;
    solve_cholesky(gram_, gradient_);
    return true;
  }
  // u = b - scale S (I + scale S^T K S)^{-1} S^T K b, D = S S^T.
  outputs_.noalias() = gram_ * gradient_;
  output_loss.root_transposed_times(f, outputs_);
  for (int side = 0; side < 2; ++side) {
    output_loss.root_transposed_times_columns(f, gram_);
    gram_.transposeInPlace();
  }
  gram_ *= scale;
  gram_.diagonal().array() += 1;
  if (!cholesky_in_place(gram_)) return false;
  solve_cholesky(gram_, outputs_);
  output_loss.root_times(f, outputs_);
  gradient_ -= scale * outputs_;
  return true;
}

}  // namespace gradflow
