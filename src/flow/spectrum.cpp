#include "flow/spectrum.hpp"

#include <Spectra/SymEigsSolver.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

/// hess F + diag(decay) as Spectra wants a matrix.
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
      result += decay_[0] * v;
    else
      result += decay_.cwiseProduct(v);
  }

 private:
  Loss& loss_;
  Vector decay_;
};

}  // namespace

HessianSpectrum hessian_spectrum(Loss& loss, ConstVectorRef w, ConstVectorRef decay, Index count,
                                 Index dense_limit) {
  const Index p = loss.dimension();
  loss.linearise(w);
  HessianSpectrum spectrum;
  const HessianOperator operation(loss, decay);
  if (p <= dense_limit || p <= 3 * count) {
    Matrix hessian(p, p);
    Vector unit = Vector::Zero(p);
    for (Index j = 0; j < p; ++j) {
      unit[j] = 1;
      operation.perform_op(unit.data(), hessian.col(j).data());
      unit[j] = 0;
    }
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(hessian);
    spectrum.values = eigen.eigenvalues();
    spectrum.vectors = eigen.eigenvectors();
    spectrum.complete = true;
    return spectrum;
  }
  HessianOperator hessian(loss, decay);
  Spectra::SymEigsSolver<HessianOperator> lanczos(hessian, 2 * count,
                                                  std::min(p, std::max<Index>(6 * count, 40)));
  lanczos.init();
  lanczos.compute(Spectra::SortRule::BothEnds, 300, 1e-8, Spectra::SortRule::SmallestAlge);
  spectrum.values = lanczos.eigenvalues();
  spectrum.vectors = lanczos.eigenvectors();
  return spectrum;
}

ScaleSeparation scale_separation(const Vector& eigenvalues, double floor) {
  ScaleSeparation separation;
  if (eigenvalues.size() == 0) return separation;
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
