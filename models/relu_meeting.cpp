// Pieces of ReLU networks where many surfaces meet.
#include <algorithm>
#include <cmath>

#include "models/relu_pieces.hpp"

namespace gradflow {
namespace {

/// A neuron goes to the wrong side of a surface where its rate towards it, as a share of what makes
/// it up, is above this many tolerances: z is known to one, and decays.
constexpr double wrong_rate = 10;

}  // namespace

/// Where more surfaces meet than a neuron has directions to leave them by, sliding in those that
/// drive it back one by one may ask more of a kink than it can hold, while another choice of kinks
/// among the same surfaces holds. Filippov's solution gives each surface at the point one of three
/// states: a side that the flow goes to, or a force within its range. That is a complementarity
/// problem, for one hidden layer the least element of Clarke's subdifferential. It is solved by
/// pivoting (Dantzig's principal pivoting; bounded least squares in one layer, which ends): a
/// surface on the wrong side gets a growing force, until the flow keeps to it or it changes sides,
/// and a kink that comes to the end of its range on the way is let go. Where that does not end, the
/// piece stays as it is. So it does where all kinks hold, unless the flow stays at the point: a
/// surface to whose other side it goes is met again at once.
void ReluPieces::make_consistent(LayeredNetwork& network, VectorRef w, ConstVectorRef u,
                                 bool stays) {
  const auto worst = [&](Index& c) {
    c = -1;
    double least = -tolerance_;
    for (Index e = 0; e < surface_.size(); ++e)
      if (const double within = std::min(above_[e], below_[e]); within < least) {
        least = within;
        c = e;
      }
    return c >= 0;
  };
  network.move_to(w);
  hold(network, w, u);
  Index out = -1;
  if (!worst(out) && !stays) return;
  const std::vector<Matrix> slopes = slopes_;
  const std::vector<Kink> kinks = kinks_;
  const std::vector<Follower> followers = followers_;
  measure(network, w);
  meeting_.clear();
  for (Index l = 0; l < depth(); ++l)
    for (Index k = 0; k < layers_[static_cast<std::size_t>(l)].width; ++k)
      for (Index i = 0; i < network.preactivation(l).cols(); ++i)
        if (const Kink s{l, k, i}; slides_at(s) || distance(network, s) <= 2 * tolerance_)
          meeting_.push_back(s);
  while (worst(out)) {
    let_go(out, above_[out] < below_[out]);
    network.move_to(w);
    hold(network, w, u);
  }
  bool found = false;
  const std::size_t most = 50 + 4 * meeting_.size();
  for (std::size_t count = 0; count < most && !found; ++count) {
    Kink s;
    found = !wrong_side(network, w, s);
    if (!found && !pivot(network, s, w, u)) break;
  }
  if (!found) {
    slopes_ = slopes;
    kinks_ = kinks;
    followers_ = followers;
  }
  settle(network, w);
}

/// The velocities of all pre-activations, from the gradient that `hold` left.
void ReluPieces::measure_rates(const LayeredNetwork& network, ConstVectorRef w) {
  rates_.resize(layers_.size());
  rate_scales_.resize(layers_.size());
  Matrix below;
  for (Index l = 0; l < depth(); ++l) {
    const auto at = static_cast<std::size_t>(l);
    const HiddenLayer& layer = layers_[at];
    const auto G = layer.weights(gradient_);
    const Matrix& h = network.layer_input(l);
    Vector rows = G.rowwise().squaredNorm();
    if (layer.has_bias())
      rows.array() += gradient_.segment(layer.offset, layer.width).array().square();
    rates_[at].noalias() = -(G * h);
    if (layer.has_bias()) rates_[at].colwise() -= gradient_.segment(layer.offset, layer.width);
    rate_scales_[at] = rows.cwiseSqrt() * length_[at].transpose();
    if (l > 0) {
      const auto W = layer.weights(w);
      rates_[at].noalias() += W * below;
      rate_scales_[at] += W.rowwise().norm() * below.colwise().norm();
    }
    below = slopes_[at].cwiseProduct(rates_[at]);
  }
}

/// The surface from which the flow goes most clearly to the other side than the one that its
/// neuron is on; false where there is none.
bool ReluPieces::wrong_side(const LayeredNetwork& network, ConstVectorRef w, Kink& worst) {
  measure_rates(network, w);
  double least = -wrong_rate * std::max(tolerance_, least_tolerance);
  const double whole = gradient_.norm();
  bool found = false;
  for (const Kink& s : meeting_) {
    if (slides_at(s)) continue;
    const auto l = static_cast<std::size_t>(s.layer);
    const double scale =
        rate_scales_[l](s.neuron, s.sample) + small_neuron * whole * length_[l][s.sample];
    const double rate = side(s) * rates_[l](s.neuron, s.sample) / std::max(scale, 1e-300);
    if (rate >= least) continue;
    least = rate;
    worst = s;
    found = true;
  }
  return found;
}

/// Lets a force grow at a surface on the wrong side of which its neuron is, until the flow keeps to
/// the surface or the neuron is on the other side. False where that comes to no end.
bool ReluPieces::pivot(LayeredNetwork& network, const Kink& s, ConstVectorRef w, ConstVectorRef u) {
  const double from = slope(s), to = from == high ? low_ : high;
  const auto l = static_cast<std::size_t>(s.layer);
  for (std::size_t left = kinks_.size() + 1; left-- > 0;) {
    with_one_ = kinks_;
    with_one_.push_back(s);
    candidate_.build(with_one_, slopes_, network, w);
    const Index c = candidate_.size() - 1;
    const double rate = rates_[l](s.neuron, s.sample);
    const double normal = candidate_.independence(c) * candidate_.product(c, c);
    const double drawn = pull(network, s, w), most = (to - slope(s)) * drawn;
    // The force that stops the neuron, if it is within reach.
    const double needed = normal > 0 ? rate / normal : 0;
    const bool slides = needed * most > 0 && std::abs(needed) <= std::abs(most) &&
                        normal > dependent * candidate_.product(c, c);
    const double force = slides ? needed : most;
    Vector change(c);
    for (Index e = 0; e < c; ++e) change[e] = -force * candidate_.product(e, c);
    surface_.solve(change);
    double share = 1;
    Index first = -1;
    for (Index e = 0; e < c; ++e) {
      const double room = scale_[e] * std::max(0.0, change[e] < 0 ? above_[e] : below_[e]);
      if (room >= share * std::abs(change[e])) continue;
      share = room / std::abs(change[e]);
      first = e;
    }
    if (first < 0) {
      slope(s) = slides ? 0 : to;
      if (slides) kinks_.push_back(s);
    } else {
      slope(s) += share * force / drawn;
      let_go(first, change[first] < 0);
    }
    network.move_to(w);
    hold(network, w, u);
    if (first < 0) return true;
    measure_rates(network, w);
  }
  return false;
}

}  // namespace gradflow
