#include "continuation/stationary_problem.hpp"

#include <algorithm>
#include <cmath>

#include "continuation/hessian_modes.hpp"

namespace gradflow {
namespace {

constexpr int most_iterations = 25;
constexpr int most_factorisations = 8;
/// A chord iteration that contracts less gets a new matrix.
constexpr double chord_contraction = 0.1;

}  // namespace

StationaryProblem::StationaryProblem(System& undecayed, double flat_tolerance)
    : system_(undecayed), flat_tolerance_(flat_tolerance) {}

void StationaryProblem::gradient(ConstVectorRef w, double lambda, VectorRef out) {
  ++statistics_.rhs_evaluations;
  system_.rhs(0, w, out);
  out = lambda * w - out;
}

const Matrix& StationaryProblem::hessian(ConstVectorRef w) {
  if (point_.size() == w.size() && point_ == w) return hessian_;
  ++statistics_.linearisations;
  hessian_ = energy_hessian(system_, 0, w);
  point_ = w;
  return hessian_;
}

bool StationaryProblem::factorise(ConstVectorRef w, double lambda) {
  const Matrix& h = hessian(w);
  ++statistics_.factorisations;
  Matrix& storage = factors_.storage(h.rows());
  storage = h;
  storage.diagonal().array() += lambda;
  // The largest row sum bounds the largest eigenvalue from above, and is near it here.
  const double largest = storage.cwiseAbs().rowwise().sum().maxCoeff();
  storage.diagonal().array() += flat_tolerance_ * largest;
  const auto outcome = factors_.factorise_in_place();
  if (outcome == SymmetricFactorisation::Outcome::indefinite)
    ++statistics_.indefinite_factorisations;
  return outcome != SymmetricFactorisation::Outcome::singular;
}

void StationaryProblem::solve(VectorRef x) {
  ++statistics_.solves;
  factors_.solve_in_place(x);
}

PointModes point_modes(StationaryProblem& problem, ConstVectorRef w, double lambda) {
  Matrix a = problem.hessian(w);
  a.diagonal().array() += lambda;
  ++problem.statistics().factorisations;
  return PointModes(a, problem.flat_tolerance());
}

Corrected correct(StationaryProblem& problem, ConstVectorRef w, double lambda, const Plane& plane,
                  double tolerance) {
  Corrected found{w, lambda};
  const Vector origin = w;
  Vector residual(w.size()), direction(w.size());
  double last = std::numeric_limits<double>::infinity();
  int factorisations = 0;
  bool fresh = false;
  for (; found.iterations < most_iterations; ++found.iterations) {
    problem.gradient(found.w, found.lambda, residual);
    const double size = residual.norm() / std::max(1.0, found.w.norm());
    if (!std::isfinite(size)) return found;
    // One more step with the matrix at hand costs two solves, and takes what is left to rounding.
    if (size <= tolerance) found.converged = true;
    if (found.converged && !fresh) break;
    if (!fresh || (size > chord_contraction * last && !found.converged)) {
      if (++factorisations > most_factorisations) return found;
      if (!problem.factorise(found.w, found.lambda)) return found;
      fresh = true;
      direction = found.w;
      problem.solve(direction);
    }
    last = size;
    problem.solve(residual);
    // dw = -x1 - x2 dlambda within the plane; the state is on it but for rounding.
    const double off = plane.w.dot(found.w - origin) + plane.lambda * (found.lambda - lambda);
    const double step = (plane.w.dot(residual) - off) / (plane.lambda - plane.w.dot(direction));
    if (!std::isfinite(step)) return found;
    found.w -= residual + step * direction;
    found.lambda += step;
    if (found.converged) break;
  }
  found.moved = std::hypot((found.w - origin).norm(), found.lambda - lambda);
  return found;
}

Corrected correct_at(StationaryProblem& problem, ConstVectorRef w, double lambda,
                     double tolerance) {
  return correct(problem, w, lambda, {Vector::Zero(w.size()), 1}, tolerance);
}

}  // namespace gradflow
