#include "flow/shifted_hessian.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/decompositions.hpp"
#include "numerics/memory.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

double as_double(Index n) {
  return static_cast<double>(n);
}

/// Entry i of a shift that may be one number for all.
struct Shift {
  Vector values;
  double operator[](Index i) const { return values.size() == 1 ? values[0] : values[i]; }
  bool uniform() const { return values.size() == 1; }
  void divide(VectorRef b) const {
    if (uniform())
      b /= values[0];
    else
      b.array() /= values.array();
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
    if (decay_.size() == 1)
      out += decay_[0] * point_;
    else
      out.array() += decay_.array() * point_.array();
    loss.map().project(out);
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

// ---------------------------------------------------------------------------------- dense
class DenseHessian final : public ShiftedHessian {
 public:
  explicit DenseHessian(const Loss& loss)
      : loss_(loss),
        hessian_(loss.dimension(), loss.dimension()),
        unit_(Vector::Zero(loss.dimension())) {}

  void linearise(ConstVectorRef w) override {
    while (static_cast<Index>(others_.size()) + 1 < loop_threads())
      others_.push_back({loss_, unit_});
    settled_.linearise(w);
    columns(hessian_, [&](Loss& loss, const Vector& unit, VectorRef column) {
      loss.linearise(w);  // once: the point stays
      if (settled_.wanted())
        loss.gauss_newton_times(unit, column);
      else
        loss.hessian_times(unit, column);
    });
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    if (settled_.wanted()) {
      if (!factorise_sum(shift, scale)) return false;
      settled_.slope(loss_, step_);
      step_ *= scale;
      factorisation_.solve_in_place(step_);
      const Vector& gradient = settled_.after(loss_, step_);
      columns(curvature_, [&](Loss& loss, const Vector& unit, VectorRef column) {
        loss.map().curvature_times(gradient, unit, column);
      });
    }
    return factorise_sum(shift, scale, settled_.wanted());
  }

  bool solve(VectorRef b, double) override {
    factorisation_.solve_in_place(b);
    return true;
  }

  std::string name() const override { return "dense"; }
  bool exact() const override { return true; }
  std::optional<Index> negative_eigenvalues() const override {
    return factorisation_.negative_eigenvalues();
  }
  NewtonCost cost() const override {
    const double p = as_double(loss_.dimension());
    return {4 * p * loss_.map().product_flops(), p * p * p / 3, 2 * p * p, bytes(loss_)};
  }
  static double bytes(const Loss& loss) {
    return 16 * as_double(loss.dimension()) * as_double(loss.dimension());
  }
  void settle_residuals(ConstVectorRef decay) override {
    if (loss_.map().affine()) return;
    settled_.want(decay);
    curvature_.resize(hessian_.rows(), hessian_.cols());
    step_.resize(hessian_.rows());
  }

 private:
  /// Columns of a matrix from products with unit vectors, shared out among the threads.
  template <class Product>
  void columns(Matrix& matrix, Product product) {
    const Index p = loss_.dimension(), threads = static_cast<Index>(others_.size()) + 1;
    parallel_for(threads, [&](Index k) {
      Loss& loss = k == 0 ? loss_ : others_[static_cast<std::size_t>(k - 1)].loss;
      Vector& unit = k == 0 ? unit_ : others_[static_cast<std::size_t>(k - 1)].unit;
      for (Index j = k; j < p; j += threads) {
        unit[j] = 1;
        product(loss, unit, matrix.col(j));
        unit[j] = 0;
      }
    });
  }
  bool factorise_sum(ConstVectorRef shift, double scale, bool with_curvature = false) {
    Matrix& m = factorisation_.storage(hessian_.rows());
    m = scale * hessian_;
    if (with_curvature) m += scale * curvature_;
    if (shift.size() == 1)
      m.diagonal().array() += shift[0];
    else
      m.diagonal() += shift;
    return factorisation_.factorise_in_place() != SymmetricFactorisation::Outcome::singular;
  }
  /// What a further thread works with: a product needs work space of its own.
  struct Worker {
    Loss loss;
    Vector unit;
  };
  Loss loss_;
  Matrix hessian_;
  Vector unit_;
  std::vector<Worker> others_;
  SymmetricFactorisation factorisation_;
  SettledResiduals settled_;
  Matrix curvature_;
  Vector step_;
};

// ---------------------------------------------------------------------------- Gauss-Newton
class GaussNewtonHessian final : public ShiftedHessian {
 public:
  explicit GaussNewtonHessian(const Loss& loss)
      : loss_(loss),
        gram_(loss.outputs(), loss.outputs()),
        newton_(Matrix::Zero(loss.outputs(), loss.outputs())),
        small_(loss.outputs()),
        large_(loss.dimension()),
        root_(loss_.output_loss().uniform_root()) {}

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    gram_is_weighted_ = true;  // any Gram matrix held is of an older point
    have_gram_ = false;
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    shift_.values = shift;
    scale_ = scale;
    if (!have_gram_ || gram_is_weighted_ || !shift_.uniform()) {
      if (shift_.uniform()) {
        loss_.map().gram(Vector(), gram_);
      } else {
        large_ = shift_.values.cwiseInverse();
        loss_.map().gram(large_, gram_);
      }
      // S^T K S: the factor acts on columns, so once, transpose, once more; where it is a number,
      // below.
      for (int side = 0; side < 2 && !root_; ++side) {
        for (Index j = 0; j < gram_.cols(); ++j)
          loss_.output_loss().root_transposed_times(loss_.last_outputs(), gram_.col(j));
        gram_.transposeInPlace();
      }
      have_gram_ = true;
      gram_is_weighted_ = !shift_.uniform();
    }
    const double root = root_.value_or(1);
    const double factor = root * root * scale / (shift_.uniform() ? shift_.values[0] : 1.0);
    // The lower triangle alone is read.
    for (Index j = 0; j < gram_.cols(); ++j) {
      newton_.col(j).tail(gram_.rows() - j) = factor * gram_.col(j).tail(gram_.rows() - j);
      newton_(j, j) += 1;
    }
    return cholesky_in_place(newton_);
  }

  bool solve(VectorRef b, double) override {
    const Vector& f = loss_.last_outputs();
    shift_.divide(b);
    loss_.map().jacobian_times(b, small_);
    loss_.output_loss().root_transposed_times(f, small_);
    solve_cholesky(newton_, small_);
    loss_.output_loss().root_times(f, small_);
    loss_.map().transpose_times(small_, large_);
    large_ *= scale_;
    shift_.divide(large_);
    b -= large_;
    return true;
  }

  std::string name() const override { return "gauss_newton"; }
  bool exact() const override { return loss_.map().affine(); }
  std::optional<Index> negative_eigenvalues() const override {
    return exact() ? std::optional<Index>(0) : std::nullopt;
  }
  NewtonCost cost() const override {
    const double n = as_double(loss_.outputs());
    return {loss_.map().gram_flops() + loss_.map().evaluate_flops(), n * n * n / 3,
            2 * n * n + 2 * loss_.map().product_flops(), bytes(loss_)};
  }
  static double bytes(const Loss& loss) {
    return 16 * as_double(loss.outputs()) * as_double(loss.outputs());
  }

 private:
  Loss loss_;
  Matrix gram_, newton_;
  Vector small_, large_;
  std::optional<double> root_;
  Shift shift_;
  double scale_ = 0;
  bool have_gram_ = false, gram_is_weighted_ = false;
};

// -------------------------------------------------------------------- blocks plus low rank
class BlockHessian final : public ShiftedHessian {
 public:
  explicit BlockHessian(const Loss& loss)
      : loss_(loss),
        structure_(*loss_.map().curvature_blocks()),
        factor_(loss.dimension(), loss.outputs()),
        solved_(loss.dimension(), loss.outputs()),
        small_(loss.outputs()),
        large_(loss.dimension()) {
    Index size = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      size += block_size(b) * block_size(b);
    }
    curvature_.resize(size);
    inverse_.resize(size);
    gathered_.resize(structure_.largest(), loss.outputs());
    product_.resize(structure_.largest(), loss.outputs());
  }

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    settled_.linearise(w);
    if (!settled_.wanted()) loss_.map().curvature(loss_.last_output_gradient(), curvature_);
    loss_.map().transposed_jacobian(factor_);
    // J^T S, row by row of J^T: the root acts on vectors of N entries.
    if (const auto root = loss_.output_loss().uniform_root()) {
      factor_ *= *root;
      return;
    }
    for (Index i = 0; i < factor_.rows(); ++i) {
      small_ = factor_.row(i).transpose();
      loss_.output_loss().root_transposed_times(loss_.last_outputs(), small_);
      factor_.row(i) = small_.transpose();
    }
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    scale_ = scale;
    if (settled_.wanted()) {
      if (!settle(shift)) return false;
      loss_.map().curvature(gradient_, curvature_);
    }
    Index negative_in_blocks = 0;
    Index offset = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      const Index n = block_size(b);
      const Eigen::Map<const Matrix> curved(curvature_.data() + offset, n, n);
      Eigen::Map<Matrix> inverse(inverse_.data() + offset, n, n);
      Matrix& block = small_factorisation_.storage(n);
      block = scale * curved;
      for (Index i = 0; i < n; ++i)
        block(i, i) += shift.size() == 1 ? shift[0] : shift[parameter(b, i)];
      if (n == 1) {
        if (block(0, 0) == 0) return false;
        inverse(0, 0) = 1 / block(0, 0);
        negative_in_blocks += block(0, 0) < 0;
      } else {
        if (small_factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
          return false;
        negative_in_blocks += small_factorisation_.negative_eigenvalues();
        inverse.setIdentity();
        small_factorisation_.solve_in_place(inverse);
      }
      offset += n * n;
    }
    apply_inverse(factor_, solved_);
    Matrix& m = factorisation_.storage(loss_.outputs());
    m.noalias() = scale * (factor_.transpose() * solved_);
    m.diagonal().array() += 1;
    if (factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
      return false;
    negative_ = negative_in_blocks - factorisation_.negative_eigenvalues();
    return true;
  }

