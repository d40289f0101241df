#include "flow/loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "flow/pieces.hpp"
#include "numerics/long_vectors.hpp"

namespace gradflow {

void OutputLoss::residual(ConstVectorRef, VectorRef) const {
  throw std::logic_error("this loss has no residuals");
}

void OutputLoss::batch_gradient(ConstVectorRef, const std::vector<Index>&, VectorRef) const {
  throw std::logic_error("this loss is no sum over samples");
}

void OutputLoss::root_transposed_times_columns(ConstVectorRef f, MatrixRef v) const {
  for (Index j = 0; j < v.cols(); ++j) root_transposed_times(f, v.col(j));
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

void SquaredLoss::batch_gradient(ConstVectorRef f, const std::vector<Index>& samples,
                                 VectorRef g) const {
  const Index each = f.size() / static_cast<Index>(samples.size());
  for (std::size_t b = 0; b < samples.size(); ++b)
    g.segment(static_cast<Index>(b) * each, each) =
        f.segment(static_cast<Index>(b) * each, each) - targets_.segment(samples[b] * each, each);
  g *= 2 * c_;
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

CrossEntropyLoss::Softmax& CrossEntropyLoss::softmax(ConstVectorRef f, Index i, Index label) const {
  thread_local Softmax s;
  const auto row = f.segment(i * classes_, classes_);
  if (classes_ == 1) return s = {Vector::Ones(1), 0, 0};
  // Relative to the largest other class: exp(f_label - top) is what may be too large a number.
  double top = -std::numeric_limits<double>::infinity();
  for (Index k = 0; k < classes_; ++k)
    if (k != label) top = std::max(top, row[k]);
  s.p = (row.array() - top).exp();
  s.p[label] = 0;
  const double rest = s.p.sum(), margin = row[label] - top;
  // log sum of the other classes over p_label's; p_label = 1 / (1 + odds).
  const double log_odds = std::log(rest) - margin, odds = std::exp(log_odds);
  s.loss = log_odds < 0 ? std::log1p(odds) : log_odds + std::log1p(std::exp(-log_odds));
  s.others = log_odds < 0 ? odds / (1 + odds) : 1 / (1 + std::exp(-log_odds));
  s.p *= s.others / rest;
  s.p[label] = log_odds < 0 ? 1 / (1 + odds) : std::exp(-log_odds) * s.others;
  return s;
}

double CrossEntropyLoss::value(ConstVectorRef f) const {
  double sum = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) sum += softmax(f, static_cast<Index>(i)).loss;
  return sum / static_cast<double>(labels_.size());
}

double CrossEntropyLoss::sample_gradient(ConstVectorRef f, Index i, Index label,
                                         VectorRef g) const {
  const double n = static_cast<double>(labels_.size());
  const Softmax& s = softmax(f, i, label);
  auto row = g.segment(i * classes_, classes_);
  row = s.p / n;
  row[label] = -s.others / n;
  return s.loss;
}

double CrossEntropyLoss::gradient(ConstVectorRef f, VectorRef g) const {
  double sum = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i)
    sum += sample_gradient(f, static_cast<Index>(i), labels_[i], g);
  return sum / static_cast<double>(labels_.size());
}

void CrossEntropyLoss::batch_gradient(ConstVectorRef f, const std::vector<Index>& samples,
                                      VectorRef g) const {
  for (std::size_t b = 0; b < samples.size(); ++b)
    sample_gradient(f, static_cast<Index>(b), labels_[static_cast<std::size_t>(samples[b])], g);
}

// With u = v - v_label: sum_k p_k v_k - v_label = sum_{k != label} p_k u_k, which loses nothing
// where p_label is nearly 1.
void CrossEntropyLoss::hessian_times(ConstVectorRef f, ConstVectorRef v, VectorRef out) const {
  const double n = static_cast<double>(labels_.size());
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const Vector& p = softmax(f, static_cast<Index>(i)).p;
    const auto in = v.segment(static_cast<Index>(i) * classes_, classes_);
    const double own = in[labels_[i]];
    const double mean = (p.array() * (in.array() - own)).sum();
    out.segment(static_cast<Index>(i) * classes_, classes_) =
        p.array() * ((in.array() - own) - mean) / n;
  }
}

// diag(p) - p p^T = S S^T with S = diag(q)(I - q q^T), q = sqrt(p), because |q| = 1.
void CrossEntropyLoss::root_transposed_times(ConstVectorRef f, VectorRef v) const {
  root_transposed_times_columns(f, v);
}

// The exponentials of N outputs are worth some thirty columns.
void CrossEntropyLoss::root_transposed_times_columns(ConstVectorRef f, MatrixRef v) const {
  const double scale = 1 / std::sqrt(static_cast<double>(labels_.size()));
  thread_local Vector all, root;
  all.resize(f.size());
  for (std::size_t i = 0; i < labels_.size(); ++i)
    all.segment(static_cast<Index>(i) * classes_, classes_) = softmax(f, static_cast<Index>(i)).p;
  root = scale * all.cwiseSqrt();
  for (Index j = 0; j < v.cols(); ++j)
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      // Entry by entry: classes are few, and a call for each would cost more than they do.
      const Index start = static_cast<Index>(i) * classes_;
      double* in = v.col(j).data() + start;
      const double *p = all.data() + start, *q = root.data() + start;
      const double own = in[labels_[i]];
      double mean = 0;
      for (Index k = 0; k < classes_; ++k) mean += p[k] * (in[k] - own);
      for (Index k = 0; k < classes_; ++k) in[k] = q[k] * ((in[k] - own) - mean);
    }
}

void CrossEntropyLoss::root_times(ConstVectorRef f, VectorRef v) const {
  const double scale = 1 / std::sqrt(static_cast<double>(labels_.size()));
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    Softmax& s = softmax(f, static_cast<Index>(i));
    auto in = v.segment(static_cast<Index>(i) * classes_, classes_);
    const Index label = labels_[i];
    Vector& q = s.p;
    q = q.cwiseSqrt();
    // (1 - q_label^2) v_label - q_label sum_{k != label} q_k v_k in the label's entry.
    const double q_label = q[label];
    q[label] = 0;
    const double rest = q.dot(in), all = rest + q_label * in[label];
    q[label] = q_label;
    const double own = s.others * in[label] - q_label * rest;
    in -= q * all;
    in[label] = own;
    in.array() *= q.array() * scale;
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
  MapPieces* pieces = map_->pieces();
  const std::uint64_t revision = pieces != nullptr ? pieces->revision() : 0;
  if (have_point_ && revision == revision_ && long_vectors::same(w, point_))
    return;  // never for NaN
  long_vectors::copy(w, point_);
  map_->evaluate(w, f_);
  revision_ = revision;
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

void Loss::project(VectorRef v) {
  if (MapPieces* pieces = map_->pieces()) pieces->project(v);
}

void Loss::gauss_newton_times(ConstVectorRef v, VectorRef out) {
  map_->jacobian_times(v, jv_);
  output_loss_->hessian_times(f_, jv_, djv_);
  map_->transpose_times(djv_, out);
}

void Loss::hessian_times(ConstVectorRef v, VectorRef out) {
  hessian_times(v, out, g_);
}

void Loss::hessian_times(ConstVectorRef v, VectorRef out, ConstVectorRef u) {
  gauss_newton_times(v, out);
  if (map_->affine()) return;
  map_->curvature_times(u, v, curved_);
  long_vectors::add_scaled(1, curved_, out);
}

}  // namespace gradflow
