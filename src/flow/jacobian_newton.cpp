#include "flow/jacobian_newton.hpp"

#include <algorithm>
#include <cmath>

#include "flow/lanczos.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/memory.hpp"

namespace gradflow {
namespace {

class DenseNewtonMatrix final : public NewtonMatrix {
 public:
  DenseNewtonMatrix(System& system, double product_flops)
      : NewtonMatrix(dense_newton_offer(system.dimension(), product_flops)),
        system_(system),
        jacobian_(system.dimension(), system.dimension()),
        unit_(Vector::Zero(system.dimension())) {}

  void linearise(double t, ConstVectorRef y) override {
    for (Index j = 0; j < unit_.size(); ++j) {
      unit_[j] = 1;
      system_.jacobian_times(t, y, unit_, jacobian_.col(j));
      unit_[j] = 0;
    }
  }
  bool factorise(double gamma) override {
    matrix_ = -gamma * jacobian_;
    matrix_.diagonal().array() += 1;
    if (!matrix_.allFinite()) return false;
    lu_.factorise(matrix_);
    return true;
  }
  bool solve(VectorRef b, double) override {
    lu_.solve(b);
    return b.allFinite();
  }
  std::string name() const override { return "dense LU"; }

 private:
  System& system_;
  Matrix jacobian_, matrix_;
  Vector unit_;
  Lu lu_;
};

class GmresNewtonMatrix final : public NewtonMatrix {
 public:
  GmresNewtonMatrix(std::unique_ptr<System> system, std::unique_ptr<Preconditioner> p,
                    double product_flops, Index basis)
      : NewtonMatrix(gmres_newton_offer(system->dimension(), product_flops, p->cost(), basis)),
        owned_(std::move(system)),
        system_(*owned_),
        preconditioner_(std::move(p)),
        basis_(std::min(basis, system_.dimension())),
        krylov_(system_.dimension(), basis_ + 1),
        hessenberg_(basis_ + 1, basis_),
        cosine_(basis_),
        sine_(basis_),
        again_(basis_),
        residual_(basis_ + 1),
        z_(system_.dimension()),
        jz_(system_.dimension()),
        x_(system_.dimension()) {}

  void linearise(double t, ConstVectorRef y) override {
    t_ = t;
    y_ = y;
    preconditioner_->linearise(t, y);
  }
  bool factorise(double gamma) override {
    gamma_ = gamma;
    return preconditioner_->factorise(gamma);
  }

  bool solve(VectorRef b, double tolerance) override {
    // The tolerance is one for all entries, but a step's error test weighs small entries more:
    // never less than four digits of b, so that Newton's iteration contracts in any norm.
    const double size = b.norm();
    const double stop = std::clamp(tolerance, 1e-14 * size, 1e-4 * size);
    x_.setZero();
    krylov_.col(0) = b;
    for (int cycle = 0; cycle < 4; ++cycle) {
      const double start = krylov_.col(0).norm();
      if (!std::isfinite(start)) return false;
      if (start <= stop) {  // b = 0
        b = x_;
        return true;
      }
      if (expand(start, stop)) {
        b = x_;
        return true;
      }
      apply(x_, z_);  // the residual of a restart
      krylov_.col(0) = b - z_;
    }
    return false;
  }

  std::string name() const override { return "GMRES with " + preconditioner_->name(); }

 private:
  void apply(const Vector& v, Vector& out) {
    system_.jacobian_times(t_, y_, v, jz_);
    out = v - gamma_ * jz_;
  }