  bool solve(VectorRef b, double) override {
    large_ = b;
    apply_inverse(large_, b);
    small_.noalias() = factor_.transpose() * b;
    factorisation_.solve_in_place(small_);
    b.noalias() -= scale_ * (solved_ * small_);
    return true;
  }

  std::string name() const override { return "structured"; }
  bool exact() const override { return true; }
  std::optional<Index> negative_eigenvalues() const override { return negative_; }
  NewtonCost cost() const override {
    const double n = as_double(loss_.outputs()), p = as_double(loss_.dimension());
    const double block = as_double(structure_.largest());
    return {loss_.map().evaluate_flops() + n * loss_.map().product_flops(),
            2 * n * n * p + n * n * n / 3 + 2 * p * block * (n + block),
            4 * n * p + 2 * n * n + 2 * p * block, bytes(loss_)};
  }
  static double bytes(const Loss& loss) {
    const double n = as_double(loss.outputs()), p = as_double(loss.dimension());
    const double block = as_double(loss.map().curvature_blocks()->largest());
    return 16 * p * (n + block) + 16 * n * n;
  }
  void settle_residuals(ConstVectorRef decay) override { settled_.want(decay); }

 private:
  /// By Woodbury, with F = J^T S and e = J^T l' + Lambda w: D J delta =
  /// scale S (I + scale F^T diag(1/shift) F)^{-1} F^T diag(1/shift) e.
  bool settle(ConstVectorRef shift) {
    settled_.slope(loss_, large_);
    if (shift.size() == 1) {
      large_ /= shift[0];
      solved_ = factor_ / shift[0];
    } else {
      large_.array() /= shift.array();
      solved_ = shift.cwiseInverse().asDiagonal() * factor_;
    }
    small_.noalias() = factor_.transpose() * large_;
    Matrix& m = factorisation_.storage(loss_.outputs());
    m.noalias() = scale_ * (factor_.transpose() * solved_);
    m.diagonal().array() += 1;
    if (factorisation_.factorise_in_place() == SymmetricFactorisation::Outcome::singular)
      return false;
    factorisation_.solve_in_place(small_);
    loss_.output_loss().root_times(loss_.last_outputs(), small_);
    gradient_ = loss_.last_output_gradient() - scale_ * small_;
    return true;
  }

