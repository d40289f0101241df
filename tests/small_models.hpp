#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/finite_differences.hpp"

namespace gradflow::testing {

/// Small cases of the models with a smooth loss whose flows from random starts amplify little.
inline std::vector<std::pair<std::string, Settings>> small_models() {
  const auto size = [](int n) { return std::int64_t{n}; };
  return {{"linear_regression", {{"samples", size(10)}, {"dimension", size(20)}}},
          {"diagonal_linear_network", {{"samples", size(10)}, {"dimension", size(20)}}},
          {"matrix_completion",
           {{"rows", size(8)}, {"columns", size(8)}, {"true_rank", size(2)}, {"rank", size(2)}}},
          {"matrix_sensing", {}},
          {"deep_linear_network",
           {{"depth", size(3)},
            {"width", size(5)},
            {"target_singular_values", std::vector<double>{3, 2, 1}}}},
          {"two_layer_network",
           {{"width", size(10)},
            {"input_dimension", size(5)},
            {"samples", size(20)},
            {"activation", std::string("tanh")}}},
          {"multilayer_perceptron",
           {{"widths", std::vector<std::int64_t>{5, 8, 8, 1}},
            {"samples", size(15)},
            {"activation", std::string("tanh")}}}};
}

}  // namespace gradflow::testing
