#pragma once

#include "flow/registry.hpp"

namespace gradflow {

/// Registers the models of this folder; once, however often it is called. `run_cli` does so.
void register_models();

}  // namespace gradflow
