#include "models/relu_pieces.hpp"

#include <algorithm>
#include <cmath>

namespace gradflow {
namespace {

void exchange_kinks(Archive& archive, const std::string& name, std::vector<Kink>& kinks) {
  std::vector<std::int64_t> numbers;
  for (const Kink& s : kinks) numbers.insert(numbers.end(), {s.layer, s.neuron, s.sample});
  archive(name, numbers);
  kinks.clear();
  for (std::size_t k = 0; k + 2 < numbers.size(); k += 3)
    kinks.push_back({numbers[k], numbers[k + 1], numbers[k + 2]});
}

double force_scale(const Matrix& pulled, Index neuron) {
  return std::max(pulled.row(neuron).cwiseAbs().maxCoeff() +
                      ReluPieces::small_neuron * pulled.cwiseAbs().maxCoeff(),
                  1e-300);
}

/// The largest entry's part below which none counts.
void floor(Vector& size) {
  const double largest = size.maxCoeff();
  size.array() += largest > 0 ? ReluPieces::small_neuron * largest : 1;
}

}  // namespace

ReluPieces::ReluPieces(std::vector<HiddenLayer> layers, double low, double tolerance, double decay)
    : layers_(std::move(layers)),
      low_(low),
      tolerance_(std::max(tolerance, least_tolerance)),
      decay_(decay),
      size_(layers_.size()),
      length_(layers_.size()),
      surface_(layers_),
      candidate_(layers_) {}

bool ReluPieces::slides_at(const Kink& s) const {
  return std::find(kinks_.begin(), kinks_.end(), s) != kinks_.end() ||
         std::any_of(followers_.begin(), followers_.end(),
                     [&](const Follower& f) { return f.kink == s; });
}

Index ReluPieces::surfaces_of(Index layer, Index neuron) const {
  return std::count_if(kinks_.begin(), kinks_.end(),
                       [&](const Kink& k) { return k.layer == layer && k.neuron == neuron; });
}

void ReluPieces::measure(const LayeredNetwork& network, ConstVectorRef w) {
  for (Index l = 0; l < depth(); ++l) {
    const auto at = static_cast<std::size_t>(l);
    const HiddenLayer& layer = layers_[at];
    size_[at] = layer.weights(w).rowwise().squaredNorm();
    if (layer.has_bias())
      size_[at].array() += w.segment(layer.offset, layer.width).array().square();
    size_[at] = size_[at].cwiseSqrt();
    floor(size_[at]);
    if (l == 0 && length_[at].size() > 0) continue;  // the data
    length_[at] = network.layer_input(l).colwise().squaredNorm().transpose();
    if (layer.has_bias()) length_[at].array() += 1;
    length_[at] = length_[at].cwiseSqrt();
    if (l == 0)
      length_[at] = length_[at].cwiseMax(1e-300);
    else
      floor(length_[at]);
  }
}

/// How far a neuron is from a surface, on its own side: an angle, or nearly.
double ReluPieces::distance(const LayeredNetwork& network, const Kink& s) const {
  const auto l = static_cast<std::size_t>(s.layer);
  return side(s) * network.preactivation(s.layer)(s.neuron, s.sample) /
             (size_[l][s.neuron] * length_[l][s.sample]) +
         tolerance_;
}

void ReluPieces::holding_forces(SlidingSurface& surface, ConstVectorRef w, VectorRef g,
                                Vector& force) const {
  if (decay_ != 0) g += decay_ * w;
  force = surface.overlaps(g);
  force *= -1;
  surface.solve(force);
  for (Index c = 0; c < surface.size(); ++c) surface.add(c, force[c], g);
}

/// dF/d sigma(z_s): what the backward pass has, where slopes at kinks are 0, and what the forces at
/// kinks above add, by dz_r/dz_s.
double ReluPieces::pull(const LayeredNetwork& network, const Kink& s, ConstVectorRef w) const {
  double whole = network.activation_gradient(s.layer)(s.neuron, s.sample);
  for (Index e = 0; e < surface_.size(); ++e) {
    const Kink& r = kinks_[static_cast<std::size_t>(e)];
    if (r.layer > s.layer && r.sample == s.sample) whole += force_[e] * surface_.through(e, s, w);
  }
  return whole;
}

/// How far the forces at the kinks are within [low, 1] dF/d sigma. From the sides: with slope 1 the
/// flow must drive z down, with slope low up. Both are linear in the forces, where slopes have a
/// pole.
void ReluPieces::hold(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u) {
  surface_.build(kinks_, slopes_, network, w);
  gradient_.resize(w.size());
  network.loss_gradient(u, gradient_);
  holding_forces(surface_, w, gradient_, force_);
  above_.resize(surface_.size());
  below_.resize(surface_.size());
  scale_.resize(surface_.size());
  for (Index c = 0; c < surface_.size(); ++c) {
    const Kink& s = kinks_[static_cast<std::size_t>(c)];
    const Matrix& pulled = network.activation_gradient(s.layer);
    const double whole = pull(network, s, w);
    const double scale = scale_[c] = force_scale(pulled, s.neuron);
    double beneath = low_ * whole, beyond = high * whole;  // dF/dz_s for z_s < 0 and > 0
    for (const Follower& f : followers_) {
      if (f.of != s) continue;
      const double share = f.ratio * pulled(f.kink.neuron, f.kink.sample);
      beneath += share * (f.ratio > 0 ? low_ : high);
      beyond += share * (f.ratio > 0 ? high : low_);
    }
    above_[c] = (force_[c] - beneath) / scale;
    below_[c] = (beyond - force_[c]) / scale;
  }
}

double ReluPieces::margin(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u) {
  measure(network, w);
  double least = 1;
  // All distances of a layer at once: asked at every trial of a crossing, this is what a piece
  // costs.
  for (Index l = 0; l < depth(); ++l) {
    const auto at = static_cast<std::size_t>(l);
    const Matrix& z = network.preactivation(l);
    distances_.resize(z.rows(), z.cols());
    for (Index i = 0; i < z.cols(); ++i)
      distances_.col(i) = (slopes_[at].col(i).array() == 1).select(z.col(i), -z.col(i)).array() /
                              (size_[at].array() * length_[at][i]) +
                          tolerance_;
    for (const Kink& s : kinks_)
      if (s.layer == l) distances_(s.neuron, s.sample) = 1;
    for (const Follower& f : followers_)
      if (f.kink.layer == l) distances_(f.kink.neuron, f.kink.sample) = 1;
    least = std::min(least, distances_.minCoeff());
  }
  if (kinks_.empty()) return least;
  hold(network, w, u);
  return std::min(least, std::min(above_.minCoeff(), below_.minCoeff()) + tolerance_);
}

void ReluPieces::exchange(Archive& archive) {
  // Who has made something of a piece knows it by its revision.
  archive("revision", revision_);
  std::size_t layers = slopes_.size();
  archive("layers", layers);
  slopes_.resize(layers);
  for (std::size_t l = 0; l < layers; ++l) archive("slopes" + std::to_string(l), slopes_[l]);
  archive("last", last_);
  exchange_kinks(archive, "kinks", kinks_);
  std::vector<Kink> following, followed;
  std::vector<double> ratios;
  for (const Follower& f : followers_) {
    following.push_back(f.kink);
    followed.push_back(f.of);
    ratios.push_back(f.ratio);
  }
  exchange_kinks(archive, "following", following);
  exchange_kinks(archive, "followed", followed);
  archive("ratios", ratios);
  followers_.clear();
  for (std::size_t k = 0; k < ratios.size(); ++k)
    followers_.push_back({following.at(k), followed.at(k), ratios[k]});
}

void ReluPieces::enter_afresh(const LayeredNetwork& network) {
  ++revision_;
  slopes_.resize(layers_.size());
  for (Index l = 0; l < depth(); ++l) {
    const Matrix& z = network.preactivation(l);
    slopes_[static_cast<std::size_t>(l)] =
        (z.array() > 0).select(Matrix::Constant(z.rows(), z.cols(), high), low_);
  }
  kinks_.clear();
  followers_.clear();
  last_.resize(0);
}

/// Lets a neuron go from surface c, to one side of it.
void ReluPieces::let_go(Index c, bool down) {
  const Kink s = kinks_[static_cast<std::size_t>(c)];
  slope(s) = down ? low_ : high;
  for (const Follower& f : followers_)
    if (f.of == s) slope(f.kink) = down == (f.ratio > 0) ? low_ : high;
  std::erase_if(followers_, [&](const Follower& f) { return f.of == s; });
  kinks_.erase(kinks_.begin() + c);
}

/// Lets neurons go from the surfaces that no longer hold them, to the side to which they are
/// driven.
void ReluPieces::release(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u) {
  hold(network, w, u);
  for (Index c = surface_.size(); c-- > 0;)
    if (std::min(above_[c], below_[c]) < -tolerance_) let_go(c, above_[c] < below_[c]);
}

/// Moves w on to the surfaces in which neurons slide; they are linear in the first layer, and met
/// within the tolerance in the others: Newton's method doubles the digits.
void ReluPieces::settle(LayeredNetwork& network, VectorRef w) {
  network.move_to(w);
  for (int iteration = 0; iteration < 3 && !kinks_.empty(); ++iteration) {
    surface_.build(kinks_, slopes_, network, w);
    force_.resize(surface_.size());
    for (Index c = 0; c < surface_.size(); ++c) {
      const Kink& s = kinks_[static_cast<std::size_t>(c)];
      force_[c] = -network.preactivation(s.layer)(s.neuron, s.sample);
    }
    surface_.solve(force_);
    for (Index c = 0; c < surface_.size(); ++c) surface_.add(c, force_[c], w);
    network.move_to(w);
    if (!surface_.curved()) return;
  }
}

/// Whether the flow beyond surface s, with its slope there, drives the neuron back; z is on the
/// side of the slope. Not where sliding elsewhere keeps it on the surface already.
bool ReluPieces::driven_back(LayeredNetwork& network, const Kink& s, ConstVectorRef w,
                             ConstVectorRef u) {
  with_one_ = kinks_;
  with_one_.push_back(s);
  candidate_.build(with_one_, slopes_, network, w);
  if (candidate_.independence(candidate_.size() - 1) < dependent) return false;
  surface_.build(kinks_, slopes_, network, w);
  gradient_.resize(w.size());
  network.loss_gradient(u, gradient_);
  holding_forces(surface_, w, gradient_, force_);
  const Index c = candidate_.size() - 1;
  // On the surface itself: beyond it decay alone seems to drive back by decay z.
  const double z = network.preactivation(s.layer)(s.neuron, s.sample);
  const double push = side(s) * (candidate_.overlap(c, gradient_) - decay_ * z);
  const double scale = force_scale(network.activation_gradient(s.layer), s.neuron);
  return push > least_tolerance * scale * candidate_.product(c, c);
}

/// Begins to slide in the surface of s, and of all samples that have the same.
void ReluPieces::slide(LayeredNetwork& network, const Kink& s, VectorRef w) {
  slope(s) = 0;
  kinks_.push_back(s);
  settle(network, w);
  measure(network, w);
  for (Index i = 0; i < network.preactivation(s.layer).cols(); ++i) {
    const Kink other{s.layer, s.neuron, i};
    if (slides_at(other) || std::abs(distance(network, other) - tolerance_) > tolerance_ ||
        !parallel(network, s, other, w))
      continue;
    slope(other) = 0;
    followers_.push_back({other, s, candidate_.product(0, 1) / candidate_.product(0, 0)});
  }
  network.move_to(w);
}

/// Whether two samples have the same surface; leaves their normals in candidate_.
bool ReluPieces::parallel(const LayeredNetwork& network, const Kink& s, const Kink& r,
                          ConstVectorRef w) {
  with_one_ = {s, r};
  candidate_.build(with_one_, slopes_, network, w);
  return candidate_.product(1, 1) > 0 && candidate_.independence(1) < dependent;
}

/// Surfaces part and fall together where slopes below them change: followers that have a surface of
/// their own now, and kinks that have lost theirs.
void ReluPieces::regroup(LayeredNetwork& network, VectorRef w, ConstVectorRef u) {
  for (std::size_t c = kinks_.size(); c-- > 0;) {
    const Kink s = kinks_[c];
    for (std::size_t e = 0; e < c; ++e) {
      const Kink r = kinks_[e];
      if (r.layer != s.layer || r.neuron != s.neuron || !parallel(network, r, s, w)) continue;
      const double ratio = candidate_.product(0, 1) / candidate_.product(0, 0);
      for (Follower& f : followers_)
        if (f.of == s) f = {f.kink, r, f.ratio * ratio};
      followers_.push_back({s, r, ratio});
      kinks_.erase(kinks_.begin() + static_cast<std::ptrdiff_t>(c));
      break;
    }
  }
  crossed_.clear();
  std::erase_if(followers_, [&](const Follower& f) {
    if (parallel(network, f.of, f.kink, w)) return false;
    crossed_.push_back(f.kink);
    return true;
  });
  // On its new surface a neuron goes to a side from which it is not driven back, if there is one.
  const std::vector<Kink> parted = crossed_;
  for (const Kink& s : parted) {
    if (slides_at(s)) continue;
    bool held = true;
    for (const double there : {high, low_}) {
      if (!held) break;
      slope(s) = there;
      network.move_to(w);
      held = driven_back(network, s, w, u);
    }
    if (held) slide(network, s, w);
  }
}

void ReluPieces::enter_next(LayeredNetwork& network, VectorRef w, ConstVectorRef u) {
  ++revision_;
  const bool stays = last_.size() == w.size() && (w - last_).norm() <= least_tolerance * w.norm();
  last_ = w;
  if (!kinks_.empty()) release(network, w, u);
  settle(network, w);
  measure(network, w);
  for (Index l = 0; l < depth(); ++l) {
    const HiddenLayer& layer = layers_[static_cast<std::size_t>(l)];
    const Index n = network.preactivation(l).cols();
    // All that there are for a neuron of the first layer hold it at 0, where it has been driven
    // from both sides of the line in which the others let it slide: it dies, and would go to and
    // fro through 0 otherwise. Normals of deep neurons lie in all layers below.
    const Index most = l > 0 ? n : layer.inputs + (layer.has_bias() ? 1 : 0);
    for (Index k = 0; k < layer.width; ++k) {
      bool out = false;
      for (Index i = 0; i < n && !out; ++i)
        out = distance(network, {l, k, i}) < 0 && !slides_at({l, k, i});
      if (!out) continue;
      // All at once: a neuron that slides through 0 passes through many surfaces there, and what
      // drives it beyond is the flow with all its new slopes.
      crossed_.clear();
      for (Index i = 0; i < n; ++i) {
        const Kink s{l, k, i};
        const bool positive = network.preactivation(l)(k, i) > 0;
        if ((slope(s) == high) == positive || slides_at(s)) continue;
        slope(s) = positive ? high : low_;
        crossed_.push_back(s);
      }
      network.move_to(w);
      for (const Kink& s : crossed_) {
        if (surfaces_of(l, k) >= most) break;
        if (slides_at(s) || !driven_back(network, s, w, u)) continue;
        slide(network, s, w);
      }
    }
  }
  if (!kinks_.empty()) regroup(network, w, u);
  if (!kinks_.empty() || stays) make_consistent(network, w, u, stays);
}

}  // namespace gradflow
