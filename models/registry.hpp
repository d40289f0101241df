#pragma once

#include <string>
#include <vector>

#include "flow/model.hpp"

namespace gradflow {

/// The models of this build, in the order in which `gradflow models` lists them.
const std::vector<ModelInfo>& models();
const ModelInfo* find_model(const std::string& name);
/// Adds a model of a user's own (see docs/own_model.md). \throws std::logic_error on a second of
/// the same name.
void register_model(ModelInfo info);

}  // namespace gradflow
