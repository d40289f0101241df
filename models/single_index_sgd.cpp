#include "models/single_index_sgd.hpp"

#include <algorithm>
#include <cmath>

#include "models/single_index_sphere.hpp"

namespace gradflow {

using namespace sphere;

NetworkSgd::NetworkSgd(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                       std::shared_ptr<const Vector> targets, Index batch, double label_noise,
                       std::uint64_t seed)
    : problem_(std::move(problem)),
      m_(problem_.width),
      d_(problem_.dimension),
      batch_(batch),
      inputs_(std::move(inputs)),
      targets_(std::move(targets)),
      activation_(problem_),
      mean_(problem_),
      noise_deviation_(std::sqrt(label_noise)),
      stream_(seed, "batch"),
      noise_stream_(seed, "label noise"),
      x_(d_, batch),
      z_(m_, batch),
      s0_(m_, batch),
      s1_(m_, batch),
      e_(batch),
      noise_(batch) {}

void NetworkSgd::discrete_step(double t, double step, VectorRef y) {
  const auto k = static_cast<std::uint64_t>(std::llround(t / step));
  const auto batch = static_cast<std::uint64_t>(batch_);
  if (inputs_ == nullptr) {
    stream_.seek(k * batch * static_cast<std::uint64_t>(d_));
    stream_.fill_normal(x_);
    for (Index b = 0; b < batch_; ++b) e_[b] = target_value(problem_.phi, x_(0, b));
  } else {
    // One word a draw: the bias of a product is below n 2^-64.
    stream_.seek(k * batch);
    const auto n = static_cast<double>(inputs_->rows());
    for (Index b = 0; b < batch_; ++b) {
      const auto i = std::min(static_cast<Index>(n * stream_.uniform()), inputs_->rows() - 1);
      x_.col(b) = inputs_->row(i).transpose();
      e_[b] = (*targets_)[i];
    }
  }
  if (noise_deviation_ > 0) {
    noise_stream_.seek(k * batch);
    noise_stream_.fill_normal(noise_, noise_deviation_);
    e_ += noise_;
  }
  auto a = y.head(m_);
  auto U = weights_of(y, m_, d_);
  const double inverse_batch = 1 / static_cast<double>(batch_);
  if (batch_ == 1)
    z_.col(0).noalias() = U * x_.col(0);
  else
    z_.noalias() = U * x_;
  activation_.evaluate(z_.data(), z_.size(), s0_.data(), s1_.data(), nullptr);
  e_.noalias() -= s0_.transpose() * a / static_cast<double>(m_);
  s1_.array().rowwise() *= (step * inverse_batch * e_).transpose().array();
  s1_.array().colwise() *= a.array();
  a.noalias() += (step * inverse_batch / problem_.epsilon) * (s0_ * e_);
  // With |u| = 1 known, |u + b x|^2 = 1 + 2 b z + b^2 |x|^2: update and normalisation in one pass
  // over U. A deviation from 1 would be divided by that each time, and grow wherever it is below 1
  // for long; so now and then lengths are taken afresh.
  if (batch_ == 1 && k % 64 != 0) {
    const double square = x_.col(0).squaredNorm();
    const Eigen::Map<const Eigen::RowVectorXd> x(x_.data(), d_);
    for (Index i = 0; i < m_; ++i) {
      const double b = s1_(i, 0);
      const double scale = 1 / std::sqrt(1 + 2 * b * z_(i, 0) + b * b * square);
      U.row(i) = scale * U.row(i) + (scale * b) * x;
    }
    return;
  }
  U.noalias() += s1_ * x_.transpose();
  for (Index i = 0; i < m_; ++i) U.row(i) /= U.row(i).norm();
}

}  // namespace gradflow
