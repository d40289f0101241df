#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/model.hpp"

/// What the benchmark runs: problems made through the model registry, as a config makes them.
namespace gradflow::bench {

/// A flow from its initial state to `end`, with the times at which solutions are compared.
struct Problem {
  std::string name;     ///< of the rows in the tables
  std::string setting;  ///< the parameters, as in a config
  FlowSettings flow;
  std::vector<double> times;  ///< 0, then geometric up to the end
  double epsilon = 0;         ///< mean field
  double atol_factor = 1e-2;  ///< atol = atol_factor rtol, for every solver alike
  std::unique_ptr<Model> model;
  Vector start;
  std::vector<Problem> points;  ///< what it is the product of, where it is one

  std::unique_ptr<System> system() const { return model->system(flow); }
  double end() const { return times.back(); }
};

using Setting = std::pair<std::string, ParameterValue>;

/// \throws std::invalid_argument for a model or parameter that does not exist
Problem make_problem(std::string name, const std::string& model, const std::vector<Setting>& set,
                     double weight_decay, double first, double end, std::uint64_t seed = 0,
                     const std::vector<std::pair<std::string, std::string>>& files = {});

/// Figure 2 of arXiv 2505.20172: 20 x 20, rank-10 factors, the target and mask of
/// examples/grokking.
Problem completion(double weight_decay, double end);
/// 40 x 40 of rank 3, rank-10 factors (p = 800), 480 entries, to 1e5.
Problem larger_completion();
/// Figure 4: diagonal network u^2 - v^2 on 61 Fourier features, 12 points.
Problem diagonal(double weight_decay, double end, Index frequencies = 30);
/// Its slow limit, the Riemannian flow from Phi(w0), to tau = 5; the way to Phi(w0) is not counted.
Problem slow_flow();
/// Modular addition as in examples/grokking, p = 13, to 20/lambda.
Problem modular_addition(double weight_decay);
/// Two-layer tanh network with biases, one input: 3 x width parameters, teacher of 3 neurons.
Problem tanh_network(Index width, Index samples, double weight_decay);
/// The network on which steps over lambda were first counted (prototype: 412 at lambda = 1e-5, 414
/// at 1e-9): tanh, ten inputs, 100 neurons without biases (p = 1100), 40 samples, output not
/// scaled.
Problem tanh_network_1100(double weight_decay);
/// Ten inputs and more, biases, 50 neurons, output scaled by 1/sqrt(m).
Problem tanh_network_of_inputs(Index dimension, double weight_decay);
Problem relu_network(Index width, Index samples, double weight_decay, double end);
/// Depth-3 linear network, widths 6, from a small Gaussian start.
Problem deep_linear();
/// Single-index mean field with four Hermite modes, to t = 1.
Problem mean_field(Index width, double epsilon);

}  // namespace gradflow::bench