  Index block_size(Index b) const {
    return structure_.start[static_cast<std::size_t>(b) + 1] -
           structure_.start[static_cast<std::size_t>(b)];
  }
  Index parameter(Index b, Index i) const {
    return structure_
        .index[static_cast<std::size_t>(structure_.start[static_cast<std::size_t>(b)] + i)];
  }

  template <class In, class Out>
  void apply_inverse(const In& in, Out&& out) {
    Index offset = 0;
    for (Index b = 0; b < structure_.blocks(); ++b) {
      const Index n = block_size(b);
      const Eigen::Map<const Matrix> inverse(inverse_.data() + offset, n, n);
      if (n == 1) {
        out.row(parameter(b, 0)) = inverse(0, 0) * in.row(parameter(b, 0));
      } else {
        const auto columns = in.cols();
        for (Index i = 0; i < n; ++i) gathered_.row(i).head(columns) = in.row(parameter(b, i));
        product_.topLeftCorner(n, columns).noalias() =
            inverse * gathered_.topLeftCorner(n, columns);
        for (Index i = 0; i < n; ++i) out.row(parameter(b, i)) = product_.row(i).head(columns);
      }
      offset += n * n;
    }
  }

  Loss loss_;
  const BlockStructure& structure_;
  Vector curvature_, inverse_;
  Matrix factor_, solved_, gathered_, product_;
  SymmetricFactorisation factorisation_, small_factorisation_;
  Vector small_, large_, gradient_;
  double scale_ = 0;
  Index negative_ = 0;
  SettledResiduals settled_;
};

