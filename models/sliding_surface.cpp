#include "models/sliding_surface.hpp"

#include <algorithm>

namespace gradflow {
void SlidingSurface::build(const std::vector<Kink>& kinks, const std::vector<Matrix>& slopes,
                           const LayeredNetwork& network, ConstVectorRef w) {
  kinks_ = kinks;
  slopes_ = &slopes;
  network_ = &network;
  below_.resize(layers_.size());
  overlap_.resize(size());
  curved_ = false;
  Index deepest = 0;
  for (const Kink& s : kinks_) deepest = std::max(deepest, s.layer);
  for (Index l = 0; l < deepest; ++l)
    below_[static_cast<std::size_t>(l)].setZero(layers_[static_cast<std::size_t>(l)].width, size());
  for (Index c = 0; c < size(); ++c) {
    const Kink& s = kinks_[static_cast<std::size_t>(c)];
    curved_ = curved_ || s.layer > 0;
    for (Index l = s.layer; l > 0; --l) {
      const auto W = layers_[static_cast<std::size_t>(l)].weights(w);
      auto next = below_[static_cast<std::size_t>(l - 1)].col(c);
      if (l == s.layer)
        next = W.row(s.neuron).transpose();
      else
        next.noalias() = W.transpose() * below_[static_cast<std::size_t>(l)].col(c);
      next.array() *= slopes[static_cast<std::size_t>(l - 1)].col(s.sample).array();
    }
  }
  products_.resize(size(), size());
  for (Index c = 0; c < size(); ++c)
    for (Index e = 0; e <= c; ++e) {
      const Kink &s = kinks_[static_cast<std::size_t>(c)], &r = kinks_[static_cast<std::size_t>(e)];
      double product = 0;
      for (Index l = 0; l <= std::min(s.layer, r.layer); ++l) {
        const auto at = static_cast<std::size_t>(l);
        const double rows = l < s.layer && l < r.layer ? below_[at].col(c).dot(below_[at].col(e))
                            : l < s.layer              ? below_[at](r.neuron, c)
                            : l < r.layer              ? below_[at](s.neuron, e)
                                                       : (s.neuron == r.neuron ? 1 : 0);
        if (rows == 0) continue;
        const Matrix& h = network.layer_input(l);
        product += rows * (h.col(s.sample).dot(h.col(r.sample)) + (layers_[at].has_bias() ? 1 : 0));
      }
      products_(c, e) = products_(e, c) = product;
    }
  if (size() > 0) gram_.compute(products_);
}

double SlidingSurface::overlap(Index c, ConstVectorRef v) const {
  const Kink& s = kinks_[static_cast<std::size_t>(c)];
  double sum = 0;
  for (Index l = 0; l <= s.layer; ++l) {
    const HiddenLayer& layer = layers_[static_cast<std::size_t>(l)];
    const auto V = layer.weights(v);
    const auto h = network_->layer_input(l).col(s.sample);
    if (l == s.layer) {
      sum += V.row(s.neuron).dot(h.transpose());
      if (layer.has_bias()) sum += v[layer.offset + s.neuron];
    } else {
      const auto rows = below_[static_cast<std::size_t>(l)].col(c);
      for (Index k = 0; k < layer.width; ++k)
        if (rows[k] != 0)
          sum += rows[k] *
                 (V.row(k).dot(h.transpose()) + (layer.has_bias() ? v[layer.offset + k] : 0));
    }
  }
  return sum;
}

void SlidingSurface::add(Index c, double factor, VectorRef v) const {
  const Kink& s = kinks_[static_cast<std::size_t>(c)];
  for (Index l = 0; l <= s.layer; ++l) {
    const HiddenLayer& layer = layers_[static_cast<std::size_t>(l)];
    auto V = layer.weights(v);
    const auto h = network_->layer_input(l).col(s.sample);
    const Index first = l == s.layer ? s.neuron : 0;
    const Index last = l == s.layer ? s.neuron + 1 : layer.width;
    for (Index k = first; k < last; ++k) {
      const double row = l == s.layer ? factor : factor * below_[static_cast<std::size_t>(l)](k, c);
      if (row == 0) continue;
      V.row(k) += row * h.transpose();
      if (layer.has_bias()) v[layer.offset + k] += row;
    }
  }
}

const Vector& SlidingSurface::overlaps(ConstVectorRef v) {
  for (Index c = 0; c < size(); ++c) overlap_[c] = overlap(c, v);
  return overlap_;
}

void SlidingSurface::project(VectorRef v) {
  overlaps(v);
  solve(overlap_);
  for (Index c = 0; c < size(); ++c) add(c, -overlap_[c], v);
}

double SlidingSurface::through(Index c, const Kink& r, ConstVectorRef w) const {
  const Kink& s = kinks_[static_cast<std::size_t>(c)];
  const auto above = static_cast<std::size_t>(r.layer) + 1;
  const auto W = layers_[above].weights(w);
  if (s.layer == r.layer + 1) return W(s.neuron, r.neuron);
  return W.col(r.neuron).dot(below_[above].col(c));
}

double SlidingSurface::independence(Index c) const {
  if (!(products_(c, c) > 0)) return 0;
  if (c == 0) return 1;
  const Matrix before = products_.topLeftCorner(c, c);
  const Vector with = products_.col(c).head(c);
  return 1 - with.dot(before.ldlt().solve(with)) / products_(c, c);
}

void SlidingSurface::turn(ConstVectorRef w, ConstVectorRef v, ConstVectorRef q, VectorRef out) {
  if (!curved_) return;
  Vector hv, hq, hvq, zv, zq, zvq;
  turned_.setZero(size());
  for (Index c = 0; c < size(); ++c) {
    const Kink& s = kinks_[static_cast<std::size_t>(c)];
    if (s.layer == 0) continue;
    for (Index l = 0; l <= s.layer; ++l) {
      const HiddenLayer& layer = layers_[static_cast<std::size_t>(l)];
      const auto W = layer.weights(w), V = layer.weights(v), Q = layer.weights(q);
      if (l == s.layer) {
        turned_[c] = V.row(s.neuron).dot(hq.transpose()) + Q.row(s.neuron).dot(hv.transpose()) +
                     W.row(s.neuron).dot(hvq.transpose());
        break;
      }
      const auto h = network_->layer_input(l).col(s.sample);
      zv.noalias() = V * h;
      zq.noalias() = Q * h;
      if (layer.has_bias()) {
        zv += v.segment(layer.offset, layer.width);
        zq += q.segment(layer.offset, layer.width);
      }
      if (l == 0) {
        zvq.setZero(layer.width);
      } else {
        zv.noalias() += W * hv;
        zq.noalias() += W * hq;
        zvq.noalias() = V * hq + Q * hv;
        zvq.noalias() += W * hvq;
      }
      const auto slope = (*slopes_)[static_cast<std::size_t>(l)].col(s.sample);
      hv = slope.cwiseProduct(zv);
      hq = slope.cwiseProduct(zq);
      hvq = slope.cwiseProduct(zvq);
    }
  }
  solve(turned_);
  for (Index c = 0; c < size(); ++c) add(c, -turned_[c], out);
}

}  // namespace gradflow
