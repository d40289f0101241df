#include "models/relu_pieces.hpp"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

constexpr double high = 1;

/// Above rounding.
constexpr double least_tolerance = 1e-12;

/// With neurons smaller than this part of the largest, that length counts instead of their own: the
/// side of a neuron that has died away is a matter of rounding.
constexpr double small_neuron = 1e-3;

}  // namespace

ReluPieces::ReluPieces(std::shared_ptr<const Matrix> inputs, Index width, bool bias, double low,
                       double tolerance)
    : inputs_(std::move(inputs)),
      m_(width),
      bias_(bias),
      low_(low),
      tolerance_(std::max(tolerance, least_tolerance)),
      size_(width) {
  length_ = (inputs_->rowwise().squaredNorm().array() + (bias ? 1 : 0)).sqrt();
  length_ = length_.cwiseMax(1e-300);
}

bool ReluPieces::slides_at(Index k, Index i) const {
  const auto& held = surfaces_[static_cast<std::size_t>(k)];
  return !held.empty() && std::find(held.begin(), held.end(), i) != held.end();
}

/// (x_i, 1), or x_i without biases.
void ReluPieces::extend(Index i, Vector& x) const {
  x.resize(extended());
  x.head(d()) = inputs_->row(i).transpose();
  if (bias_) x[d()] = 1;
}

void ReluPieces::gather(ConstVectorRef w, Index k) {
  neuron_.resize(extended());
  neuron_.head(d()) = w.segment(k * d(), d());
  if (bias_) neuron_[d()] = w[m_ * d() + k];
}

void ReluPieces::scatter(VectorRef w, Index k) const {
  w.segment(k * d(), d()) = neuron_.head(d());
  if (bias_) w[m_ * d() + k] = neuron_[d()];
}

void ReluPieces::measure(ConstVectorRef w) {
  for (Index k = 0; k < m_; ++k) {
    gather(w, k);
    size_[k] = neuron_.norm();
  }
  const double largest = size_.maxCoeff();
  size_.array() += largest > 0 ? small_neuron * largest : 1;
}

/// How far neuron k is from the surface of sample i, on its own side: an angle, or nearly.
double ReluPieces::distance(const Matrix& z, Index k, Index i) const {
  const double side = slope_(k, i) == high ? 1 : -1;
  return side * z(k, i) / (size_[k] * length_[i]) + tolerance_;
}

/// sum_i u_i sigma'_ik (x_i, 1): the gradient by (w_k, b_k) over c a_k.
void ReluPieces::pull(Index k, ConstVectorRef u) {
  pulled_.setZero(extended());
  for (Index i = 0; i < samples(); ++i) {
    const double weight = u[i] * slope_(k, i);
    if (weight == 0) continue;
    pulled_.head(d()) += weight * inputs_->row(i).transpose();
    if (bias_) pulled_[d()] += weight;
  }
}

/// u_i sigma'_ik at the surfaces of neuron k that keep it there: (x_i, 1) . (w_k, b_k)' = 0.
void ReluPieces::holding_forces(Index k, ConstVectorRef u) {
  const auto& held = surfaces(k);
  pull(k, u);
  Matrix span(extended(), static_cast<Index>(held.size()));
  for (std::size_t s = 0; s < held.size(); ++s) {
    extend(held[s], point_);
    span.col(static_cast<Index>(s)) = point_;
  }
  force_ = -(span.transpose() * span).ldlt().solve(span.transpose() * pulled_);
}

double ReluPieces::margin(ConstVectorRef w, const Matrix& z, ConstVectorRef a, ConstVectorRef u) {
  measure(w);
  double least = 1;
  for (Index i = 0; i < samples(); ++i)
    for (Index k = 0; k < m_; ++k)
      if (const double here = distance(z, k, i); here < least && !slides_at(k, i)) least = here;
  // The force must lie between those of the two sides, and that of z > 0 must drive back: both
  // linear in u, where the slope itself has a pole at u_i = 0.
  const double strongest = std::max(u.cwiseAbs().maxCoeff(), 1e-300);
  const double heaviest = std::max(a.cwiseAbs().maxCoeff(), 1e-300);
  for (const Index k : sliders_) {
    const double sign = a[k] / (std::abs(a[k]) + small_neuron * heaviest);
    holding_forces(k, u);
    for (std::size_t s = 0; s < surfaces(k).size(); ++s) {
      const double force = force_[static_cast<Index>(s)], whole = u[surfaces(k)[s]];
      const double held = std::min(sign * (force - low_ * whole), sign * (high * whole - force));
      least = std::min(least, held / strongest + tolerance_);
    }
  }
  return least;
}

