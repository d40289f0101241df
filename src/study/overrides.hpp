#pragma once

#include <string>

#include "io/toml_document.hpp"

namespace gradflow {

/// Puts the value of an option `--set KEY=VALUE` into the document, in place of what is there or
/// besides. Keys of [study] are dotted themselves: study.flow.weight_decay is the axis
/// "flow.weight_decay". \throws ConfigError
void apply_override(TomlValue& document, const std::string& option);

/// True of what such an option gave.
bool from_option(const SourcePosition& position);

}  // namespace gradflow
