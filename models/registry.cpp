#include "models/registry.hpp"

#include <stdexcept>

#include "models/deep_linear_network.hpp"
#include "models/diagonal_linear_network.hpp"
#include "models/linear_regression.hpp"
#include "models/matrix_completion.hpp"
#include "models/matrix_sensing.hpp"
#include "models/modular_addition.hpp"
#include "models/multilayer_perceptron.hpp"
#include "models/separable_classification.hpp"
#include "models/single_index_mean_field.hpp"
#include "models/single_index_network.hpp"
#include "models/single_index_overlaps.hpp"
#include "models/two_layer_network.hpp"

namespace gradflow {
namespace {

std::vector<ModelInfo>& list() {
  static std::vector<ModelInfo> all{
      linear_regression(),     diagonal_linear_network(), matrix_completion(),
      two_layer_network(),     deep_linear_network(),     modular_addition(),
      multilayer_perceptron(), matrix_sensing(),          single_index_mean_field(),
      single_index_overlaps(), single_index_network(),    separable_classification(),
  };
  return all;
}

}  // namespace

const std::vector<ModelInfo>& models() {
  return list();
}

const ModelInfo* find_model(const std::string& name) {
  for (const ModelInfo& info : list())
    if (info.name == name) return &info;
  return nullptr;
}

void register_model(ModelInfo info) {
  if (find_model(info.name) != nullptr)
    throw std::logic_error("a model named '" + info.name + "' is registered already");
  list().push_back(std::move(info));
}

}  // namespace gradflow