void ReluPieces::enter_afresh(const Matrix& z) {
  ++revision_;
  slope_.resize(m_, samples());
  for (Index i = 0; i < samples(); ++i)
    for (Index k = 0; k < m_; ++k) slope_(k, i) = z(k, i) > 0 ? high : low_;
  surfaces_.assign(static_cast<std::size_t>(m_), {});
  normals_.assign(static_cast<std::size_t>(m_), Matrix(extended(), 0));
  sliders_.clear();
}

/// Whether the flow beyond surface i, with its slope there, drives neuron k back; z is on the side
/// of the slope.
bool ReluPieces::driven_back(Index k, Index i, ConstVectorRef a, ConstVectorRef u) {
  pull(k, u);
  pulled_ -= normals(k) * (normals(k).transpose() * pulled_);
  extend(i, point_);
  const double velocity = -a[k] * point_.dot(pulled_);
  return slope_(k, i) == high ? velocity < 0 : velocity > 0;
}

/// Lets neuron k go from the surfaces that no longer hold it, to the side to which it is driven.
void ReluPieces::release(Index k, ConstVectorRef a, ConstVectorRef u) {
  auto& held = surfaces(k);
  const double strongest = u.cwiseAbs().maxCoeff();
  const double sign = a[k] < 0 ? -1 : 1;
  holding_forces(k, u);
  for (std::size_t s = held.size(); s-- > 0;) {
    const double force = force_[static_cast<Index>(s)], whole = u[held[s]];
    const double above = sign * (force - low_ * whole), below = sign * (high * whole - force);
    if (std::min(above, below) >= -tolerance_ * strongest) continue;
    slope_(k, held[s]) = above < below ? low_ : high;
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(s));
  }
  make_normals(k);
}

void ReluPieces::enter_next(VectorRef w, const Matrix& z, ConstVectorRef a, ConstVectorRef u) {
  ++revision_;
  measure(w);
  for (Index k = 0; k < m_; ++k) {
    if (!surfaces(k).empty()) release(k, a, u);
    bool out = false;
    for (Index i = 0; i < samples() && !out; ++i) out = !slides_at(k, i) && distance(z, k, i) < 0;
    if (!out) continue;
    // All at once: a neuron that slides through 0 passes through many surfaces there, and what
    // drives it beyond is the flow with all its new slopes.
    crossed_.clear();
    for (Index i = 0; i < samples(); ++i) {
      if (slides_at(k, i) || (slope_(k, i) == high) == (z(k, i) > 0)) continue;
      slope_(k, i) = z(k, i) > 0 ? high : low_;
      crossed_.push_back(i);
    }
    for (const Index i : crossed_) {
      if (static_cast<Index>(surfaces(k).size()) + 1 >= extended()) break;
      if (!driven_back(k, i, a, u)) continue;
      slope_(k, i) = 0;
      surfaces(k).push_back(i);
      make_normals(k);
      project_neuron(w, k);
    }
  }
  sliders_.clear();
  for (Index k = 0; k < m_; ++k)
    if (!surfaces(k).empty()) sliders_.push_back(k);
}

void ReluPieces::make_normals(Index k) {
  const auto& held = surfaces(k);
  if (held.empty()) {
    normals_[static_cast<std::size_t>(k)].resize(extended(), 0);
    return;
  }
  Matrix span(extended(), static_cast<Index>(held.size()));
  for (std::size_t s = 0; s < held.size(); ++s) {
    extend(held[s], point_);
    span.col(static_cast<Index>(s)) = point_;
  }
  normals_[static_cast<std::size_t>(k)] = Eigen::HouseholderQR<Matrix>(span).householderQ() *
                                          Matrix::Identity(span.rows(), span.cols());
}

void ReluPieces::project_neuron(VectorRef v, Index k) {
  gather(v, k);
  neuron_ -= normals(k) * (normals(k).transpose() * neuron_);
  scatter(v, k);
}

void ReluPieces::project(VectorRef v) {
  for (const Index k : sliders_) project_neuron(v, k);
}

}  // namespace gradflow
