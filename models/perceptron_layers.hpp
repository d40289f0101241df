#pragma once

#include <functional>
#include <vector>

#include "flow/observable.hpp"
#include "models/perceptron_layout.hpp"

namespace gradflow {

/// What an L2 penalty makes of a perceptron's layers (Jacot, Golikov, Hongler and Gabriel, arXiv
/// 2205.15809), at any parameters. Matrices of layer l = 1, ..., L are (width, n), a column a
/// training sample:
///
///   Z_l = W_l S_{l-1},  S_0 = [X; 1],  S_l = [sigma(Z_l); 1],
///
/// W_l with the bias as last column and the row of ones where there are biases, not else. P_l
/// projects on the rows of S_l, K_l = Z_l^T Z_l and K^s_l = S_l^T S_l; ^+ is the pseudo-inverse, by
/// a singular value decomposition of S_l.
struct HiddenLayerForces {
  Matrix preactivation;  ///< Z_l
  Matrix attraction;     ///< A = 2 Z_l (K^s_{l-1})^+, the derivative of |Z_l S_{l-1}^+|^2 by Z_l
  Matrix repulsion;      ///< B = -d/dZ_l |Z_{l+1} S_l^+|^2 at constant rank of S_l
  /// c = -(2/lambda) [W_{l+1}^T dF/dZ_{l+1} (I - P_l)] o sigma'(Z_l), without the ones' row: what
  /// keeps the rows of Z_{l+1} among those of S_l. NaN without a penalty.
  Matrix constraint_force;
  /// |A - (B + c) P_{l-1}| / |A|, which vanishes at minima; 0 where all do.
  double defect = 0;
};

struct PerceptronLayers {
  Vector rank;            ///< of S_0, ..., S_{L-1}
  Vector cost;            ///< Tr[K_l (K^s_{l-1})^+] = |Z_l S_{l-1}^+|^2, l = 1, ..., L
  Vector active_neurons;  ///< of each hidden layer; what that means says `analyse_layers`
  Vector neuron_rays;
  std::vector<HiddenLayerForces> hidden;
};

/// All of the above at parameters w. `inputs` is (n, d), `output_gradient` dF/dZ_L, (outputs, n);
/// `weight_decay` is lambda in F + lambda/2 |w|^2. Singular values of S_l below `rank_tolerance` of
/// the largest are none. A neuron is active where |outgoing weights| |sigma(row of Z_l)| is above
/// `rank_tolerance` of the layer's largest. Active neurons are on one ray where 1 - cos between
/// their incoming weights is below it. All NaN where a preactivation is not finite.
PerceptronLayers analyse_layers(const PerceptronLayout& layout, Activation activation,
                                const Matrix& inputs, ConstVectorRef w,
                                const Matrix& output_gradient, double weight_decay,
                                double rank_tolerance);

/// The numbers of `PerceptronLayers` as observables, off by default, of a network with n training
/// samples.
std::vector<Observable> layer_observables(
    const PerceptronLayout& layout, Index samples,
    const std::function<const PerceptronLayers&(const State&)>& layers_at);

}  // namespace gradflow
