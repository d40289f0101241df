#pragma once

#include <cstdint>
#include <vector>

#include "models/sliding_surface.hpp"
#include "numerics/archive.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// The smooth pieces of a network's hidden layers of ReLU or leaky ReLU neurons.
///
/// A piece fixes the slope of each neuron at each sample; its boundary is made of the surfaces
/// z_s = 0. There the flow of a loss either goes through or, if it is driven back from the other
/// side too, slides: Filippov's solution, the gradient flow of Clarke's subdifferential. It keeps
/// z_s = 0, as the network would with slopes theta_s between those of the two sides: the force
/// theta_s dF/d sigma(z_s) is what makes w' tangent to all surfaces at once. A kink is let go when
/// it would need a slope beyond them.
///
/// Where w' has a decay, it is w' = -(grad F + decay w). u is the loss's gradient by the outputs.
class ReluPieces {
 public:
  static constexpr double high = 1;  ///< slope
  /// Above rounding.
  static constexpr double least_tolerance = 1e-12;
  /// With neurons smaller than this part of the largest, that length counts instead of their own:
  /// the side of a neuron that has died away is a matter of rounding.
  static constexpr double small_neuron = 1e-3;
  /// Normals with less than this of their square out of the span of others are dependent on them:
  /// to slide on the others is to slide on theirs.
  static constexpr double dependent = 1e-12;

  /// Slope `low` for z < 0, 1 for z > 0. A surface is met at `tolerance` beyond it, in units of
  /// |(w_k, b_k)| |(h_i, 1)|, and left when the force is so far out of its range, in units of the
  /// neuron's largest dF/d sigma: a neuron that leaves along a tangent does not come back for an
  /// error of the integration.
  ReluPieces(std::vector<HiddenLayer> layers, double low, double tolerance, double decay);

  /// The piece, where one has been entered, with what slides in its surfaces.
  void exchange(Archive& archive);

  bool entered() const { return !slopes_.empty(); }
  /// How many pieces have been entered.
  std::uint64_t revision() const { return revision_; }
  /// sigma', shape (width, n). Where a neuron slides it multiplies z = 0 and is 0.
  const Matrix& slopes(Index l) const { return slopes_[static_cast<std::size_t>(l)]; }
  const std::vector<Matrix>& slopes() const { return slopes_; }
  /// Where neurons slide: surfaces that are independent of one another. Slopes are 0 as well at
  /// samples with the same surface, as have those that a layer below maps to parallel (h, 1).
  const std::vector<Kink>& kinks() const { return kinks_; }
  const std::vector<HiddenLayer>& layers() const { return layers_; }

  /// Negative beyond the boundary of the piece, and where a neuron would leave the surface in which
  /// it slides.
  double margin(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u);
  /// The piece of a point, without sliding.
  void enter_afresh(const LayeredNetwork& network);
  /// The piece in which the flow goes on from w, the network's last point, at the boundary of the
  /// one before; w is moved on to the surfaces in which neurons slide.
  void enter_next(LayeredNetwork& network, VectorRef w, ConstVectorRef u);

  /// The forces theta_s dF/d sigma(z_s) of a surface at a point, from the loss's gradient with
  /// slope 0 at all its kinks, which becomes the projected P (g + decay w).
  void holding_forces(SlidingSurface& surface, ConstVectorRef w, VectorRef g, Vector& force) const;

 private:
  double side(const Kink& s) const { return slope(s) == 1 ? 1 : -1; }
  double& slope(const Kink& s) {
    return slopes_[static_cast<std::size_t>(s.layer)](s.neuron, s.sample);
  }
  double slope(const Kink& s) const {
    return slopes_[static_cast<std::size_t>(s.layer)](s.neuron, s.sample);
  }
  Index depth() const { return static_cast<Index>(layers_.size()); }
  /// A sample with the surface of a kink: n_follower = ratio n_s.
  struct Follower {
    Kink kink;
    Kink of;
    double ratio;
  };

  bool slides_at(const Kink& s) const;
  void slide(LayeredNetwork& network, const Kink& s, VectorRef w);
  bool parallel(const LayeredNetwork& network, const Kink& s, const Kink& r, ConstVectorRef w);
  void regroup(LayeredNetwork& network, VectorRef w, ConstVectorRef u);
  Index surfaces_of(Index layer, Index neuron) const;
  void measure(const LayeredNetwork& network, ConstVectorRef w);
  double distance(const LayeredNetwork& network, const Kink& s) const;
  void hold(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u);
  double pull(const LayeredNetwork& network, const Kink& s, ConstVectorRef w) const;
  void let_go(Index c, bool down);
  void release(LayeredNetwork& network, ConstVectorRef w, ConstVectorRef u);
  void make_consistent(LayeredNetwork& network, VectorRef w, ConstVectorRef u, bool stays);
  void measure_rates(const LayeredNetwork& network, ConstVectorRef w);
  bool wrong_side(const LayeredNetwork& network, ConstVectorRef w, Kink& worst);
  bool pivot(LayeredNetwork& network, const Kink& s, ConstVectorRef w, ConstVectorRef u);
  void settle(LayeredNetwork& network, VectorRef w);
  bool driven_back(LayeredNetwork& network, const Kink& s, ConstVectorRef w, ConstVectorRef u);

  std::vector<HiddenLayer> layers_;
  double low_, tolerance_, decay_;
  std::uint64_t revision_ = 0;
  std::vector<Matrix> slopes_;
  Vector last_;  ///< the point at which a piece was entered last
  std::vector<Kink> kinks_, crossed_, with_one_, meeting_;
  std::vector<Follower> followers_;
  std::vector<Vector> size_;    ///< |(w_k, b_k)|, not less than a small part of the layer's largest
  std::vector<Vector> length_;  ///< |(h_i, 1)|, likewise
  Matrix distances_;            ///< of a layer's neurons from the surfaces of the samples
  SlidingSurface surface_, candidate_;
  Vector gradient_, force_;
  // Of each kink: how far its force is within its range, in units of its scale.
  Vector above_, below_, scale_;
  std::vector<Matrix> rates_, rate_scales_;  ///< dz/dt, and what it is small against
};

}  // namespace gradflow
