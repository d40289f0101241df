#include "flow/flow_settings.hpp"

namespace gradflow {

std::vector<ParameterInfo> FlowSettings::declaration() {
  ParameterInfo rates = list_parameter(
      "learning_rates", std::vector<double>{},
      "learning rate of each group of parameters (layer), in the model's order; empty: 1 for all");
  rates.minimum = 0;
  rates.minimum_excluded = true;
  ParameterInfo decays =
      list_parameter("weight_decays", std::vector<double>{},
                     "weight decay of each group of parameters; empty: flow.weight_decay for all");
  decays.minimum = 0;
  const FlowSettings defaults;
  std::vector<std::string> kinds;
  for (const FlowKind& kind : flow_kinds()) kinds.push_back(kind.name);
  return {
      choice_parameter("kind", defaults.kind, kinds,
                       "what is integrated; a model offers some of them"),
      nonnegative_parameter("weight_decay", defaults.weight_decay, "lambda in w' = -grad F(w) - lambda w"),
      positive_parameter("step", defaults.step, "step of gradient_descent, sgd and langevin"),
      positive_parameter("friction", defaults.friction,
                         "friction of heavy_ball: w'' + friction w' = -grad F - "
                         "lambda w"),
      nonnegative_parameter("temperature", defaults.temperature,
                            "temperature of langevin: dw = -eta (grad F + lambda w) dt + "
                            "sqrt(2 eta temperature) dW, eta the learning rates"),
      integer_parameter("batch", defaults.batch, "samples a step of sgd"),
      std::move(rates),
      std::move(decays),
  };
}

FlowSettings FlowSettings::from(const Parameters& parameters) {
  FlowSettings settings;
  settings.kind = parameters.text("kind");
  settings.weight_decay = parameters.real("weight_decay");
  settings.step = parameters.real("step");
  settings.friction = parameters.real("friction");
  settings.temperature = parameters.real("temperature");
  settings.batch = static_cast<Index>(parameters.integer("batch"));
  settings.learning_rates = parameters.reals("learning_rates");
  settings.weight_decays = parameters.reals("weight_decays");
  return settings;
}

}  // namespace gradflow
