#include "models/diagonal_map.hpp"

#include "flow/mini_batch.hpp"

namespace gradflow {

DiagonalMap::DiagonalMap(std::shared_ptr<const Matrix> inputs, Parametrisation kind)
    : inputs_(std::move(inputs)), kind_(kind), w_(parameters()), beta_(d()), back_(d()) {
  // u_i and v_i share curvature in the product, none in the difference.
  const bool pairs = kind_ == Parametrisation::product;
  for (Index i = 0; i < (pairs ? d() : parameters()); ++i) {
    blocks_.start.push_back(static_cast<Index>(blocks_.index.size()));
    blocks_.index.push_back(i);
    if (pairs) blocks_.index.push_back(d() + i);
  }
  blocks_.start.push_back(parameters());
}

std::unique_ptr<OutputMap> DiagonalMap::clone() const {
  return std::make_unique<DiagonalMap>(inputs_, kind_);
}

void DiagonalMap::evaluate(ConstVectorRef w, VectorRef f) {
  w_ = w;
  effective(w, beta_);
  f.noalias() = *inputs_ * beta_;
}

void DiagonalMap::jacobian_times(ConstVectorRef v, VectorRef jv) {
  const auto U = w_.head(d()), V = w_.tail(d());
  const auto dU = v.head(d()), dV = v.tail(d());
  switch (kind_) {
    case Parametrisation::difference:
      back_ = 2 * (U.cwiseProduct(dU) - V.cwiseProduct(dV));
      break;
    case Parametrisation::product:
      back_ = V.cwiseProduct(dU) + U.cwiseProduct(dV);
      break;
    case Parametrisation::square:
      back_ = 2 * U.cwiseProduct(dU);
  }
  jv.noalias() = *inputs_ * back_;
}

void DiagonalMap::transpose_times(ConstVectorRef u, VectorRef jtu) {
  back_.noalias() = inputs_->transpose() * u;
  const auto U = w_.head(d()), V = w_.tail(d());
  switch (kind_) {
    case Parametrisation::difference:
      jtu.head(d()) = 2 * U.cwiseProduct(back_);
      jtu.tail(d()) = -2 * V.cwiseProduct(back_);
      break;
    case Parametrisation::product:
      jtu.head(d()) = V.cwiseProduct(back_);
      jtu.tail(d()) = U.cwiseProduct(back_);
      break;
    case Parametrisation::square:
      jtu = 2 * U.cwiseProduct(back_);
  }
}

void DiagonalMap::curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) {
  back_.noalias() = inputs_->transpose() * u;
  switch (kind_) {
    case Parametrisation::difference:
      out.head(d()) = 2 * back_.cwiseProduct(v.head(d()));
      out.tail(d()) = -2 * back_.cwiseProduct(v.tail(d()));
      break;
    case Parametrisation::product:
      out.head(d()) = back_.cwiseProduct(v.tail(d()));
      out.tail(d()) = back_.cwiseProduct(v.head(d()));
      break;
    case Parametrisation::square:
      out = 2 * back_.cwiseProduct(v);
  }
}

void DiagonalMap::slope_by_first() {
  if (kind_ == Parametrisation::product)
    back_ = w_.tail(d());
  else
    back_ = 2 * w_.head(d());
}

void DiagonalMap::slope_by_last() {
  if (kind_ == Parametrisation::product)
    back_ = w_.head(d());
  else
    back_ = -2 * w_.tail(d());
}

void DiagonalMap::transposed_jacobian(MatrixRef jt) {
  slope_by_first();
  jt.topRows(d()).noalias() = back_.asDiagonal() * inputs_->transpose();
  if (kind_ == Parametrisation::square) return;
  slope_by_last();
  jt.bottomRows(d()).noalias() = back_.asDiagonal() * inputs_->transpose();
}

void DiagonalMap::curvature(ConstVectorRef u, VectorRef blocks) {
  back_.noalias() = inputs_->transpose() * u;
  for (Index i = 0; i < d(); ++i) {
    if (kind_ == Parametrisation::product) {
      double* block = &blocks[4 * i];
      block[0] = block[3] = 0;
      block[1] = block[2] = back_[i];
    } else {
      blocks[i] = 2 * back_[i];
      if (kind_ == Parametrisation::difference) blocks[d() + i] = -2 * back_[i];
    }
  }
}

void DiagonalMap::gram(ConstVectorRef weight, MatrixRef k) {
  const auto U = w_.head(d()), V = w_.tail(d());
  if (kind_ == Parametrisation::square) {
    back_ = 4 * U.cwiseAbs2();
    if (weight.size() > 0) back_.array() *= weight.array();
  } else {
    const bool difference = kind_ == Parametrisation::difference;
    const double c = difference ? 4 : 1;
    const auto& first = difference ? U : V;
    const auto& second = difference ? V : U;
    if (weight.size() == 0)
      back_ = c * (U.cwiseAbs2() + V.cwiseAbs2());
    else
      back_ = c * (weight.head(d()).cwiseProduct(first.cwiseAbs2()) +
                   weight.tail(d()).cwiseProduct(second.cwiseAbs2()));
  }
  scaled_.noalias() = *inputs_ * back_.asDiagonal();
  k.noalias() = scaled_ * inputs_->transpose();
}

std::unique_ptr<BatchMap> DiagonalMap::batch_map() const {
  return make_row_batch_map(inputs_, [kind = kind_](const auto& rows) {
    return std::make_unique<DiagonalMap>(rows, kind);
  });
}

void DiagonalMap::effective(ConstVectorRef w, VectorRef beta) const {
  switch (kind_) {
    case Parametrisation::difference:
      beta = w.head(d()).cwiseAbs2() - w.tail(d()).cwiseAbs2();
      break;
    case Parametrisation::product:
      beta = w.head(d()).cwiseProduct(w.tail(d()));
      break;
    case Parametrisation::square:
      beta = w.cwiseAbs2();
  }
}

}  // namespace gradflow
