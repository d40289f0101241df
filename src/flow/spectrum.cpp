#include "flow/spectrum.hpp"

#include <Spectra/SymEigsSolver.h>

#include <algorithm>
#include <cmath>

#include "numerics/factorisations.hpp"
#include "numerics/random.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// hess F + diag(decay) + shift as Spectra wants a matrix.
class HessianOperator {
 public:
  using Scalar = double;
  HessianOperator(Loss& loss, ConstVectorRef decay) : loss_(loss), decay_(decay) {}
  Index rows() const { return loss_.dimension(); }
  Index cols() const { return loss_.dimension(); }
  void perform_op(const double* in, double* out) const {
    Eigen::Map<Vector> result(out, rows());
    const Eigen::Map<const Vector> v(in, rows());
    loss_.hessian_times(v, result);
    if (decay_.size() == 1)
      result += (decay_[0] + shift_) * v;
    else
      result += decay_.cwiseProduct(v) + shift_ * v;
  }
  /// An estimate, from below, of the largest |eigenvalue|.
  double size() const {
    Vector v(rows()), next(rows());
    RandomStream(0, "spectrum").fill_normal(v);
    v.normalize();
    double largest = 0;
    for (int k = 0; k < 12; ++k) {
      perform_op(v.data(), next.data());
      largest = next.norm();
      if (!(largest > 0)) break;
      v = next / largest;
    }
    return largest;
  }
  void shift_by(double shift) { shift_ = shift; }

 private:
  Loss& loss_;
  Vector decay_;
  double shift_ = 0;
};

Matrix dense(const HessianOperator& operation) {
  const Index p = operation.rows();
  Matrix hessian(p, p);
  Vector unit = Vector::Zero(p);
  for (Index j = 0; j < p; ++j) {
    unit[j] = 1;
    operation.perform_op(unit.data(), hessian.col(j).data());
    unit[j] = 0;
  }
  return hessian;
}

}  // namespace

HessianSpectrum hessian_spectrum(Loss& loss, ConstVectorRef w, ConstVectorRef decay, Index count,
                                 Index dense_limit) {
  const Index p = loss.dimension();
  loss.linearise(w);
  HessianSpectrum spectrum;
  const HessianOperator operation(loss, decay);
  if (p <= dense_limit || p <= 3 * count) {
    SymmetricEigen eigen = symmetric_eigen(dense(operation));
    spectrum.values = std::move(eigen.values);
    spectrum.vectors = std::move(eigen.vectors);
    spectrum.complete = true;
    return spectrum;
  }
  // Spectra asks for residuals relative to each eigenvalue. Shifted, all are of the size of the
  // largest, which is what the small ones can be told to.
  HessianOperator hessian(loss, decay);
  const double shift = 4 * hessian.size();
  hessian.shift_by(shift);
  Spectra::SymEigsSolver<HessianOperator> lanczos(hessian, 2 * count,
                                                  std::min(p, std::max<Index>(6 * count, 40)));
  lanczos.init();
  lanczos.compute(Spectra::SortRule::BothEnds, 300, 1e-9, Spectra::SortRule::SmallestAlge);
  if (lanczos.info() != Spectra::CompInfo::Successful) {
    // Which have converged is not known. A crowded lower end does not keep the upper one away.
    spectrum.values = Vector::Constant(2 * count, nan);
    spectrum.vectors = Matrix::Constant(p, 2 * count, nan);
    Spectra::SymEigsSolver<HessianOperator> upper(hessian, count,
                                                  std::min(p, std::max<Index>(4 * count, 40)));
    upper.init();
    upper.compute(Spectra::SortRule::LargestAlge, 300, 1e-9, Spectra::SortRule::SmallestAlge);
    if (upper.info() == Spectra::CompInfo::Successful) {
      spectrum.values.tail(count) = upper.eigenvalues().array() - shift;
      spectrum.vectors.rightCols(count) = upper.eigenvectors();
    }
    return spectrum;
  }
  spectrum.values = lanczos.eigenvalues().array() - shift;
  spectrum.vectors = lanczos.eigenvectors();
  return spectrum;
}

double largest_hessian_eigenvalue(Loss& loss, ConstVectorRef w) {
  constexpr Index few = 60;  // parameters, of whose Hessian Lanczos would ask for as many products
  loss.linearise(w);
  HessianOperator hessian(loss, Vector::Zero(1));
  if (loss.dimension() <= few) return symmetric_eigenvalues(dense(hessian)).tail(1)[0];
  const double size = hessian.size();
  if (!(size > 0)) return size;  // 0, or NaN
  // Shifted, as below: Spectra asks for residuals relative to the eigenvalue itself.
  const double shift = 2 * size;
  hessian.shift_by(shift);
  Spectra::SymEigsSolver<HessianOperator> lanczos(hessian, 1, 20);
  lanczos.init();
  lanczos.compute(Spectra::SortRule::LargestAlge, 300, 1e-10);
  return lanczos.info() == Spectra::CompInfo::Successful ? lanczos.eigenvalues()[0] - shift : nan;
}

ScaleSeparation scale_separation(const Vector& eigenvalues, double floor) {
  ScaleSeparation separation;
  if (eigenvalues.size() == 0) return separation;
  if (!eigenvalues.allFinite()) {
    separation.gap = nan;
    return separation;
  }
  const double top = eigenvalues.cwiseAbs().maxCoeff();
  if (!(top > 0)) return separation;
  // From below: the largest |rate| among those at or under each place.
  double others = floor * top;
  for (Index below = 0; below + 1 < eigenvalues.size(); ++below) {
    others = std::max(others, std::abs(eigenvalues[below]));
    const double gap = eigenvalues[below + 1] / others;
    if (gap <= separation.gap) continue;
    separation.gap = gap;
    separation.fast_modes = gap < least_gap ? 0 : eigenvalues.size() - 1 - below;
  }
  return separation;
}

}  // namespace gradflow
