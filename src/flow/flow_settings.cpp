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
  return {
      choice_parameter(
          "kind", "gradient",
          {"gradient", "riemannian", "mirror", "gradient_descent", "sgd", "langevin", "heavy_ball"},
          "what is integrated; a model offers some of them"),
      nonnegative_parameter("weight_decay", 0.0, "lambda in w' = -grad F(w) - lambda w"),
      positive_parameter("step", 1e-2, "step of gradient_descent, sgd and langevin"),
      positive_parameter("friction", 1.0,
                         "friction of heavy_ball: w'' + friction w' = -grad F - "
                         "lambda w"),
      nonnegative_parameter("temperature", 0.0,
                            "temperature of langevin: dw = -eta (grad F + lambda w) dt + "
                            "sqrt(2 eta temperature) dW, eta the learning rates"),
      integer_parameter("batch", 1, "samples a step of sgd"),
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
