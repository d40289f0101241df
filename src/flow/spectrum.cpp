#include "flow/spectrum.hpp"

#include <Spectra/SymEigsSolver.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

/// hess F as Spectra wants a matrix.
class HessianOperator {
 public:
  using Scalar = double;
  explicit HessianOperator(Loss& loss) : loss_(loss) {}
  Index rows() const { return loss_.dimension(); }
  Index cols() const { return loss_.dimension(); }
  void perform_op(const double* in, double* out) const {
    Eigen::Map<Vector> result(out, rows());
    loss_.hessian_times(Eigen::Map<const Vector>(in, rows()), result);
  }

 private:
  Loss& loss_;
};

}  // namespace

HessianSpectrum hessian_spectrum(Loss& loss, ConstVectorRef w, Index count, Index dense_limit) {
  const Index p = loss.dimension();
  loss.linearise(w);
  HessianSpectrum spectrum;
  if (p <= dense_limit || p <= 3 * count) {
    Matrix hessian(p, p);
    Vector unit = Vector::Zero(p);
    for (Index j = 0; j < p; ++j) {
      unit[j] = 1;
      loss.hessian_times(unit, hessian.col(j));
      unit[j] = 0;
    }
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(hessian);
    spectrum.values = eigen.eigenvalues();
    spectrum.vectors = eigen.eigenvectors();
    spectrum.complete = true;
    return spectrum;
  }
  HessianOperator hessian(loss);
  Spectra::SymEigsSolver<HessianOperator> lanczos(hessian, 2 * count,
                                                  std::min(p, std::max<Index>(6 * count, 40)));
  lanczos.init();
  lanczos.compute(Spectra::SortRule::BothEnds, 300, 1e-8, Spectra::SortRule::SmallestAlge);
  spectrum.values = lanczos.eigenvalues();
  spectrum.vectors = lanczos.eigenvectors();
  return spectrum;
}

ScaleSeparation scale_separation(const Vector& eigenvalues, double lambda, double floor) {
  ScaleSeparation separation;
  std::vector<double> rates;
  for (const double mu : eigenvalues) rates.push_back(std::abs(mu + lambda));
  std::sort(rates.begin(), rates.end(), std::greater<>());
  if (rates.empty() || !(rates.front() > 0)) return separation;
  for (double& rate : rates) rate = std::max(rate, floor * rates.front());
  for (std::size_t i = 0; i + 1 < rates.size(); ++i)
    if (rates[i] / rates[i + 1] > separation.gap) {
      separation.gap = rates[i] / rates[i + 1];
      separation.fast_modes = static_cast<Index>(i) + 1;
    }
  return separation;
}

}  // namespace gradflow