// -------------------------------------------------------------------------------- Krylov
class KrylovHessian final : public ShiftedHessian {
 public:
  KrylovHessian(const Loss& loss, Index rank)
      : loss_(loss),
        rank_(std::min({rank, loss.dimension(), loss.outputs()})),
        sketch_(loss.dimension(), rank_),
        probe_(loss.dimension(), rank_) {
    const Index p = loss.dimension();
    x_.resize(p), r_.resize(p), z_.resize(p), d_.resize(p), q_.resize(p),
        coefficients_.resize(rank_);
    RandomStream stream(0, "nystrom");
    stream.fill_normal(probe_);
    Eigen::HouseholderQR<Matrix> qr(probe_);
    probe_ = qr.householderQ() * Matrix::Identity(p, rank_);
  }

  void linearise(ConstVectorRef w) override {
    loss_.linearise(w);
    settled_.linearise(w);
    for (Index j = 0; j < rank_; ++j) loss_.gauss_newton_times(probe_.col(j), sketch_.col(j));
    // Nystrom: H ~ Y (Q^T Y)^{-1} Y^T, with a small shift so that the core is positive definite.
    const double nu = std::sqrt(as_double(loss_.dimension())) * 2.2e-16 * sketch_.norm();
    sketch_ += nu * probe_;
    Matrix core = probe_.transpose() * sketch_;
    core = (0.5 * (core + core.transpose())).eval();
    Eigen::LLT<Matrix> llt(core);
    if (llt.info() == Eigen::Success) {
      llt.matrixU().solveInPlace<Eigen::OnTheRight>(sketch_);
      const Eigen::JacobiSVD<Matrix> svd_small(Matrix(Eigen::HouseholderQR<Matrix>(sketch_)
                                                          .matrixQR()
                                                          .topRows(rank_)
                                                          .template triangularView<Eigen::Upper>()),
                                               Eigen::ComputeFullU | Eigen::ComputeFullV);
      basis_.noalias() = sketch_ * svd_small.matrixV();
      eigenvalues_ = (svd_small.singularValues().array().square() - nu).max(0).matrix();
      for (Index j = 0; j < rank_; ++j) {
        const double length = basis_.col(j).norm();
        if (length > 0) basis_.col(j) /= length;
      }
    } else {
      basis_.setZero(loss_.dimension(), rank_);
      eigenvalues_.setZero(rank_);
    }
  }

  bool factorise(ConstVectorRef shift, double scale) override {
    shift_.values = shift;
    scale_ = scale;
    mean_shift_ = shift.mean();
    if (settled_.wanted()) {
      // Without convergence no curvature: the Gauss-Newton part alone.
      settled_.slope(loss_, step_);
      step_ *= scale_;
      if (conjugate_gradients(step_, 0, false))
        gradient_ = settled_.after(loss_, step_);
      else
        gradient_.setZero(loss_.outputs());
    }
    return true;
  }

