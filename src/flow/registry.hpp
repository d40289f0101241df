#pragma once

#include <string>
#include <vector>

#include "flow/model.hpp"

namespace gradflow {

/// The models of this program, in the order in which they were registered.
const std::vector<ModelInfo>& models();
/// Null where there is none of that name.
const ModelInfo* find_model(const std::string& name);
/// Adds a model (docs/own_model.md for one of a user's own). \throws std::logic_error on a second
/// of the same name.
void register_model(ModelInfo info);

}  // namespace gradflow
