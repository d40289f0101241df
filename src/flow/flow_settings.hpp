#pragma once

#include <string>
#include <vector>

#include "flow/parameters.hpp"

namespace gradflow {

/// The `[flow]` section: what is integrated.
struct FlowSettings {
  std::string kind = "gradient";
  double weight_decay = 0;  ///< lambda in w' = -grad F(w) - lambda w
  double step = 0;          ///< gradient_descent, sgd
  double friction = 1;      ///< heavy_ball
  double temperature = 0;   ///< langevin: dw = -grad dt + sqrt(2 temperature) dW
  Index batch = 0;          ///< sgd: samples a step
  /// By group of parameters (layer), in the model's order; empty: 1 and weight_decay for all.
  std::vector<double> learning_rates;
  std::vector<double> weight_decays;

  // From [time].
  bool accelerated = false;    ///< mirror flow: time.variable = "accelerated"
  bool until_settled = false;  ///< no time.end is given

  /// What `[flow]` accepts.
  static std::vector<ParameterInfo> declaration();
  static FlowSettings from(const Parameters& parameters);
};

}  // namespace gradflow