  bool solve(VectorRef b, double tolerance) override {
    return conjugate_gradients(b, tolerance, true) || conjugate_gradients(b, tolerance, false);
  }

  std::string name() const override { return "krylov"; }
  // Where the matrix is indefinite, some solves are those of its Gauss-Newton part.
  bool exact() const override { return loss_.map().affine(); }
  NewtonCost cost() const override {
    const double p = as_double(loss_.dimension()), k = as_double(rank_);
    const double product = 4 * loss_.map().product_flops();
    return {k * product + 6 * p * k * k, 0, 20 * (product + 4 * p * k + 10 * p),
            bytes(loss_, rank_)};
  }
  static double bytes(const Loss& loss, Index rank) {
    return 24 * as_double(loss.dimension()) * as_double(rank);
  }
  void settle_residuals(ConstVectorRef decay) override {
    if (loss_.map().affine()) return;
    settled_.want(decay);
    step_.resize(loss_.dimension());
    curved_.resize(loss_.dimension());
  }

 private:
  void apply(const Vector& v, Vector& out, bool full) {
    if (full && !settled_.wanted())
      loss_.hessian_times(v, out);
    else
      loss_.gauss_newton_times(v, out);
    if (full && settled_.wanted()) {
      loss_.map().curvature_times(gradient_, v, curved_);
      out += curved_;
    }
    out *= scale_;
    if (shift_.uniform())
      out += shift_.values[0] * v;
    else
      out.array() += shift_.values.array() * v.array();
  }

  void precondition(const Vector& r, Vector& z) {
    coefficients_.noalias() = basis_.transpose() * r;
    for (Index j = 0; j < rank_; ++j) {
      const double stiff = scale_ * eigenvalues_[j];
      coefficients_[j] *= stiff / (mean_shift_ + stiff);
    }
    z = r;
    z.noalias() -= basis_ * coefficients_;
    z /= mean_shift_;
  }

  /// False, with b untouched, on negative curvature (full) or without convergence.
  bool conjugate_gradients(VectorRef b, double tolerance, bool full) {
    const Index most = 200;
    r_ = b;
    x_.setZero();
    // Below 1e-12 of b rounding in the products sets the residual.
    // Never looser than a ten-thousandth of it: a solution of zero is no correction.
    const double stop = std::max(std::min(tolerance, 1e-4 * r_.norm()), 1e-12 * r_.norm());
    if (r_.norm() <= stop) {
      b.setZero();
      return true;
    }
    precondition(r_, z_);
    d_ = z_;
    double rz = r_.dot(z_);
    for (Index k = 0; k < most; ++k) {
      apply(d_, q_, full);
      const double curvature = d_.dot(q_);
      if (!(curvature > 0)) return false;
      const double a = rz / curvature;
      x_ += a * d_;
      r_ -= a * q_;
      if (r_.norm() <= stop) {
        b = x_;
        return true;
      }
      precondition(r_, z_);
      const double rz_next = r_.dot(z_);
      d_ = z_ + (rz_next / rz) * d_;
      rz = rz_next;
    }
    return false;
  }

  Loss loss_;
  Index rank_;
  Matrix sketch_, probe_, basis_;
  Vector eigenvalues_, x_, r_, z_, d_, q_, coefficients_;
  Vector gradient_, step_, curved_;
  Shift shift_;
  double scale_ = 0, mean_shift_ = 1;
  SettledResiduals settled_;
};

}  // namespace

std::unique_ptr<ShiftedHessian> make_dense_hessian(const Loss& loss) {
  require_memory(DenseHessian::bytes(loss));
  return std::make_unique<DenseHessian>(loss);
}
std::unique_ptr<ShiftedHessian> make_gauss_newton_hessian(const Loss& loss) {
  require_memory(GaussNewtonHessian::bytes(loss));
  return std::make_unique<GaussNewtonHessian>(loss);
}
std::unique_ptr<ShiftedHessian> make_block_hessian(const Loss& loss) {
  require_memory(BlockHessian::bytes(loss));
  return std::make_unique<BlockHessian>(loss);
}
std::unique_ptr<ShiftedHessian> make_krylov_hessian(const Loss& loss, Index rank) {
  require_memory(KrylovHessian::bytes(loss, rank));
  return std::make_unique<KrylovHessian>(loss, rank);
}

}  // namespace gradflow
