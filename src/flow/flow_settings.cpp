#include "flow/flow_settings.hpp"

#include "flow/option.hpp"

namespace gradflow {
namespace {

const std::vector<Option<FlowSettings>>& options() {
  using T = FlowSettings;
  static const std::vector<Option<T>> all = [] {
    std::vector<std::string> kinds;
    for (const FlowKind& kind : flow_kinds()) kinds.push_back(kind.name);
    ParameterInfo rates = list_parameter(
        "learning_rates", {},
        "learning rate of each group of parameters (layer), in the model's order; empty: 1 for "
        "all");
    rates.minimum = 0;
    rates.minimum_excluded = true;
    ParameterInfo decays = list_parameter(
        "weight_decays", {},
        "weight decay of each group of parameters; empty: flow.weight_decay for all");
    decays.minimum = 0;
    return std::vector<Option<T>>{
        option(&T::kind, choice_parameter("kind", "", kinds,
                                          "what is integrated; a model offers some of them")),
        option(&T::weight_decay,
               nonnegative_parameter("weight_decay", {}, "lambda in w' = -grad F(w) - lambda w")),
        option(&T::step,
               positive_parameter("step", {}, "step of gradient_descent, sgd and langevin")),
        option(&T::friction, positive_parameter("friction", {},
                                                "friction of heavy_ball: w'' + friction w' = "
                                                "-grad F - lambda w")),
        option(&T::temperature,
               nonnegative_parameter("temperature", {},
                                     "temperature of langevin: dw = -eta (grad F + lambda w) dt + "
                                     "sqrt(2 eta temperature) dW, eta the learning rates")),
        option(&T::batch, integer_parameter("batch", {}, "samples a step of sgd")),
        option(&T::label_noise,
               nonnegative_parameter("label_noise", {},
                                     "label noise of sgd: variance of the Gaussian that each step "
                                     "adds anew to each target of its batch")),
        option(&T::learning_rates, std::move(rates)),
        option(&T::weight_decays, std::move(decays))};
  }();
  return all;
}

}  // namespace

std::vector<ParameterInfo> FlowSettings::declaration() {
  return declaration_of(options());
}

FlowSettings FlowSettings::from(const Parameters& parameters) {
  return settings_from(options(), parameters);
}

}  // namespace gradflow
