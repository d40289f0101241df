#include "models/registry.hpp"

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

void register_models() {
  static bool done = false;
  if (done) return;
  done = true;
  for (ModelInfo (*const model)() :
       {linear_regression, diagonal_linear_network, matrix_completion, two_layer_network,
        deep_linear_network, modular_addition, multilayer_perceptron, matrix_sensing,
        single_index_mean_field, single_index_overlaps, single_index_network,
        separable_classification})
    register_model(model());
}

}  // namespace gradflow
