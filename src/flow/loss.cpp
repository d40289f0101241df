#include "flow/loss.hpp"

#include <cmath>
#include <stdexcept>

namespace gradflow {

void OutputLoss::residual(ConstVectorRef, VectorRef) const {
  throw std::logic_error("this loss has no residuals");
}

double SquaredLoss::value(ConstVectorRef f) const {
  return c_ * (f - targets_).squaredNorm() + constant_;
}

double SquaredLoss::gradient(ConstVectorRef f, VectorRef g) const {
  g = f - targets_;
  const double value = c_ * g.squaredNorm() + constant_;
  g *= 2 * c_;
  return value;
}

void SquaredLoss::hessian_times(ConstVectorRef, ConstVectorRef v, VectorRef out) const {
  out = (2 * c_) * v;
}
void SquaredLoss::root_transposed_times(ConstVectorRef f, VectorRef v) const {
  root_times(f, v);
}
void SquaredLoss::root_times(ConstVectorRef, VectorRef v) const {
  v *= *uniform_root();
}
std::optional<double> SquaredLoss::uniform_root() const {
  return std::sqrt(2 * c_);
}

CrossEntropyLoss::CrossEntropyLoss(std::vector<Index> labels, Index classes)
    : labels_(std::move(labels)), classes_(classes) {}

Vector& CrossEntropyLoss::softmax(ConstVectorRef f, Index i) const {
  thread_local Vector p;
  const auto row = f.segment(i * classes_, classes_);
  p = (row.array() - row.maxCoeff()).exp();
  p /= p.sum();
  return p;
}

double CrossEntropyLoss::value(ConstVectorRef f) const {
  double sum = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const auto row = f.segment(static_cast<Index>(i) * classes_, classes_);
    const double top = row.maxCoeff();
    sum += top + std::log((row.array() - top).exp().sum()) - row[labels_[i]];
  }
  return sum / static_cast<double>(labels_.size());
}

double CrossEntropyLoss::gradient(ConstVectorRef f, VectorRef g) const {
  const double n = static_cast<double>(labels_.size());
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Vector& p = softmax(f, static_cast<Index>(i));
    auto row = g.segment(static_cast<Index>(i) * classes_, classes_);
    row = p / n;
    row[labels_[i]] -= 1 / n;
  }
  return value(f);
}

void CrossEntropyLoss::hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const {
  const double n = static_cast<double>(labels_.size());
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Vector& p = softmax(f, static_cast<Index>(i));
    const auto in = v.segment(static_cast<Index>(i) * classes_, classes_);
    const double mean = p.dot(in);
    out.segment(static_cast<Index>(i) * classes_, classes_) = p.array() * (in.array() - mean) / n;
  }
}

// diag(p) - p p^T = S S^T with S = diag(q)(I - q q^T), q = sqrt(p), because |q| = 1.
void CrossEntropyLoss::root_transposed_times(ConstVectorRef f, VectorRef v) const {
  const double scale = 1 / std::sqrt(static_cast<double>(labels_.size()));
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Vector& p = softmax(f, static_cast<Index>(i));
    auto in = v.segment(static_cast<Index>(i) * classes_, classes_);
    p = p.cwiseSqrt();
    in.array() *= p.array();
    in -= p * p.dot(in);
    in *= scale;
  }
}

void CrossEntropyLoss::root_times(ConstVectorRef f, VectorRef v) const {
  const double scale = 1 / std::sqrt(static_cast<double>(labels_.size()));
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Vector& p = softmax(f, static_cast<Index>(i));
    auto in = v.segment(static_cast<Index>(i) * classes_, classes_);
    p = p.cwiseSqrt();
    in -= p * p.dot(in);
    in.array() *= p.array() * scale;
  }
}

Loss::Loss(std::unique_ptr<OutputMap> map, std::shared_ptr<const OutputLoss> output_loss)
    : map_(std::move(map)), output_loss_(std::move(output_loss)) {
  f_.resize(outputs());
  g_.resize(outputs());
  jv_.resize(outputs());
  djv_.resize(outputs());
  curved_.resize(dimension());
  point_.resize(dimension());
}

Loss::Loss(const Loss& other) : Loss(other.map_->clone(), other.output_loss_) {}

void Loss::move_to(ConstVectorRef w) {
  if (have_point_ && map_->revision() == revision_ && w == point_) return;  // never for NaN
  point_ = w;
  map_->evaluate(w, f_);
  revision_ = map_->revision();
  have_point_ = true;
  have_gradient_ = false;
}

double Loss::value(ConstVectorRef w) {
  move_to(w);
  return have_gradient_ ? value_ : output_loss_->value(f_);
}

double Loss::gradient(ConstVectorRef w, VectorRef g) {
  linearise(w);
  map_->transpose_times(g_, g);
  return value_;
}

void Loss::linearise(ConstVectorRef w) {
  move_to(w);
  if (have_gradient_) return;
  value_ = output_loss_->gradient(f_, g_);
  have_gradient_ = true;
}

void Loss::gauss_newton_times(ConstVectorRef v, VectorRef out) {
  map_->jacobian_times(v, jv_);
  output_loss_->hessian_times(f_, jv_, djv_);
  map_->transpose_times(djv_, out);
}

void Loss::hessian_times(ConstVectorRef v, VectorRef out) {
  gauss_newton_times(v, out);
  if (map_->affine()) return;
  map_->curvature_times(g_, v, curved_);
  out += curved_;
}

}  // namespace gradflow
