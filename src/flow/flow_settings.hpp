#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/flow_kind.hpp"
#include "flow/parameters.hpp"

namespace gradflow {

/// The `[flow]` section: what is integrated.
struct FlowSettings {
  std::string kind = "gradient";
  double weight_decay = 0;  ///< lambda in w' = -grad F(w) - lambda w
  double step = 1e-2;       ///< of iterates
  double friction = 1;      ///< heavy_ball
  double temperature = 0;   ///< langevin: dw = -eta grad dt + sqrt(2 eta temperature) dW
  Index batch = 1;          ///< sgd: samples a step
  double label_noise = 0;   ///< sgd: variance of what each step adds to its targets
  /// By group of parameters (layer), in the model's order; empty: 1 and weight_decay for all.
  std::vector<double> learning_rates;
  std::vector<double> weight_decays;

  std::uint64_t seed = 0;  ///< of all noise, the batches of sgd, and random probes

  // From [time].
  bool accelerated = false;    ///< mirror flow: time.variable = "accelerated"
  bool until_settled = false;  ///< no time.end is given

  // From [measure], how observables are taken.
  std::int64_t curvature_probes = 0;  ///< of scalar_curvature; 0: exact
  double rank_tolerance = 1e-6;       ///< of the largest singular value, below which there is none

  /// What the kind is like.
  const FlowKind& traits() const { return flow_kind(kind); }
  /// True where iterates are made instead of a flow's steps.
  bool discrete() const { return traits().iterates; }

  /// What `[flow]` accepts.
  static std::vector<ParameterInfo> declaration();
  static FlowSettings from(const Parameters& parameters);
};

}  // namespace gradflow
