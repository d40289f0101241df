#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "flow/model.hpp"
#include "numerics/activation.hpp"
#include "numerics/types.hpp"

/// What the three single-index models share: f(x) = (1/m) sum_i a_i sigma(<u_i, x>) learns
/// y = phi(<u*, x>) with x ~ N(0, I_d) and |u_i| = |u*| = 1, in the limit of infinite m and d
/// (single_index_mean_field), through its overlaps (single_index_overlaps), or with its weights
/// (single_index_network). Berthier, Montanari, Zhou, "Learning time-scales in two-layers neural
/// networks", arXiv 2303.00055.
namespace gradflow {

/// sigma = sum_k sigma_k h_k and phi = sum_k phi_k h_k, with h_k = He_k/sqrt(k!) orthonormal under
/// N(0, 1).
struct SingleIndexProblem {
  Index width = 0;                       ///< m
  double epsilon = 0;                    ///< rate ratio: epsilon a' = -m dR/da
  Index dimension = 0;                   ///< d; 0: infinite
  Vector phi, sigma;                     ///< both of size K + 1
  std::optional<Activation> activation;  ///< none: sigma is the finite series itself
  double activation_tail = 0;            ///< L2 norm of what the series of sigma leaves out
  double target_tail = 0;                ///< the same of phi, whose series is the target
  double quadrature_error = 0;           ///< of the coefficients; 0: closed forms

  Index degree() const { return phi.size() - 1; }
};

/// Parameters that all of them have.
std::vector<ParameterInfo> single_index_parameters(std::int64_t default_width);

/// Reads them; defaults that depend on others are written back. \throws ParameterError
SingleIndexProblem single_index_problem(Parameters& p);

/// a(0), shape (m), by model.initial_second_layer from the stream "second layer".
Vector initial_second_layer(const Parameters& p, Index width, std::uint64_t seed);

/// Directions u_i(0): rows of an (m, d) matrix of N(0, 1) entries from the stream "directions",
/// divided by their norms; u* is the first unit vector. The same seed gives the
/// same directions to all three models.
RowMatrix initial_directions(Index width, Index dimension, std::uint64_t seed);
/// s_i = <u_i, u*> of these directions alone: no memory of size m d.
Vector initial_alignments(Index width, Index dimension, std::uint64_t seed);
/// r_ij = <u_i, u_j> of these directions, shape (m, m).
Matrix initial_overlaps(Index width, Index dimension, std::uint64_t seed, Vector& alignments);

/// M_k = (1/m) sum_i a_i s_i^k for k = 0..moments.size()-1. Cost m K.
void power_moments(ConstVectorRef a, ConstVectorRef s, VectorRef moments);

/// C_k = (phi_k - sigma_k M_k)^2/2, in place of M_k.
void risk_components(const SingleIndexProblem& problem, ConstVectorRef moments, VectorRef out);

/// Weight decay and rates by layer do not go with a population flow on spheres. \throws
/// ParameterError
void refuse_weight_decay(const FlowSettings& flow);

/// Observables that are functions of (a, s) alone: risk_component, alignment, and off by default
/// second_layer and neuron_alignment. `read` gives a and s of a state.
struct NeuronView {
  Eigen::Ref<const Vector> a, s;
};
std::vector<Observable> single_index_observables(const SingleIndexProblem& problem,
                                                 std::function<NeuronView(const State&)> read);

}  // namespace gradflow
