#include "bench/problems.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <variant>

#include "flow/registry.hpp"
#include "io/data_file.hpp"
#include "numerics/short_number.hpp"
#include "solve/stationary_point.hpp"

namespace gradflow::bench {
namespace {

template <class T>
void write(std::ostream& out, const T& value) {
  out << value;
}
template <class T>
void write(std::ostream& out, const std::vector<T>& list) {
  const char* before = "[";
  for (const T& entry : list) out << std::exchange(before, ", ") << entry;
  out << "]";
}
void write(std::ostream&, std::monostate) {}

std::string text_of(const ParameterValue& value) {
  std::ostringstream out;
  out << std::boolalpha;
  std::visit([&](const auto& held) { write(out, held); }, value);
  return out.str();
}

std::int64_t count(Index n) {
  return static_cast<std::int64_t>(n);
}

/// The name of a problem's setting, and the value that sets it apart from the usual one.
std::string with_value(const std::string& name, double value, double usual) {
  return value == usual ? name : name + "_" + short_number(value);
}

}  // namespace

Problem make_problem(std::string name, const std::string& model, const std::vector<Setting>& set,
                     double weight_decay, double first, double end, std::uint64_t seed,
                     const std::vector<std::pair<std::string, std::string>>& files) {
  const ModelInfo* info = find_model(model);
  if (info == nullptr) throw std::invalid_argument("no model " + model);
  Problem problem;
  problem.name = std::move(name);
  Parameters parameters(info->parameters);
  problem.setting = model;
  for (const auto& [key, value] : set) {
    parameters.set(key, value);
    problem.setting += ", " + key + " = " + text_of(value);
  }
  for (const auto& [key, path] : files) parameters.set_file(key, path, read_data_file(path));
  if (weight_decay > 0) problem.setting += ", weight_decay = " + short_number(weight_decay);
  problem.setting += ", seed = " + std::to_string(seed) + ", to t = " + short_number(end);
  problem.flow.kind = info->flows.front();
  problem.flow.weight_decay = weight_decay;
  problem.model = info->make(parameters, seed);
  problem.start = problem.model->initial_state(problem.flow);
  const int samples = 61;
  problem.times.push_back(0);
  for (int k = 0; k < samples; ++k)
    problem.times.push_back(k + 1 == samples ? end
                                             : first * std::pow(end / first, k / (samples - 1.0)));
  return problem;
}

Problem completion(double weight_decay, double end) {
  const std::string data = GRADFLOW_SOURCE "/examples/grokking/data/";
  return make_problem(with_value("completion", weight_decay, 1e-3), "matrix_completion",
                      {{"rank", std::int64_t{10}}}, weight_decay, 1e-2, end, 0,
                      {{"target", data + "matrix_completion_target.csv"},
                       {"mask", data + "matrix_completion_mask.csv"}});
}

Problem larger_completion() {
  const Index size = 40, rank = 10;
  return make_problem(
      "completion_" + std::to_string(2 * size * rank), "matrix_completion",
      {{"rows", count(size)}, {"columns", count(size)}, {"rank", count(rank)}, {"observed", 0.3}},
      1e-3, 1e-2, 1e5);
}

Problem diagonal(double weight_decay, double end, Index frequencies) {
  const std::string size = frequencies == 30 ? "" : "_" + std::to_string(2 * (2 * frequencies + 1));
  return make_problem(with_value("diagonal" + size, weight_decay, 1e-4), "diagonal_linear_network",
                      {{"features", std::string("fourier")}, {"frequencies", count(frequencies)}},
                      weight_decay, 1e-1, end, 28,
                      {{"points", GRADFLOW_SOURCE "/examples/grokking/data/figure4_points.csv"}});
}

Problem slow_flow() {
  Problem problem = diagonal(1e-3, 5);
  problem.name = "slow_flow";
  problem.flow.weight_decay = 0;
  SolverSettings tight;
  tight.rtol = 1e-10;
  tight.atol = 1e-13;
  problem.start = flow_limit(*problem.system(), tight, problem.start).y;
  problem.flow.kind = "riemannian";
  problem.system()->correct(0, problem.start);
  return problem;
}

Problem modular_addition(double weight_decay) {
  Problem problem = make_problem("modular_addition", "modular_addition",
                                 {{"modulus", std::int64_t{13}},
                                  {"width", std::int64_t{64}},
                                  {"train_fraction", 0.7},
                                  {"input_variance", 0.64},
                                  {"output_variance", 0.01}},
                                 weight_decay, 1, 20 / weight_decay, 1);
  problem.atol_factor = 1e-3;
  return problem;
}

Problem tanh_network(Index width, Index samples, double weight_decay) {
  return make_problem(with_value("tanh_" + std::to_string(3 * width), weight_decay, 1e-5),
                      "two_layer_network",
                      {{"width", count(width)},
                       {"activation", std::string("tanh")},
                       {"output_scale", std::string("sqrt")},
                       {"samples", count(samples)},
                       {"input_law", std::string("uniform")}},
                      weight_decay, 1e-2, 10 / weight_decay);
}

Problem tanh_network_1100(double weight_decay) {
  return make_problem("tanh_1100", "two_layer_network",
                      {{"width", std::int64_t{100}},
                       {"activation", std::string("tanh")},
                       {"bias", false},
                       {"samples", std::int64_t{40}},
                       {"input_dimension", std::int64_t{10}}},
                      weight_decay, 1e-2, 10 / weight_decay);
}

Problem tanh_network_of_inputs(Index dimension, double weight_decay) {
  return make_problem("tanh_inputs_" + std::to_string(dimension), "two_layer_network",
                      {{"width", std::int64_t{50}},
                       {"activation", std::string("tanh")},
                       {"output_scale", std::string("sqrt")},
                       {"samples", std::int64_t{40}},
                       {"input_dimension", count(dimension)}},
                      weight_decay, 1e-2, 10 / weight_decay);
}

Problem relu_network(Index width, Index samples, double weight_decay, double end) {
  return make_problem("relu_" + std::to_string(3 * width), "two_layer_network",
                      {{"width", count(width)},
                       {"activation", std::string("relu")},
                       {"output_scale", std::string("sqrt")},
                       {"samples", count(samples)},
                       {"input_law", std::string("uniform")}},
                      weight_decay, 1e-2, end);
}

Problem deep_linear() {
  Problem problem =
      make_problem("deep_linear", "deep_linear_network",
                   {{"depth", std::int64_t{3}}, {"width", std::int64_t{6}}, {"initial_scale", 0.1}},
                   1e-4, 1e-1, 1e5);
  problem.atol_factor = 1e-4;
  return problem;
}

Problem mean_field(Index width, double epsilon) {
  const std::vector<double> target{1, -1, 2.0 / 3, 0.3}, activation{0.4, 0.5, 0.3, 0.2};
  Problem problem = make_problem(with_value("mean_field_" + std::to_string(width), epsilon, 1e-4),
                                 "single_index_mean_field",
                                 {{"width", count(width)},
                                  {"epsilon", epsilon},
                                  {"target_hermite", target},
                                  {"activation_hermite", activation}},
                                 0, 1e-2 * epsilon, 1);
  problem.epsilon = epsilon;
  return problem;
}

}  // namespace gradflow::bench