  /// One cycle from the residual in krylov_.col(0); adds to x_; true where it has converged.
  bool expand(double start, double stop) {
    krylov_.col(0) /= start;
    residual_.setZero();
    residual_[0] = start;
    Index used = 0;
    bool converged = false;
    for (Index j = 0; j < basis_ && !converged; ++j) {
      z_ = krylov_.col(j);
      preconditioner_->solve(z_);
      system_.jacobian_times(t_, y_, z_, jz_);
      auto next = krylov_.col(j + 1);
      next = z_ - gamma_ * jz_;
      auto h = hessenberg_.col(j);
      // Gram-Schmidt twice: orthogonal to rounding, as two products with a matrix.
      h.head(j + 1).noalias() = krylov_.leftCols(j + 1).transpose() * next;
      next.noalias() -= krylov_.leftCols(j + 1) * h.head(j + 1);
      again_.head(j + 1).noalias() = krylov_.leftCols(j + 1).transpose() * next;
      next.noalias() -= krylov_.leftCols(j + 1) * again_.head(j + 1);
      h.head(j + 1) += again_.head(j + 1);
      h[j + 1] = next.norm();
      if (!std::isfinite(h[j + 1])) return false;
      if (h[j + 1] > 0) next /= h[j + 1];
      for (Index i = 0; i < j; ++i) rotate(cosine_[i], sine_[i], h[i], h[i + 1]);
      const double length = std::hypot(h[j], h[j + 1]);
      if (!(length > 0)) break;
      cosine_[j] = h[j] / length;
      sine_[j] = h[j + 1] / length;
      rotate(cosine_[j], sine_[j], h[j], h[j + 1]);
      rotate(cosine_[j], sine_[j], residual_[j], residual_[j + 1]);
      used = j + 1;
      converged = std::abs(residual_[j + 1]) <= stop;
    }
    if (used == 0) return false;
    auto weights = again_.head(used);
    weights = residual_.head(used);
    hessenberg_.topLeftCorner(used, used).triangularView<Eigen::Upper>().solveInPlace(weights);
    z_.noalias() = krylov_.leftCols(used) * weights;
    preconditioner_->solve(z_);
    x_ += z_;
    return converged;
  }

  static void rotate(double c, double s, double& a, double& b) {
    const double first = c * a + s * b;
    b = c * b - s * a;
    a = first;
  }

  std::unique_ptr<System> owned_;
  System& system_;
  std::unique_ptr<Preconditioner> preconditioner_;
  Index basis_;
  Matrix krylov_, hessenberg_;
  Vector cosine_, sine_, again_, residual_, z_, jz_, x_, y_;
  double t_ = 0, gamma_ = 0;
};

}  // namespace

NewtonOffer dense_newton_offer(Index dimension, double product_flops) {
  const double n = static_cast<double>(dimension);
  return {.kind = LinearKind::dense,
          .cost = {n * product_flops, 2 * n * n * n / 3, 2 * n * n, 24 * n * n}};
}

std::unique_ptr<NewtonMatrix> make_dense_newton_matrix(System& system, double product_flops) {
  require_memory(dense_newton_offer(system.dimension(), product_flops).cost.memory_bytes);
  return std::make_unique<DenseNewtonMatrix>(system, product_flops);
}

NewtonOffer gmres_newton_offer(Index dimension, double product_flops,
                               const NewtonCost& preconditioner, Index basis) {
  const double n = static_cast<double>(dimension);
  // Some ten iterations a solve, which Gram-Schmidt makes orthogonal twice.
  constexpr double iterations = 10;
  const double iteration = product_flops + preconditioner.solve_flops + 4 * n * (iterations + 1);
  return {.kind = LinearKind::krylov,
          .cost = {preconditioner.linearise_flops, preconditioner.factorise_flops,
                   iterations * iteration,
                   8 * n * static_cast<double>(std::min(basis, dimension) + 4) +
                       preconditioner.memory_bytes}};
}

std::unique_ptr<NewtonMatrix> make_gmres_newton_matrix(std::unique_ptr<System> system,
                                                       std::unique_ptr<Preconditioner> p,
                                                       double product_flops, Index basis) {
  return std::make_unique<GmresNewtonMatrix>(std::move(system), std::move(p), product_flops, basis);
}

SpectrumEnds spectrum_ends(System& system, double t, ConstVectorRef y, Index iterations) {
  SpectrumEnds ends;
  const JacobianKrylovSpace space = lanczos(system, t, y, iterations);
  const Index used = space.diagonal.size();
  if (used == 0) return ends;
  const Vector values = tridiagonal_eigenvalues(space.diagonal, space.off_diagonal);
  ends.lowest = values[0];
  ends.second_lowest = values[std::min<Index>(1, used - 1)];
  ends.highest = values[used - 1];
  return ends;
}

}  // namespace gradflow
