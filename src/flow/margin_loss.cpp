#include "flow/margin_loss.hpp"

#include <cmath>

namespace gradflow {
namespace {

/// log l(z).
double log_loss(MarginLossKind kind, double z) {
  if (kind == MarginLossKind::exponential) return -z;
  // log log(1 + e^-z): for large z the series -z - e^-z/2, right to rounding from z = 18 on.
  if (z > 18) return -z - 0.5 * std::exp(-z);
  return std::log(z > 0 ? std::log1p(std::exp(-z)) : -z + std::log1p(std::exp(z)));
}

/// log(-l'(z)).
double log_slope(MarginLossKind kind, double z) {
  if (kind == MarginLossKind::exponential) return -z;
  return z > 0 ? -z - std::log1p(std::exp(-z)) : -std::log1p(std::exp(z));
}

/// l''(z).
double curvature(MarginLossKind kind, double z) {
  if (kind == MarginLossKind::exponential) return std::exp(-z);
  const double e = std::exp(-std::abs(z));
  return e / ((1 + e) * (1 + e));
}

}  // namespace

double MarginLoss::value(ConstVectorRef f) const {
  double sum = 0;
  for (Index i = 0; i < f.size(); ++i) sum += std::exp(log_loss(kind_, f[i]));
  return sum;
}

double MarginLoss::gradient(ConstVectorRef f, VectorRef g) const {
  for (Index i = 0; i < f.size(); ++i) g[i] = -std::exp(log_slope(kind_, f[i]));
  return value(f);
}

void MarginLoss::hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const {
  for (Index i = 0; i < f.size(); ++i) out[i] = curvature(kind_, f[i]) * v[i];
}

void MarginLoss::root_transposed_times(ConstVectorRef f, VectorRef v) const {
  root_times(f, v);
}

void MarginLoss::root_times(ConstVectorRef f, VectorRef v) const {
  for (Index i = 0; i < f.size(); ++i) v[i] *= std::sqrt(curvature(kind_, f[i]));
}

double log_margin_loss(MarginLossKind kind, ConstVectorRef z) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (Index i = 0; i < z.size(); ++i) most = std::max(most, log_loss(kind, z[i]));
  for (Index i = 0; i < z.size(); ++i) sum += std::exp(log_loss(kind, z[i]) - most);
  return most + std::log(sum);
}

double margin_weights(MarginLossKind kind, ConstVectorRef z, VectorRef q) {
  const double log_l = log_margin_loss(kind, z);
  for (Index i = 0; i < z.size(); ++i) q[i] = std::exp(log_slope(kind, z[i]) - log_l);
  return log_l;
}

}  // namespace gradflow
